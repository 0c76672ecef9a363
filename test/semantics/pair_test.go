//go:build linux && !sandbox

package semantics

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/sentient-agi/sentientfs/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// A pair is two machines on one bucket, with a wire of their own each.
type pair struct {
	server *harness.Server
	a, b   *harness.Mount
	wireA  *harness.Proxy
}

// newPair mounts a server twice. Flags hold for both.
func newPair(t *testing.T, kind harness.Kind, flags ...string) *pair {
	t.Helper()
	p := &pair{server: harness.StartServer(t, kind)}
	p.wireA = harness.NewProxy(t, p.server)
	p.a = harness.NewMount(t, harness.MountOptions{Server: p.server, Endpoint: p.wireA.Endpoint, Args: flags})
	p.b = harness.NewMount(t, harness.MountOptions{Server: p.server, Args: flags})
	return p
}

// both runs a test against each server.
func both(t *testing.T, test func(t *testing.T, kind harness.Kind)) {
	for _, kind := range []harness.Kind{harness.Fake, harness.Versity} {
		t.Run(string(kind), func(t *testing.T) { test(t, kind) })
	}
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func wantContent(t *testing.T, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%s has %s, want %s", filepath.Base(path), brief(got), brief(want))
	}
}

func brief(b []byte) []byte {
	if len(b) > 60 {
		return append(bytes.Clone(b[:60]), "..."...)
	}
	return b
}

// wantErrno fails unless err is errno.
func wantErrno(t *testing.T, what string, err error, errno syscall.Errno) {
	t.Helper()
	if !errors.Is(err, errno) {
		t.Fatalf("%s: %v, want %v", what, err, errno)
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n)})
	_, _ = r.Read(b)
	return b
}

// appendTo appends in one open.
func appendTo(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}
