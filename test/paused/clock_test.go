//go:build linux && !sandbox

package paused

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/sentient-agi/sentientfs/test/harness"
	"github.com/sentient-agi/sentientfs/test/wirefaults/front"
)

// A clock refuses requests that were not signed in its own time, and signs the others anew for the server behind.
type clock struct{ refused atomic.Int64 }

// maxSkew is S3's.
const maxSkew = 15 * time.Minute

func (c *clock) hook(ahead time.Duration) front.Hook {
	return func(w http.ResponseWriter, r *http.Request, forward http.Handler, _ <-chan struct{}) {
		now := time.Now().Add(ahead)
		w = dated{w, now}
		at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
		if err != nil || at.Sub(now).Abs() > maxSkew {
			c.refused.Add(1)
			front.Fail(w, http.StatusForbidden, "RequestTimeTooSkewed")
			return
		}
		r.Header.Del("Authorization")
		sign := r.Clone(r.Context())
		sign.URL.Scheme, sign.URL.Host = "http", r.Host
		err = v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }).SignHTTP(r.Context(),
			aws.Credentials{AccessKeyID: harness.KeyID, SecretAccessKey: harness.Secret}, sign,
			r.Header.Get("X-Amz-Content-Sha256"), "s3", harness.Region, time.Now())
		if err != nil {
			front.Fail(w, http.StatusInternalServerError, "InternalError")
			return
		}
		r.Header = sign.Header
		forward.ServeHTTP(w, r)
	}
}

// dated gives answers the time of the clock.
type dated struct {
	http.ResponseWriter
	now time.Time
}

func (d dated) WriteHeader(status int) {
	d.Header().Set("Date", d.now.UTC().Format(http.TimeFormat))
	d.ResponseWriter.WriteHeader(status)
}

func (d dated) Write(p []byte) (int, error) {
	d.Header().Set("Date", d.now.UTC().Format(http.TimeFormat)) // too late and without effect once the header is out
	return d.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController find what the server's own writer can do.
func (d dated) Unwrap() http.ResponseWriter { return d.ResponseWriter }
