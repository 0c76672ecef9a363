// Package fakes3 is gofakes3 made honest: an S3 in memory with a flat key space that compares and swaps. It must never
// be part of the program.
package fakes3

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"

	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/s3mem"
)

// New returns a server with one empty bucket. More options are gofakes3's.
func New(bucket string, options ...gofakes3.Option) (http.Handler, error) {
	back := s3mem.New()
	if err := back.CreateBucket(context.Background(), bucket); err != nil {
		return nil, err
	}
	return oneWriter(gofakes3.New(back, options...).Server()), nil
}

// oneWriter makes a compare-and-swap of gofakes3, which looks at a condition first and writes later: one request that
// changes something is served after the other, each when its body is there.
func oneWriter(next http.Handler) http.Handler {
	var mu sync.Mutex
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return // the client is gone
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			mu.Lock()
			defer mu.Unlock()
		}
		next.ServeHTTP(w, r)
	})
}
