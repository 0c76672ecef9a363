package s3backend

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"net/http"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// smallObject is the size in bytes below which STANDARD_IA costs more than STANDARD (its least billed size).
const smallObject = 128 << 10

// What of the Options goes along with which request of the API.
var (
	storing = map[string]bool{"PutObject": true, "CopyObject": true, "CreateMultipartUpload": true}
	opening = map[string]bool{"PutObject": true, "CopyObject": true, "CreateMultipartUpload": true, "GetObject": true,
		"HeadObject": true, "UploadPart": true, "UploadPartCopy": true}
	openingSource = map[string]bool{"CopyObject": true, "UploadPartCopy": true}
)

// addHeaders puts how objects are stored and paid for on each request, before it is signed.
func (s *Store) addHeaders(stack *middleware.Stack) error {
	return stack.Build.Add(middleware.BuildMiddlewareFunc("sentientfs:Headers", func(ctx context.Context,
		in middleware.BuildInput, next middleware.BuildHandler) (middleware.BuildOutput, middleware.Metadata, error) {
		req, ok := in.Request.(*smithyhttp.Request)
		if !ok {
			return middleware.BuildOutput{}, middleware.Metadata{}, fmt.Errorf("a request of type %T", in.Request)
		}
		s.setHeaders(awsmiddleware.GetOperationName(ctx), req.Header, req.ContentLength)
		return next.HandleBuild(ctx, in)
	}), middleware.After)
}

func (s *Store) setHeaders(op string, h http.Header, length int64) {
	set := func(name, value string) {
		if value != "" {
			h.Set(name, value)
		}
	}
	if s.opts.RequesterPays {
		set("X-Amz-Request-Payer", "requester")
	}
	if op == "GetObject" && sumMode(s.sums.Load()) != sumNone {
		// Set here and not in the input, so that the SDK leaves the check to getBody, which goes on over broken
		// connections.
		set("X-Amz-Checksum-Mode", "ENABLED")
	}
	if storing[op] {
		set("X-Amz-Acl", s.opts.ACL)
		if s.opts.StorageClass != "STANDARD_IA" || op != "PutObject" || length >= smallObject {
			set("X-Amz-Storage-Class", s.opts.StorageClass)
		}
		set("X-Amz-Server-Side-Encryption", s.opts.SSE)
		set("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", s.opts.SSEKMSKeyID)
	}
	if s.opts.SSECKey == "" {
		return
	}
	if opening[op] {
		s.setCustomerKey(h, "X-Amz-Server-Side-Encryption-Customer-")
	}
	if openingSource[op] {
		s.setCustomerKey(h, "X-Amz-Copy-Source-Server-Side-Encryption-Customer-")
	}
}

func (s *Store) setCustomerKey(h http.Header, prefix string) {
	sum := md5.Sum([]byte(s.opts.SSECKey))
	h.Set(prefix+"Algorithm", "AES256")
	h.Set(prefix+"Key", base64.StdEncoding.EncodeToString([]byte(s.opts.SSECKey)))
	h.Set(prefix+"Key-Md5", base64.StdEncoding.EncodeToString(sum[:]))
}
