//go:build !sandbox

package proxy

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func start(t *testing.T, h http.HandlerFunc) (*Proxy, *http.Client) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	p, err := Listen(strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	transport := &http.Transport{DisableCompression: true, ExpectContinueTimeout: time.Minute}
	t.Cleanup(transport.CloseIdleConnections)
	return p, &http.Client{Transport: transport}
}

// echo answers with what it got, in chunks where the URL says so.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Seen", fmt.Sprint(r.Method, " ", r.URL, " ", r.Host, " ", len(body)))
	if !r.URL.Query().Has("chunked") {
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	}
	for len(body) > 0 {
		n := min(100_000, len(body))
		_, _ = w.Write(body[:n])
		if r.URL.Query().Has("chunked") {
			w.(http.Flusher).Flush()
		}
		body = body[n:]
	}
}

func TestBodiesArriveWhole(t *testing.T) {
	p, client := start(t, echo)
	for _, limit := range []int64{0, 1 << 30} {
		p.Set(Line{Cap: limit})
		for _, size := range []int{0, 1, 100, 70_000, 3 << 20} {
			for _, query := range []string{"", "?chunked"} {
				for _, mode := range []string{"length", "chunks", "expect"} {
					want := bytes.Repeat([]byte("0123456789abcde"), size/15+1)[:size]
					var body io.Reader = bytes.NewReader(want)
					if mode == "chunks" {
						body = struct{ io.Reader }{body}
					}
					req, err := http.NewRequest(http.MethodPut, p.Endpoint()+"/b/key"+query, body)
					if err != nil {
						t.Fatal(err)
					}
					if mode == "expect" {
						req.Header.Set("Expect", "100-continue")
					}
					resp, err := client.Do(req)
					if err != nil {
						t.Fatalf("%d bytes%s by %s: %v", size, query, mode, err)
					}
					got, err := io.ReadAll(resp.Body)
					resp.Body.Close()
					if err != nil || !bytes.Equal(got, want) || resp.StatusCode != http.StatusOK {
						t.Fatalf("%d bytes%s by %s: %d bytes came back, status %d, %v", size, query, mode, len(got), resp.StatusCode, err)
					}
				}
			}
		}
	}
}

func TestCounts(t *testing.T) {
	p, client := start(t, echo)
	do := func(method, target, body string) {
		t.Helper()
		req, err := http.NewRequest(method, p.Endpoint()+target, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	do("HEAD", "/b/key", "")
	do("PUT", "/b/key", "12345")
	do("PUT", "/b/key?chunked", "123")
	do("GET", "/b?list-type=2&prefix=x", "")
	for deadline := time.Now().Add(time.Minute); !p.Idle(0); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the proxy is never idle")
		}
	}
	want := Counts{Requests: map[string]int{"HEAD": 1, "PUT": 2, "LIST": 1}, Up: 8, Down: 8, Most: 1, Conns: 1}
	if diff := cmp.Diff(want, p.Take()); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	do("GET", "/b/key", "")
	if got := p.Take(); got.Requests["GET"] != 1 || len(got.Requests) != 1 || got.Conns != 1 {
		t.Errorf("after Take: %+v", got)
	}
}

// TestDelay: answers never come before their time, and wait at the same time, not one after the other.
func TestDelay(t *testing.T) {
	const delay = 60 * time.Millisecond
	p, client := start(t, echo)
	p.Set(Line{Delay: delay})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			began := time.Now()
			resp, err := client.Get(p.Endpoint() + "/b/key")
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
			if took := time.Since(began); took < delay {
				t.Errorf("an answer came after %v, it waits for %v", took, delay)
			}
		})
	}
	wg.Wait()
	if got := p.Take(); got.Most < 2 {
		t.Errorf("at most %d requests were on their way at one time", got.Most)
	}
}

// TestCap: a line carries no more than it can.
func TestCap(t *testing.T) {
	const size, rate = 400_000, 4_000_000
	p, client := start(t, echo)
	p.Set(Line{Cap: rate})
	began := time.Now()
	resp, err := client.Post(p.Endpoint()+"/b/key", "", bytes.NewReader(make([]byte, size)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	// The way there and the way back are lines of their own; some of it goes while the rest is on its way.
	if took, least := time.Since(began), size*time.Second/rate; took < least {
		t.Errorf("%d bytes took %v at %d bytes a second", size, took, rate)
	}
}

// TestEarlyAnswer: a server that refuses before it has read the body is heard.
func TestEarlyAnswer(t *testing.T) {
	p, client := start(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusPreconditionFailed) })
	resp, err := client.Post(p.Endpoint()+"/b/key", "", bytes.NewReader(make([]byte, 100_000)))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusPreconditionFailed {
		t.Errorf("status %d", resp.StatusCode)
	}
}

func TestKind(t *testing.T) {
	for _, c := range []struct {
		method, target string
		copied         bool
		want           string
	}{
		{"GET", "/b/k", false, "GET"},
		{"HEAD", "/b/k/", false, "HEAD"},
		{"PUT", "/b/k", false, "PUT"},
		{"PUT", "/b/k", true, "COPY"},
		{"PUT", "/b/k?partNumber=1&uploadId=x", false, "PART"},
		{"PUT", "/b/k?partNumber=1&uploadId=x", true, "PARTCOPY"},
		{"POST", "/b/k?uploads", false, "CREATE"},
		{"POST", "/b/k?uploadId=x", false, "COMPLETE"},
		{"DELETE", "/b/k?uploadId=x", false, "ABORT"},
		{"DELETE", "/b/k", false, "DELETE"},
		{"POST", "/b?delete", false, "DELETEMANY"},
		{"GET", "/b/?list-type=2", false, "LIST"},
		{"GET", "/b?delimiter=%2F&prefix=", false, "LIST"},
		{"GET", "/b?uploads", false, "UPLOADS"},
		{"GET", "/b?location", false, "BUCKET"},
		{"HEAD", "/b", false, "BUCKET"},
	} {
		if got := Kind(c.method, c.target, c.copied); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.method, c.target, got, c.want)
		}
	}
}

// TestServe speaks with a proxy as another process does.
func TestServe(t *testing.T) {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- Serve("127.0.0.1:1", inR, outW) }()
	lines := make([]byte, 4096)
	n, err := outR.Read(lines)
	if err != nil || !strings.Contains(string(lines[:n]), `"endpoint":"http://127.0.0.1:`) {
		t.Fatalf("%q, %v", lines[:n], err)
	}
	if _, err := io.WriteString(inW, `{"set":{"Delay":1000},"take":true,"idle":1}`+"\n"); err != nil {
		t.Fatal(err)
	}
	if n, err = outR.Read(lines); err != nil || !strings.Contains(string(lines[:n]), `"idle":true`) {
		t.Errorf("%q, %v", lines[:n], err)
	}
	inW.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
