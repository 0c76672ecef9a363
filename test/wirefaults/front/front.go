//go:build linux && !sandbox

package front

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/sentient-agi/sentientfs/test/harness"
)

// A Hook answers a request or lets forward do it. closed ends when the front does: what waits must end with it.
type Hook func(w http.ResponseWriter, r *http.Request, forward http.Handler, closed <-chan struct{})

// A Server is a front before another server.
type Server struct {
	Endpoint string
	web      *httptest.Server
	hook     atomic.Pointer[Hook]
	requests atomic.Int64
}

// New starts a front before s that lives as long as the test. It forwards everything until Use.
func New(t testing.TB, s *harness.Server) *Server {
	t.Helper()
	target, err := url.Parse(s.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}
	forward := &httputil.ReverseProxy{Transport: transport, FlushInterval: -1, ErrorLog: log.New(io.Discard, "", 0),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = target.Scheme, target.Host, r.In.Host // it is signed
			r.Out.URL.RawQuery = r.In.URL.RawQuery
			r.Out.Header.Del("Expect") // net/http has answered it; it is never signed
		}}
	f := &Server{}
	closed := make(chan struct{})
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.requests.Add(1)
		if h := f.hook.Load(); h != nil {
			(*h)(w, r, forward, closed)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	web.Config.ErrorLog = log.New(io.Discard, "", 0) // the lies of a suite are none of its faults
	web.Start()
	f.web, f.Endpoint = web, web.URL
	t.Cleanup(func() {
		close(closed)
		web.CloseClientConnections()
		web.Close()
		transport.CloseIdleConnections()
	})
	return f
}

// Use makes hook decide from now on; nil forwards everything.
func (f *Server) Use(hook Hook) {
	if hook == nil {
		f.hook.Store(nil)
		return
	}
	f.hook.Store(&hook)
}

// Cut ends all connections to the front.
func (f *Server) Cut() { f.web.CloseClientConnections() }

// Requests is how many requests came so far.
func (f *Server) Requests() int { return int(f.requests.Load()) }

// Fail answers with an error of S3.
func Fail(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?>`+"\n<Error><Code>"+code+
		"</Code><Message>injected</Message><RequestId>front</RequestId></Error>")
}

// Drop ends the connection without an answer.
func Drop() { panic(http.ErrAbortHandler) }

// A Discard takes an answer that nobody shall see.
type Discard struct{ header http.Header }

// NewDiscard returns one.
func NewDiscard() *Discard { return &Discard{header: http.Header{}} }

func (d *Discard) Header() http.Header         { return d.header }
func (d *Discard) Write(p []byte) (int, error) { return len(p), nil }

// WriteHeader does nothing.
func (d *Discard) WriteHeader(int) {}
