package s3backend

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/sentient-agi/sentientfs/internal/object"
)

const (
	// idleConnections per host: 64 HEADs of a walk and the transfers beside them, without new handshakes.
	idleConnections = 128
	dialTimeout     = 10 * time.Second
	// continueTimeout is how long a body waits for "100 Continue" before it is sent all the same.
	continueTimeout = time.Second
	bufferSize      = 64 << 10
	// maxAnswer bounds every answer but an object's bytes. The largest honest one is a listing: 1,000 keys of 1,024
	// bytes, each byte escaped to three, and as much again around them.
	maxAnswer = 8 << 20
	// maxRefusal bounds the answers that tell of an error.
	maxRefusal = 1 << 20
)

// slow are the requests whose work the server does between the question and the answer. S3 sends blanks meanwhile,
// others send nothing while they copy gigabytes from disk to disk.
var slow = map[string]bool{"CopyObject": true, "UploadPartCopy": true, "CompleteMultipartUpload": true}

// slowFactor is how much longer those may be silent.
const slowFactor = 4

// errTooLong is an answer without an end. It is not asked for again: what it costs would only be paid once more.
var errTooLong = errors.New("an answer is longer than any honest one")

// errStalled is the cause of an attempt's end when nothing moved for the time allowed.
var errStalled = errors.New("no progress")

// connect makes the client for the configured or assumed region.
func (s *Store) connect(ctx context.Context) error {
	s.transport = newTransport(s.opts)
	cfg, err := loadConfig(ctx, s.opts)
	if err != nil {
		return &object.Error{Op: "Open", Kind: object.KindInvalid, Err: fmt.Errorf("the AWS configuration cannot be read: %w", err)}
	}
	s.credentials = newCredentialSource(cfg.Credentials)
	cfg.Credentials = s.credentials
	s.region = cfg.Region
	if s.region == "" {
		s.region = defaultRegion
	}
	s.client = s3.NewFromConfig(cfg, s.configure)
	return nil
}

func (s *Store) configure(o *s3.Options) {
	o.Region = s.region
	// The client is that of the bucket alone. Those who give credentials are asked with the SDK's own, which gives up
	// after a second where there is no instance metadata.
	o.HTTPClient = &http.Client{Transport: s.transport, CheckRedirect: keepRedirect}
	o.Retryer = aws.NopRetryer{} // Store.do retries: it knows what an attempt may have done
	o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	o.DisableLogOutputChecksumValidationSkipped = true
	if s.opts.Endpoint != "" {
		o.BaseEndpoint = aws.String(s.opts.Endpoint)
	}
	if o.BaseEndpoint != nil {
		o.UsePathStyle = !s.opts.Subdomain
	}
	o.APIOptions = append(o.APIOptions, s.addHeaders)
}

// keepRedirect hands redirects to the SDK: they tell of another region, where another signature is needed.
func keepRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// transport is the connection pool, with a limit on the time without progress of each attempt.
type transport struct {
	*http.Transport
	idle  time.Duration
	agent string
	debug *debugLog
}

func newTransport(opts Options) *transport {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	return &transport{idle: opts.HTTPTimeout, agent: "sentientfs/" + opts.Version, debug: newDebugLog(opts.Debug),
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         dialer.DialContext,
			TLSHandshakeTimeout: dialTimeout,
			TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
			// HTTP/1.1 alone: parallel ranges over one HTTP/2 connection share one window and are slower on S3.
			TLSNextProto:          map[string]func(string, *tls.Conn) http.RoundTripper{},
			MaxIdleConns:          2 * idleConnections,
			MaxIdleConnsPerHost:   idleConnections,
			IdleConnTimeout:       60 * time.Second,
			ExpectContinueTimeout: continueTimeout,
			DisableCompression:    true, // the bytes of an object are what was stored, gzip or not
			ReadBufferSize:        bufferSize,
			WriteBufferSize:       bufferSize,
		}}
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	op := awsmiddleware.GetOperationName(req.Context())
	ctx, cancel := context.WithCancelCause(req.Context())
	w := &watch{idle: t.idle, cancel: cancel, ctx: ctx}
	if slow[op] {
		w.idle *= slowFactor
	}
	w.timer = time.AfterFunc(w.idle, func() { cancel(errStalled) })
	out := req.Clone(ctx)
	out.Header.Set("User-Agent", t.agent)
	if req.Body != nil && req.Body != http.NoBody {
		out.Body = &watchedRequest{ReadCloser: req.Body, w: w}
		out.GetBody = nil // a body is sent again by Store.do alone, which knows of it
	}
	began := time.Now()
	resp, err := t.Transport.RoundTrip(out)
	t.debug.log(out, resp, err, time.Since(began))
	w.timer.Stop()
	if err != nil {
		err = w.cause(err)
		cancel(nil)
		return nil, err
	}
	limit := int64(maxAnswer)
	switch {
	case resp.StatusCode >= 300:
		limit = maxRefusal
	case op == "GetObject":
		limit = -1
	}
	resp.Body = &watchedAnswer{ReadCloser: resp.Body, w: w, left: limit}
	return resp, nil
}

// watch cuts one attempt when nothing moves.
type watch struct {
	idle   time.Duration
	timer  *time.Timer
	ctx    context.Context
	cancel context.CancelCauseFunc
}

// cause tells a stall from the caller's own end of the request.
func (w *watch) cause(err error) error {
	if context.Cause(w.ctx) == errStalled {
		return fmt.Errorf("%w for %v", errStalled, w.idle)
	}
	return err
}

// watchedRequest counts each piece that the connection takes as progress.
type watchedRequest struct {
	io.ReadCloser
	w *watch
}

func (b *watchedRequest) Read(p []byte) (int, error) {
	b.w.timer.Reset(b.w.idle)
	return b.ReadCloser.Read(p)
}

// watchedAnswer counts the time in which someone waits for bytes, not that between two reads.
type watchedAnswer struct {
	io.ReadCloser
	w    *watch
	left int64 // bytes that may still come; below 0 without limit, for an object's own bytes
	deep depth
}

func (b *watchedAnswer) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, errTooLong
	}
	if b.left > 0 && int64(len(p)) > b.left {
		p = p[:b.left]
	}
	b.w.timer.Reset(b.w.idle)
	n, err := b.ReadCloser.Read(p)
	b.w.timer.Stop()
	if b.left > 0 {
		b.left -= int64(n)
		if e := b.deep.see(p[:n]); e != nil {
			return 0, e
		}
	}
	if err != nil && err != io.EOF {
		err = b.w.cause(err)
	}
	return n, err
}

func (b *watchedAnswer) Close() error {
	b.w.timer.Stop()
	err := b.ReadCloser.Close()
	b.w.cancel(nil)
	return err
}
