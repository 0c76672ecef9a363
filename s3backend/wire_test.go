package s3backend_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// wire stands between the Store and a server, and does to requests what networks and servers do.
type wire struct {
	next http.Handler

	mu    sync.Mutex // guards what follows
	rules []*wireRule
	seen  []string // operation of each request
	heads []http.Header
}

// wireRule does something to some requests of an operation.
type wireRule struct {
	op    string // as operationOf names it, "" for all
	skip  int
	times int // 0 for all
	do    func(w http.ResponseWriter, r *http.Request, next http.Handler)
}

func (x *wire) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	op := operationOf(r)
	x.mu.Lock()
	x.seen = append(x.seen, op)
	x.heads = append(x.heads, r.Header.Clone())
	var do func(http.ResponseWriter, *http.Request, http.Handler)
	for _, rule := range x.rules {
		if do != nil || rule.op != "" && rule.op != op {
			continue
		}
		if rule.skip > 0 {
			rule.skip--
			continue
		}
		if rule.times < 0 {
			continue
		}
		if do = rule.do; rule.times > 0 {
			if rule.times--; rule.times == 0 {
				rule.times = -1
			}
		}
	}
	x.mu.Unlock()
	if do == nil {
		x.next.ServeHTTP(w, r)
		return
	}
	do(w, r, x.next)
}

func (x *wire) add(rules ...wireRule) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, r := range rules {
		x.rules = append(x.rules, &r)
	}
}

// count is how many requests of an operation were seen.
func (x *wire) count(op string) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := 0
	for _, s := range x.seen {
		if s == op {
			n++
		}
	}
	return n
}

// headers are those of the requests of an operation.
func (x *wire) headers(op string) (all []http.Header) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i, s := range x.seen {
		if s == op {
			all = append(all, x.heads[i])
		}
	}
	return all
}

func operationOf(r *http.Request) string {
	q := r.URL.Query()
	key := strings.Count(strings.Trim(r.URL.Path, "/"), "/") > 0
	switch {
	case r.Method == "GET" && !key && q.Has("uploads"):
		return "ListUploads"
	case r.Method == "GET" && !key && q.Has("location"):
		return "Location"
	case r.Method == "GET" && !key:
		return "List"
	case r.Method == "HEAD" && !key:
		return "HeadBucket"
	case r.Method == "GET":
		return "Get"
	case r.Method == "HEAD":
		return "Head"
	case r.Method == "PUT" && q.Has("partNumber") && r.Header.Get("X-Amz-Copy-Source") != "":
		return "CopyPart"
	case r.Method == "PUT" && q.Has("partNumber"):
		return "Part"
	case r.Method == "PUT" && r.Header.Get("X-Amz-Copy-Source") != "":
		return "Copy"
	case r.Method == "PUT":
		return "Put"
	case r.Method == "POST" && q.Has("uploads"):
		return "Create"
	case r.Method == "POST" && q.Has("uploadId"):
		return "Complete"
	case r.Method == "POST":
		return "DeleteMany"
	case r.Method == "DELETE" && q.Has("uploadId"):
		return "Abort"
	case r.Method == "DELETE":
		return "Delete"
	}
	return r.Method
}

// newWire makes a Store over a wire over an S3 in this process. The first questions have been asked already.
func newWire(t *testing.T) (*wire, string) {
	t.Helper()
	x := &wire{next: withoutSSE(newFake(t))}
	return x, serve(t, x)
}

// withoutSSE hides customer keys from a server that does not know them, after the wire has seen them.
func withoutSSE(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name := range r.Header {
			if strings.Contains(name, "Server-Side-Encryption-Customer") {
				r.Header.Del(name)
			}
		}
		next.ServeHTTP(w, r)
	})
}

type doFunc = func(http.ResponseWriter, *http.Request, http.Handler)

// answer gives an error of S3 without asking the server.
func answer(status int, code string) doFunc {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		if r.Method != "HEAD" {
			_, _ = w.Write([]byte(`<?xml version="1.0"?><Error><Code>` + code + `</Code><Message>m</Message></Error>`))
		}
	}
}

// cut ends the connection without an answer.
func cut(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
		_ = c.Close()
	}
}

// lose lets the server do its work and ends the connection instead of answering.
func lose(w http.ResponseWriter, r *http.Request, next http.Handler) {
	next.ServeHTTP(httptest.NewRecorder(), r)
	cut(w, r, next)
}

// hang says nothing until the client is gone, which a server notices only when it has read the body.
func hang(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// change lets the server answer and changes the answer.
func change(how func(status *int, h http.Header, body []byte) []byte) doFunc {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		status := rec.Code
		body := how(&status, rec.Header(), bytes.Clone(rec.Body.Bytes()))
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}
}

// stopAfter sends so many bytes of the answer's body and ends the connection.
func stopAfter(n int) doFunc {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes()[:min(n, rec.Body.Len())])
		_ = http.NewResponseController(w).Flush()
		cut(w, r, next)
	}
}
