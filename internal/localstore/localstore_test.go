//go:build !sandbox

package localstore

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const bucket = "test-bucket"

// start runs a store over dir and returns it with a client.
func start(t *testing.T, dir string) (*Server, *s3.Client) {
	t.Helper()
	s, err := Start(t.Context(), Options{Dir: dir, KeyID: "key", Secret: "secret", Bucket: bucket})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s, client(s, "secret", nil)
}

func client(s *Server, secret string, hc *http.Client) *s3.Client {
	opts := s3.Options{BaseEndpoint: aws.String(s.Endpoint()), Region: Region, UsePathStyle: true, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("key", secret, "")}
	if hc != nil {
		opts.HTTPClient = hc
	}
	return s3.New(opts)
}

func put(t *testing.T, c *s3.Client, key, body string) {
	t.Helper()
	if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: &key,
		Body: strings.NewReader(body), Metadata: map[string]string{"mode": "33188"}}); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, c *s3.Client, key string) (body, mode string) {
	t.Helper()
	out, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(bucket), Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	text, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), out.Metadata["mode"]
}

func TestObjectsOutliveTheServer(t *testing.T) {
	for _, form := range []string{"xattr", "sidecar"} {
		t.Run(form, func(t *testing.T) {
			dir := t.TempDir()
			if form == "sidecar" { // as on a filesystem without extended attributes
				if err := os.Mkdir(filepath.Join(dir, "meta"), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			s, c := start(t, dir)
			put(t, c, "a/b", "hello")
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(filepath.Join(dir, "buckets", bucket, "a", "b"))
			if err != nil || string(text) != "hello" {
				t.Fatalf("the object as a file: %q, %v", text, err)
			}
			_, c = start(t, dir) // the bucket is there already
			if body, mode := get(t, c, "a/b"); body != "hello" || mode != "33188" {
				t.Fatalf("after a restart: %q, mode %q", body, mode)
			}
		})
	}
}

func TestLongNames(t *testing.T) {
	_, c := start(t, t.TempDir())
	name := strings.Repeat("n", 255)
	for _, text := range []string{"first", "second"} {
		put(t, c, name, text)
		if got, _ := get(t, c, name); got != text {
			t.Errorf("%q, want %q", got, text)
		}
	}
}

func TestKeepsConnections(t *testing.T) {
	s, _ := start(t, t.TempDir())
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	c := client(s, "secret", &http.Client{Transport: transport})
	put(t, c, "k", "v")
	var reused bool
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused }})
	if _, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(bucket), Key: aws.String("k")}); err != nil {
		t.Fatal(err)
	}
	if !reused {
		t.Error("the second request needed a new connection")
	}
}

func TestRefusesAWrongSecret(t *testing.T) {
	s, _ := start(t, t.TempDir())
	c := client(s, "wrong", nil)
	if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String("k"),
		Body: bytes.NewReader(nil)}); err == nil {
		t.Error("a request signed with a wrong secret was served")
	}
}

func TestStartErrors(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	before, _ := os.Getwd()
	_, err = Start(t.Context(), Options{Dir: t.TempDir(), Addr: ln.Addr().String(), KeyID: "key", Secret: "secret"})
	if !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("an address in use: %v", err)
	}
	if after, _ := os.Getwd(); after != before {
		t.Errorf("a failed start left the working directory at %s", after)
	}
	for name, opts := range map[string]Options{
		"no folder":         {},
		"no port":           {Dir: t.TempDir(), Addr: "127.0.0.1"},
		"no host":           {Dir: t.TempDir(), Addr: ":9000"},
		"folder is a file":  {Dir: file(t, "x"), KeyID: "key", Secret: "secret"},
		"bad bucket's name": {Dir: t.TempDir(), KeyID: "key", Secret: "secret", Bucket: "NO"},
	} {
		if s, err := Start(t.Context(), opts); err == nil {
			t.Errorf("%s: no error", name)
			_ = s.Close()
		}
	}
	start(t, t.TempDir()) // none of these is in the way of the next
	if _, err := Start(t.Context(), Options{Dir: t.TempDir(), KeyID: "key", Secret: "secret"}); err == nil {
		t.Error("a second server started in one process")
	}
}

func TestEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	before, _ := os.Getwd()
	s, err := Start(ctx, Options{Dir: t.TempDir(), KeyID: "key", Secret: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := s.Wait(); err != nil {
		t.Errorf("Wait: %v", err)
	}
	if after, _ := os.Getwd(); after != before {
		t.Errorf("the working directory is %s afterwards", after)
	}
	// That the port is taken would prove nothing: another process may have it by now, even the dialing one.
	client := http.Client{Timeout: time.Second}
	if answer, err := client.Get(s.Endpoint()); err == nil {
		answer.Body.Close()
		if strings.Contains(answer.Header.Get("Server"), "VERSITYGW") {
			t.Error("it still answers")
		}
	}
}

func file(t *testing.T, text string) string {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestKeys(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	dir := filepath.Join(t.TempDir(), "new")
	id, secret, err := Keys(dir)
	if err != nil || len(id) != 20 || len(secret) != 40 {
		t.Fatalf("new keys: %q, %d characters, %v", id, len(secret), err)
	}
	info, err := os.Stat(filepath.Join(dir, "keys"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file of keys: %v, %v", info.Mode(), err)
	}
	if names, _ := os.ReadDir(dir); len(names) != 1 {
		t.Errorf("left over: %v", names)
	}
	if id2, secret2, err := Keys(dir); id2 != id || secret2 != secret || err != nil {
		t.Errorf("the second call returned others: %v", err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "mine")
	if _, _, err := Keys(dir); err == nil {
		t.Error("half a pair in the environment was taken")
	}
	t.Setenv("AWS_SECRET_ACCESS_KEY", "too")
	if id, secret, err := Keys(dir); id != "mine" || secret != "too" || err != nil {
		t.Errorf("from the environment: %q %q %v", id, secret, err)
	}
}

func TestKeysThatAreNotSafe(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	dir := t.TempDir()
	name := filepath.Join(dir, "keys")
	if err := os.WriteFile(name, []byte(`{"secret_access_key": "hush hush"`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Keys(dir); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("readable by others: %v", err)
	}
	if err := os.Chmod(name, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Keys(dir); err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("half a file: %v", err)
	}
}
