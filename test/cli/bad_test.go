//go:build linux && !sandbox

package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sentient-agi/sentientfs/test/harness"
)

// TestBadInput: each mistake has its exit code, a sentence and a hint, and leaves no mount and no process.
func TestBadInput(t *testing.T) {
	s := newShell(t)
	s.server = harness.StartServer(t, harness.Fake) // versitygw answers an unknown key with 404
	file := filepath.Join(s.home, "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	full := filepath.Join(s.home, "full")
	if err := os.MkdirAll(filepath.Join(full, "something"), 0o755); err != nil {
		t.Fatal(err)
	}
	const nobody = "http://127.0.0.1:9" // discard: nobody listens there
	for _, c := range []struct {
		name     string
		bucket   string
		dir      string // "" makes one
		endpoint string // "" means the server's
		flags    []string
		env      []string
		code     int
	}{
		{name: "wrong bucket", bucket: "no-such-bucket", code: 6},
		{name: "wrong secret", env: []string{"AWS_SECRET_ACCESS_KEY=wrong"}, code: 7},
		{name: "unknown key", env: []string{"AWS_ACCESS_KEY_ID=nobody"}, code: 7},
		{name: "no network", endpoint: nobody, flags: []string{"--http-timeout", "1s"}, code: 8},
		{name: "endpoint is no URL", endpoint: "::", code: 3},
		{name: "bucket's name is none", bucket: "NO", code: 3},
		{name: "missing mount point", dir: filepath.Join(s.home, "missing"), code: 5},
		{name: "mount point is a file", dir: file, code: 5},
		{name: "mount point is not empty", dir: full, code: 5},
		{name: "unknown flag", flags: []string{"--no-such-flag"}, code: 2},
		{name: "TTL is no duration", flags: []string{"--stat-cache-ttl", "soon"}, code: 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &shell{t: t, server: s.server, home: s.home, env: append(s.env[:len(s.env):len(s.env)], c.env...)}
			bucket, dir, at := harness.Bucket, c.dir, s.server.Endpoint
			if c.bucket != "" {
				bucket = c.bucket
			}
			if dir == "" {
				dir = s.point()
			}
			if c.endpoint != "" {
				at = c.endpoint
			}
			for _, more := range [][]string{nil, {"-f"}} { // as a daemon, and in the foreground
				args := join([]string{"mount", "--endpoint", at, "--region", harness.Region}, more, c.flags, []string{bucket, dir})
				wantFailure(t, s.run("sentientfs", args...), c.code)
				if m, ok := harness.Mounted(dir); ok {
					t.Errorf("%q left a mount: %+v", args, m)
				}
				s.waitForDaemons(dir)
			}
		})
	}
}
