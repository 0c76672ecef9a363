//go:build linux && !sandbox

package harness

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"
)

func TestMain(m *testing.M) { Main(m) }

func TestServers(t *testing.T) {
	for _, kind := range []Kind{Versity, Fake} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := StartServer(t, kind)
			s.Put(t, "d/one", []byte("1"), map[string]string{"mode": "33188"})
			s.Put(t, "d/two", nil, nil)
			if got, want := s.Keys(t, "d/"), []string{"d/one", "d/two"}; !slices.Equal(got, want) {
				t.Errorf("Keys: %q, want %q", got, want)
			}
			if body, meta := s.Get(t, "d/one"); string(body) != "1" || meta["mode"] != "33188" {
				t.Errorf("Get: %q, %v", body, meta)
			}
			_, err := s.Client().PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(Bucket),
				Key: aws.String("d/one"), IfNoneMatch: aws.String("*")})
			if err == nil {
				t.Error("If-None-Match: * put over an object")
			}
			s.Delete(t, "d/one")
			before := s.Endpoint
			s.Stop(t)
			s.Start(t)
			if s.Endpoint != before {
				t.Errorf("after a restart at %s, before at %s", s.Endpoint, before)
			}
			want := map[Kind][]string{Versity: {"d/two"}}[kind]
			if got := s.Keys(t, ""); !slices.Equal(got, want) {
				t.Errorf("after a restart: %q, want %q", got, want)
			}
		})
	}
}

// through returns a client that goes through p and does not retry.
func through(p *Proxy, s *Server) *s3.Client {
	opts := s.Client().Options()
	opts.BaseEndpoint, opts.RetryMaxAttempts = aws.String(p.Endpoint), 1
	return s3.New(opts)
}

func fetch(t *testing.T, c *s3.Client, key string) (string, error) {
	out, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(Bucket), Key: &key})
	if err != nil {
		return "", err
	}
	defer out.Body.Close()
	text, err := io.ReadAll(out.Body)
	return string(text), err
}

func TestProxyCounts(t *testing.T) {
	s := StartServer(t, Fake)
	p := NewProxy(t, s)
	c := through(p, s)
	bucket, key := aws.String(Bucket), aws.String("d/k+ %?")
	if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: key, Body: strings.NewReader("text")}); err != nil {
		t.Fatal(err)
	}
	if text, err := fetch(t, c, *key); text != "text" || err != nil {
		t.Fatalf("%q, %v", text, err)
	}
	up, err := c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: bucket, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: bucket, Key: key, UploadId: up.UploadId}); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"LIST", "HEAD"} {
		p.Reset()
		if kind == "LIST" {
			_, err = c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: bucket})
		} else {
			_, err = c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: bucket, Key: key})
		}
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]int{kind: 1}, p.Counts()); diff != "" {
			t.Error(diff)
		}
	}
	p.Settle(t)
	if got, want := p.Requests(), []Request{{Kind: "HEAD", Key: *key, Status: 200}}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestProxyFaults(t *testing.T) {
	s := StartServer(t, Fake)
	p := NewProxy(t, s)
	c := through(p, s)
	s.Put(t, "k", []byte("0123456789"), nil)
	for name, f := range map[string]*Fault{
		"status":    {Status: 503, Code: "SlowDown"},
		"reset":     {Reset: true, Times: 2}, // net/http itself asks again once, on a new connection
		"truncated": {Truncate: 4},
	} {
		t.Run(name, func(t *testing.T) {
			defer p.Heal()
			f.Kinds, f.Times, f.Skip = "GET", max(f.Times, 1), 1
			p.Inject(f)
			if _, err := fetch(t, c, "k"); err != nil {
				t.Errorf("the skipped request: %v", err)
			}
			if text, err := fetch(t, c, "k"); err == nil {
				t.Errorf("the request with the fault returned %q", text)
			}
			if _, err := fetch(t, c, "k"); err != nil || f.Used() != f.Times {
				t.Errorf("the request after it: %v, used %d times", err, f.Used())
			}
		})
	}
	p.Inject(&Fault{Kinds: "PUT", Reset: true, After: true})
	if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(Bucket), Key: aws.String("done"),
		Body: strings.NewReader("x")}); err == nil {
		t.Error("the answer came through")
	}
	if body, _ := s.Get(t, "done"); string(body) != "x" {
		t.Errorf("the request did not: %q", body)
	}
}

func TestMounted(t *testing.T) {
	if m, ok := Mounted("/proc"); !ok || m.Type != "proc" {
		t.Errorf("/proc: %+v, %v", m, ok)
	}
	if m, ok := Mounted(t.TempDir()); ok {
		t.Errorf("a plain folder: %+v", m)
	}
}

func TestMountUnmountKill(t *testing.T) {
	if Plain() {
		t.Skip("needs mounts")
	}
	m := NewMount(t, MountOptions{})
	if err := os.WriteFile(m.Path("file"), []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	m.Kill(t)
	if _, err := os.Stat(m.Path("file")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("behind a mount that was killed: %v", err)
	}
	m.Start(t)
	if text, err := os.ReadFile(m.Path("file")); string(text) != "text" || err != nil {
		t.Errorf("after a restart: %q, %v", text, err)
	}
	m.Unmount(t)
	if _, ok := Mounted(m.Dir); ok {
		t.Error("still mounted")
	}
}
