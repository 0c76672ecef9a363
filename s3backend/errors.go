package s3backend

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// answerError is an answer that cannot be true. It is never believed and asked for again.
type answerError struct{ what string }

func (e *answerError) Error() string { return e.what }

// bodyError is a failure to read what was to be sent: no matter of the server.
type bodyError struct{ err error }

func (e *bodyError) Error() string { return "the body cannot be read: " + e.err.Error() }
func (e *bodyError) Unwrap() error { return e.err }

// verdict says what an error of one attempt means.
type verdict struct {
	kind    object.Kind
	retry   bool
	maybe   bool // the server may have done what it was asked to
	expired bool // new credentials may help
	bare    bool // a refusal that does not say why, as that of a HEAD: it may be the clock
	after   time.Duration
}

var (
	failed     = func(k object.Kind) verdict { return verdict{kind: k} }
	again      = func(k object.Kind) verdict { return verdict{kind: k, retry: true} }
	maybeAgain = func(k object.Kind) verdict { return verdict{kind: k, retry: true, maybe: true} }
)

// byCode is for S3's error codes ("Error responses" in its API reference) and those of MinIO, Ceph, R2 and versitygw.
var byCode = map[string]verdict{
	"NoSuchKey": failed(object.KindNotFound), "NotFound": failed(object.KindNotFound),
	"NoSuchVersion": failed(object.KindNotFound), "NoSuchUpload": failed(object.KindNotFound),
	"NoSuchBucket": failed(object.KindNoBucket), "InvalidBucketName": failed(object.KindNoBucket),
	"PreconditionFailed": failed(object.KindChanged), "NotModified": failed(object.KindNotModified),

	"AccessDenied": failed(object.KindDenied), "AllAccessDisabled": failed(object.KindDenied),
	"AccountProblem": failed(object.KindDenied), "InvalidAccessKeyId": failed(object.KindDenied),
	"SignatureDoesNotMatch": failed(object.KindDenied), "InvalidSecurity": failed(object.KindDenied),
	"NotSignedUp": failed(object.KindDenied), "UnauthorizedAccess": failed(object.KindDenied),
	"XAdminUserNotFound": failed(object.KindDenied), // versitygw's 404 for an unknown key id
	"Forbidden":          {kind: object.KindDenied, retry: true, bare: true}, "InvalidObjectState": failed(object.KindDenied),
	"ExpiredToken":         {kind: object.KindDenied, expired: true},
	"InvalidToken":         {kind: object.KindDenied, expired: true},
	"TokenRefreshRequired": {kind: object.KindDenied, expired: true},

	"SlowDown": again(object.KindThrottled), "Throttling": again(object.KindThrottled),
	"ThrottlingException": again(object.KindThrottled), "RequestLimitExceeded": again(object.KindThrottled),
	"TooManyRequests": again(object.KindThrottled), "ServiceUnavailable": maybeAgain(object.KindUnavailable),
	"InternalError": maybeAgain(object.KindUnavailable), "RequestTimeout": maybeAgain(object.KindTimeout),
	"OperationAborted": again(object.KindUnavailable), "ConditionalRequestConflict": again(object.KindUnavailable),

	"QuotaExceeded": failed(object.KindQuota), "XMinioStorageFull": failed(object.KindQuota),
	"XMinioAdminBucketQuotaExceeded": failed(object.KindQuota), "InsufficientStorage": failed(object.KindQuota),

	"IncompleteBody": again(object.KindCorrupt), "BadDigest": again(object.KindCorrupt),
	"InvalidDigest": again(object.KindCorrupt), "XAmzContentChecksumMismatch": again(object.KindCorrupt),
	"XAmzContentSHA256Mismatch": again(object.KindCorrupt),
	"RequestTimeTooSkewed":      again(object.KindClockSkew), "RequestInTheFuture": again(object.KindClockSkew),

	"InvalidRange": failed(object.KindRange), "RequestedRangeNotSatisfiable": failed(object.KindRange),
	"EntityTooLarge": failed(object.KindTooLarge), "MetadataTooLarge": failed(object.KindTooLarge),
	"KeyTooLongError": failed(object.KindInvalid), "KeyTooLong": failed(object.KindInvalid),
	"InvalidArgument": failed(object.KindInvalid), "InvalidRequest": failed(object.KindInvalid),
	"InvalidPart": failed(object.KindInvalid), "InvalidPartOrder": failed(object.KindInvalid),
	"EntityTooSmall": failed(object.KindInvalid), "MalformedXML": failed(object.KindInvalid),
	"NotImplemented": failed(object.KindUnsupported), "MethodNotAllowed": failed(object.KindUnsupported),
	"PermanentRedirect": failed(object.KindWrongRegion), "TemporaryRedirect": failed(object.KindWrongRegion),
	"Redirect": failed(object.KindWrongRegion), "AuthorizationHeaderMalformed": failed(object.KindWrongRegion),
	"IllegalLocationConstraintException": failed(object.KindWrongRegion),
}

// byStatus is for answers without a code that says more, as those of HEAD, which have no body.
var byStatus = map[int]verdict{
	301: failed(object.KindWrongRegion), 307: failed(object.KindWrongRegion), 304: failed(object.KindNotModified),
	400: failed(object.KindInvalid), 401: failed(object.KindDenied), 403: {kind: object.KindDenied, retry: true, bare: true},
	404: failed(object.KindNotFound), 405: failed(object.KindUnsupported), 408: maybeAgain(object.KindTimeout),
	409: again(object.KindUnavailable), 412: failed(object.KindChanged), 413: failed(object.KindTooLarge),
	416: failed(object.KindRange), 429: again(object.KindThrottled), 501: failed(object.KindUnsupported),
	507: failed(object.KindQuota),
}

// classify says what the error of one attempt means. The caller's own context has been asked before.
func classify(err error) verdict {
	var (
		body   *bodyError
		creds  *credentialsError
		answer *answerError
		cert   *tls.CertificateVerificationError
		auth   x509.UnknownAuthorityError
	)
	switch {
	case errors.As(err, &body):
		return failed(object.KindUnknown)
	case errors.As(err, &creds):
		return failed(object.KindDenied)
	case errors.Is(err, errStalled):
		return maybeAgain(object.KindTimeout)
	case errors.Is(err, errTooLong), errors.Is(err, errTooDeep):
		return failed(object.KindCorrupt)
	case errors.As(err, &answer):
		return maybeAgain(object.KindCorrupt)
	case errors.As(err, &cert), errors.As(err, &auth):
		return failed(object.KindUnavailable)
	}
	if v, ok := classifyAnswer(err); ok {
		return v
	}
	var (
		deserialize *smithy.DeserializationError
		serialize   *smithy.SerializationError
		params      smithy.InvalidParamsError
		send        *smithyhttp.RequestSendError
	)
	switch {
	case errors.As(err, &send):
		return maybeAgain(object.KindUnavailable)
	case errors.As(err, &deserialize):
		return maybeAgain(object.KindCorrupt)
	case errors.As(err, &serialize), errors.As(err, &params):
		return failed(object.KindInvalid)
	case errors.Is(err, context.DeadlineExceeded):
		return maybeAgain(object.KindTimeout)
	}
	return maybeAgain(object.KindUnavailable)
}

// classifyAnswer goes by the code and the status of an answer, if there is one.
func classifyAnswer(err error) (verdict, bool) {
	var (
		resp  *smithyhttp.ResponseError
		after time.Duration
	)
	status := 0
	if errors.As(err, &resp) && resp.Response != nil && resp.Response.Response != nil {
		status = resp.HTTPStatusCode()
		after = retryAfter(resp.Response.Header)
	}
	if v, ok := byCode[codeOf(err)]; ok {
		v.after = after
		return v, true
	}
	v, ok := byStatus[status]
	switch {
	case ok:
	case status >= 500:
		v = maybeAgain(object.KindUnavailable)
	case status >= 300:
		v = failed(object.KindInvalid)
	default:
		return verdict{}, false
	}
	v.after = after
	return v, true
}

func codeOf(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// retryAfter reads the header's seconds; its other form, a date, is not used by any S3.
func retryAfter(h http.Header) time.Duration {
	n, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || n < 0 || n > 3600 {
		return 0
	}
	return time.Duration(n) * time.Second
}

// wrap makes an *object.Error of a verdict.
func wrap(op, key string, kind object.Kind, err error) error {
	if codeOf(err) == "NoSuchUpload" {
		err = errors.Join(object.ErrNoUpload, err)
	}
	return &object.Error{Op: op, Key: key, Kind: kind, Err: err}
}
