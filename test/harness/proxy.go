//go:build linux && !sandbox

package harness

import (
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Request is one that went through a Proxy.
type Request struct {
	Kind   string // one of the words that KindOf returns
	Key    string // "" for those to the bucket
	Status int    // of the answer; 0 where there was none, or is none yet
}

// A Proxy stands before a Server, notes each request and injects faults. It is part of the test's own process.
type Proxy struct {
	Endpoint string

	mu       sync.Mutex
	requests []*Request
	inFlight map[string]int // by kind
	most     map[string]int // the most of each kind at one time since Reset
	faults   []*Fault
	last     time.Time // when the last request came
	closed   chan struct{}
}

// NewProxy starts a proxy before s that lives as long as the test.
func NewProxy(t testing.TB, s *Server) *Proxy {
	t.Helper()
	target, err := url.Parse(s.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}
	p := &Proxy{inFlight: map[string]int{}, most: map[string]int{}, closed: make(chan struct{})}
	forward := &httputil.ReverseProxy{
		Transport:     transport,
		FlushInterval: -1, // what a cut answer has got to, gets to the client
		ErrorLog:      log.New(io.Discard, "", 0),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host
			r.Out.Host = r.In.Host // it is signed
			r.Out.URL.RawQuery = r.In.URL.RawQuery
			r.Out.Header.Del("Expect") // net/http has answered it; it is never signed
		},
		ModifyResponse: spoil,
	}
	web := httptest.NewServer(p.handler(forward))
	p.Endpoint = web.URL
	t.Cleanup(func() {
		close(p.closed) // ends the stalls
		web.CloseClientConnections()
		web.Close()
		transport.CloseIdleConnections()
	})
	return p
}

// KindOf names a request: LIST, GET, HEAD, PUT, COPY, DELETE, DELETEMANY, CREATE, PART, PARTCOPY, COMPLETE, ABORT,
// UPLOADS, or HEADBUCKET and BUCKET for the others to the bucket.
func KindOf(r *http.Request) (kind, key string) {
	_, key, _ = strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	q := r.URL.Query()
	part, upload := q.Has("partNumber"), q.Has("uploadId")
	copied := r.Header.Get("X-Amz-Copy-Source") != ""
	switch {
	case key == "" && r.Method == http.MethodGet && q.Has("uploads"):
		kind = "UPLOADS"
	case key == "" && r.Method == http.MethodGet && q.Has("list-type"):
		kind = "LIST"
	case key == "" && r.Method == http.MethodPost && q.Has("delete"):
		kind = "DELETEMANY"
	case key == "" && r.Method == http.MethodHead:
		kind = "HEADBUCKET"
	case key == "":
		kind = "BUCKET"
	case r.Method == http.MethodPut && part && copied:
		kind = "PARTCOPY"
	case r.Method == http.MethodPut && part:
		kind = "PART"
	case r.Method == http.MethodPut && copied:
		kind = "COPY"
	case r.Method == http.MethodPost && q.Has("uploads"):
		kind = "CREATE"
	case r.Method == http.MethodPost && upload:
		kind = "COMPLETE"
	case r.Method == http.MethodDelete && upload:
		kind = "ABORT"
	default:
		kind = r.Method
	}
	return kind, key
}

func (p *Proxy) handler(forward http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request, fault := p.begin(r)
		status := &statusWriter{ResponseWriter: w}
		defer func() { p.end(request, status.status) }()
		fault.serve(status, r, forward, p.closed)
	})
}

// begin notes a request when it comes, so that who has its answer finds it counted.
func (p *Proxy) begin(r *http.Request) (*Request, *Fault) {
	kind, key := KindOf(r)
	request := &Request{Kind: kind, Key: key}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests, p.last = append(p.requests, request), time.Now()
	p.inFlight[kind]++
	p.most[kind] = max(p.most[kind], p.inFlight[kind])
	for _, f := range p.faults {
		if f.takes(kind, key) {
			return request, f
		}
	}
	return request, &Fault{}
}

func (p *Proxy) end(r *Request, status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inFlight[r.Kind]--
	r.Status = status
}

// quiet is how long nothing must have come for Settle. A lookup may be answered before the last of its questions is
// sent, and nothing tells from outside whether there will be one.
const quiet = 100 * time.Millisecond

// Settle waits until no request is on its way and none has come for a while.
func (p *Proxy) Settle(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(patience); !p.settled(); time.Sleep(quiet / 20) {
		if time.Now().After(deadline) {
			t.Fatal("requests are still on their way")
		}
	}
}

func (p *Proxy) settled() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range p.inFlight {
		if n > 0 {
			return false
		}
	}
	return time.Since(p.last) >= quiet
}

// Reset forgets the requests so far.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests, p.most = nil, map[string]int{}
}

// Requests returns the requests since Reset.
func (p *Proxy) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []Request
	for _, r := range p.requests {
		all = append(all, *r)
	}
	return all
}

// Counts returns how many requests of each kind there were since Reset.
func (p *Proxy) Counts() map[string]int {
	counts := map[string]int{}
	for _, r := range p.Requests() {
		counts[r.Kind]++
	}
	return counts
}

// Most returns how many requests of each kind there were at one time, at most.
func (p *Proxy) Most() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.most)
}

// statusWriter notes the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController find what the server's own writer can do.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
