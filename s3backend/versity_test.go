//go:build !sandbox

package s3backend_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sentient-agi/sentientfs/internal/localstore"
	"github.com/sentient-agi/sentientfs/internal/object"
	"github.com/sentient-agi/sentientfs/internal/object/objecttest"
)

// startVersity starts the real server over a folder of the test. One at a time can run in a process.
func startVersity(t *testing.T) string {
	t.Helper()
	server, err := localstore.Start(t.Context(), localstore.Options{Dir: t.TempDir(), Addr: "127.0.0.1:0",
		KeyID: "key-id", Secret: "secret-key", Bucket: bucket})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server.Endpoint()
}

func TestConformanceVersity(t *testing.T) {
	url := startVersity(t)
	var n atomic.Int64
	objecttest.Run(t, func(t *testing.T) object.Store {
		opts := options(url)
		opts.Prefix = fmt.Sprintf("store-%d", n.Add(1))
		return open(t, opts)
	}, objecttest.Options{
		Racy:         "versitygw asks before it reads the body, and does not ask again",
		SilentDelete: "versitygw says yes, as S3 does",
		Refuses:      notAFile,
	})
}

// notAFile tells which keys cannot be the path of a file, which versitygw makes of them.
func notAFile(key string) string {
	switch {
	case strings.Contains(key, "//") || strings.HasPrefix(key, "/"):
		return "empty names cannot be files"
	case strings.HasPrefix(key, "flat/"):
		return "a folder is not listed beside its marker"
	}
	for _, r := range key {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xffff {
			return "a listing of versitygw is never escaped"
		}
	}
	for _, name := range strings.Split(key, "/") {
		if len(name) > 255 {
			return "a name of more than 255 bytes"
		}
	}
	return ""
}
