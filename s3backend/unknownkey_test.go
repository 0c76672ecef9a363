//go:build !sandbox

package s3backend_test

import (
	"testing"

	"github.com/sentient-agi/sentientfs/internal/object"
	"github.com/sentient-agi/sentientfs/s3backend"
)

// versitygw says 404 to a key id that it does not know: that is no missing bucket.
func TestUnknownKeyVersity(t *testing.T) {
	opts := options(startVersity(t))
	opts.Credentials = &s3backend.Static{KeyID: "nobody", Secret: "secret-key"}
	s, err := s3backend.Open(t.Context(), opts)
	if err == nil {
		_ = s.Close()
	}
	if !object.Is(err, object.KindDenied) {
		t.Errorf("Open with an unknown key id: %v, want KindDenied", err)
	}
}
