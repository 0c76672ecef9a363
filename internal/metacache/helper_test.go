package metacache

import (
	"bytes"
	"context"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/sentient-agi/sentientfs/internal/object"
	"github.com/sentient-agi/sentientfs/internal/object/memstore"
)

// counting is a memory store that counts requests, cuts pages and lets a test act in the middle of a request.
type counting struct {
	*memstore.Store
	page int // most names of a page; 0 is the store's

	mu     sync.Mutex // guards what follows
	counts map[string]int
	before func(op, key string)             // runs before the store sees the request
	after  func(op, key string)             // runs before the caller sees the answer
	fail   func(op, key string) object.Kind // not 0: the request fails so
}

func newCounting() *counting {
	// An hour ago: versions that are old enough to be told apart for good.
	old := func() time.Time { return time.Now().Add(-time.Hour) }
	return &counting{Store: memstore.New(memstore.Options{Now: old}), counts: map[string]int{}}
}

func (s *counting) call(op, key string) (func(), error) {
	s.mu.Lock()
	s.counts[op]++
	before, after, fail := s.before, s.after, s.fail
	s.mu.Unlock()
	if before != nil {
		before(op, key)
	}
	if fail != nil {
		if k := fail(op, key); k != 0 {
			return nil, &object.Error{Op: op, Key: key, Kind: k}
		}
	}
	return func() {
		if after != nil {
			after(op, key)
		}
	}, nil
}

// took returns the requests since it was called last.
func (s *counting) took() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := s.counts
	s.counts = map[string]int{}
	return counts
}

func (s *counting) Head(ctx context.Context, key string) (object.Info, error) {
	done, err := s.call("HEAD", key)
	if err != nil {
		return object.Info{}, err
	}
	defer done()
	return s.Store.Head(ctx, key)
}

func (s *counting) List(ctx context.Context, opts object.ListOptions) (object.Page, error) {
	done, err := s.call("LIST", opts.Prefix)
	if err != nil {
		return object.Page{}, err
	}
	defer done()
	if s.page > 0 && (opts.Limit == 0 || opts.Limit > s.page) {
		opts.Limit = s.page
	}
	return s.Store.List(ctx, opts)
}

func (s *counting) Put(ctx context.Context, key string, b object.Body, o object.PutOptions) (object.Info, error) {
	done, err := s.call("PUT", key)
	if err != nil {
		return object.Info{}, err
	}
	defer done()
	return answered(s.Store.Put(ctx, key, b, o))
}

func (s *counting) Copy(ctx context.Context, dst, src string, o object.CopyOptions) (object.Info, error) {
	done, err := s.call("COPY", dst)
	if err != nil {
		return object.Info{}, err
	}
	defer done()
	return answered(s.Store.Copy(ctx, dst, src, o))
}

// answered leaves out what S3 does not tell of what it stored.
func answered(info object.Info, err error) (object.Info, error) {
	info.Metadata, info.ContentType = nil, ""
	return info, err
}

func (s *counting) Delete(ctx context.Context, key string, o object.DeleteOptions) error {
	done, err := s.call("DELETE", key)
	if err != nil {
		return err
	}
	defer done()
	return s.Store.Delete(ctx, key, o)
}

// put stores from another machine, as it were.
func (s *counting) put(t testing.TB, key, data string, opts object.PutOptions) {
	t.Helper()
	if _, err := s.Store.Put(t.Context(), key, object.Bytes([]byte(data)), opts); err != nil {
		t.Fatal(err)
	}
}

func (s *counting) remove(t testing.TB, key string) {
	t.Helper()
	if err := s.Store.Delete(t.Context(), key, object.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}

func ttl(d time.Duration) func(string) time.Duration {
	return func(string) time.Duration { return d }
}

// typical is the Options of a mount with goofys' TTLs and ours.
func typical() Options {
	return Options{StatTTL: ttl(time.Minute), TypeTTL: ttl(time.Minute), PosixMetadata: true, ImplicitDirs: true}
}

func newCache(t testing.TB, next object.Store, o Options) *Cache {
	t.Helper()
	c, err := New(next, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func put(t testing.TB, c *Cache, key, data string, metadata map[string]string) object.Info {
	t.Helper()
	info, err := c.Put(t.Context(), key, bytes.NewReader([]byte(data)), object.PutOptions{Metadata: metadata})
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func remove(t testing.TB, c *Cache, key string) {
	t.Helper()
	if err := c.Delete(t.Context(), key, object.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}

// what tells an entry's nature in a word.
func what(e Entry, err error) string {
	switch {
	case object.Is(err, object.KindNotFound):
		return "absent"
	case err != nil:
		return err.Error()
	case e.Dir && e.Marker:
		return "marked " + e.Info.Key
	case e.Dir:
		return "dir"
	}
	return "file " + e.Info.Key
}

func lookup(t testing.TB, c *Cache, path string, fresh bool) string {
	t.Helper()
	return what(c.Lookup(t.Context(), path, fresh))
}

// list reads all of dir, n at a time.
func list(t testing.TB, c *Cache, dir string, n int) []string {
	t.Helper()
	l, err := c.OpenDir(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return rest(t, l, 0, n, l.Read)
}

type readFunc func(ctx context.Context, pos, n int) ([]Entry, error)

func rest(t testing.TB, l *Listing, pos, n int, read readFunc) []string {
	t.Helper()
	var names []string
	for {
		got, err := read(t.Context(), pos, n)
		if err != nil {
			if what := err.Error(); what != "EOF" {
				t.Fatal(what)
			}
			return names
		}
		pos += len(got)
		for _, e := range got {
			names = append(names, shown(e))
		}
	}
}

func shown(e Entry) string {
	if e.Dir {
		return e.Name + "/"
	}
	return e.Name
}

func sum(counts map[string]int) (n int) {
	for v := range maps.Values(counts) {
		n += v
	}
	return n
}
