//go:build linux && !sandbox

package harness

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// A Fault is what a Proxy does to some requests instead of forwarding them as they are. Of several that match a
// request the first that is not used up is taken.
type Fault struct {
	Kinds string // words of KindOf, separated by spaces; "" means every kind
	Key   string // a part of the key; "" means every key
	Skip  int    // so many matching requests go through first
	Times int    // how often; 0 means always

	Latency   time.Duration // wait before anything else
	Status    int           // answer this, with Code in the body
	Code      string        // S3's word for it, such as SlowDown
	Reset     bool          // end the connection without an answer
	After     bool          // with Reset and Status: only after the server did what was asked
	Stall     bool          // never answer
	Truncate  int64         // end the connection after so many bytes of the answer's body
	ErrorBody bool          // answer 200 with Code in the body, as Complete and Copy may

	seen, used atomic.Int64
}

// Inject adds a fault.
func (p *Proxy) Inject(f *Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, f)
}

// Heal removes all faults.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = nil
}

// Used tells how many requests had the fault.
func (f *Fault) Used() int { return int(f.used.Load()) }

func (f *Fault) takes(kind, key string) bool {
	if f.Kinds != "" && !strings.Contains(" "+f.Kinds+" ", " "+kind+" ") || !strings.Contains(key, f.Key) {
		return false
	}
	if f.seen.Add(1) <= int64(f.Skip) {
		return false
	}
	if f.Times > 0 && f.used.Load() >= int64(f.Times) {
		return false
	}
	f.used.Add(1)
	return true
}

type truncateKey struct{}

func (f *Fault) serve(w http.ResponseWriter, r *http.Request, forward http.Handler, closed <-chan struct{}) {
	if f.Latency > 0 {
		select {
		case <-time.After(f.Latency):
		case <-closed:
		case <-r.Context().Done():
		}
	}
	if f.After {
		forward.ServeHTTP(discardWriter{header: http.Header{}}, r)
	}
	switch {
	case f.Stall:
		select {
		case <-closed:
		case <-r.Context().Done():
		}
		panic(http.ErrAbortHandler)
	case f.Reset:
		panic(http.ErrAbortHandler)
	case f.Status != 0 || f.ErrorBody:
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(max(f.Status, http.StatusOK))
		fmt.Fprintf(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>injected</Message>"+
			"<RequestId>harness</RequestId></Error>", f.Code)
	case f.Truncate > 0:
		forward.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), truncateKey{}, f.Truncate)))
	default:
		forward.ServeHTTP(w, r)
	}
}

// spoil cuts the body of an answer that a fault wants cut.
func spoil(resp *http.Response) error {
	if n, ok := resp.Request.Context().Value(truncateKey{}).(int64); ok {
		resp.Body = &cutBody{ReadCloser: resp.Body, left: n}
	}
	return nil
}

// cutBody fails after some bytes, whereupon ReverseProxy ends the connection.
type cutBody struct {
	io.ReadCloser
	left int64
}

func (b *cutBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// discardWriter takes an answer that nobody shall see.
type discardWriter struct{ header http.Header }

func (w discardWriter) Header() http.Header         { return w.header }
func (w discardWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w discardWriter) WriteHeader(int)             {}
