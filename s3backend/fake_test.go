package s3backend_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/rclone/gofakes3"

	"github.com/sentient-agi/sentientfs/internal/object"
	"github.com/sentient-agi/sentientfs/internal/object/objecttest"
	"github.com/sentient-agi/sentientfs/s3backend"
	"github.com/sentient-agi/sentientfs/test/fakes3"
)

const bucket = "test-bucket"

// newFake makes an S3 in this process with an empty bucket.
func newFake(t *testing.T) http.Handler {
	t.Helper()
	fake, err := fakes3.New(bucket, gofakes3.WithoutVersioning())
	if err != nil {
		t.Fatal(err)
	}
	return fake
}

// options reach a test server quickly and give up soon, but not so soon that a busy machine is taken for a broken one.
func options(url string) s3backend.Options {
	return s3backend.Options{Bucket: bucket, Endpoint: url, Region: "us-east-1",
		Credentials: &s3backend.Static{KeyID: "key-id", Secret: "secret-key"}, RetryBase: time.Millisecond}
}

func open(t *testing.T, opts s3backend.Options) *s3backend.Store {
	t.Helper()
	s, err := s3backend.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

func TestConformanceFake(t *testing.T) {
	for _, prefix := range []string{"", "a/prefix"} {
		t.Run("prefix="+prefix, func(t *testing.T) {
			objecttest.Run(t, func(t *testing.T) object.Store {
				opts := options(serve(t, newFake(t)))
				opts.Prefix = prefix
				return open(t, opts)
			}, objecttest.Options{PlainETags: true,
				MetadataLimit:      1800, // it counts the headers' names too
				SilentDelete:       "gofakes3 says yes, as S3 does",
				StartAfterExisting: "gofakes3 ends the listing at a marker that is not there",
			})
		})
	}
}
