package points

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/metacache"
	"github.com/sentient-agi/sentientfs/internal/object"
	"github.com/sentient-agi/sentientfs/internal/object/faultstore"
	"github.com/sentient-agi/sentientfs/internal/object/memstore"
	"github.com/sentient-agi/sentientfs/internal/transfer"
)

// A stack is what stands below the file system of one mount.
type stack struct {
	content *content.Store
	names   *metacache.Cache
	engine  *transfer.Engine
}

func open(t *testing.T, bucket object.Store, dir string) *stack {
	t.Helper()
	var s stack
	var err error
	if s.content, err = content.Open(content.Options{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	if s.names, err = metacache.New(bucket, metacache.Options{PosixMetadata: true, ImplicitDirs: true}); err != nil {
		t.Fatal(err)
	}
	all := object.Traits{PutIfMatch: true, PutIfNoneMatch: true, CompleteIfMatch: true, CompleteIfNoneMatch: true,
		CopySourceIfMatch: true, CopyIfMatch: true, DeleteIfMatch: true, BatchDeleteIfMatch: true}
	s.engine = transfer.New(transfer.Options{Store: s.names, PartSize: partSize, Memory: 4 << 20, Traits: all})
	return &s
}

func (s *stack) close(t *testing.T) {
	t.Helper()
	s.engine.Close()
	if err := errors.Join(s.names.Close(), s.content.Close()); err != nil {
		t.Error(err)
	}
}

// A point is a request at which the bucket stops for ever.
type point struct {
	n     int
	after bool // the request is done and its answer lost; else it never arrives
}

func (p point) String() string {
	if p.after {
		return fmt.Sprintf("after request %d", p.n)
	}
	return fmt.Sprintf("before request %d", p.n)
}

// TestP5EveryRequest kills at every request of the script.
func TestP5EveryRequest(t *testing.T) {
	total := 0
	synctest.Test(t, func(t *testing.T) {
		r := run(t, point{n: -1})
		if r.err != nil {
			t.Fatalf("the script without a kill: %v", r.err)
		}
		total = r.requests
		for _, v := range r.recover(t) {
			t.Error(v)
		}
	})
	if total < 30 {
		t.Fatalf("the script makes %d requests: it does not do what it should", total)
	}
	every := 1
	if testing.Short() {
		every = 2
	}
	covered, violations, unnamed := 0, 0, 0
	for n := 0; n < total; n += every {
		for _, p := range []point{{n, false}, {n, true}} {
			synctest.Test(t, func(t *testing.T) {
				r := run(t, p)
				for _, v := range r.recover(t) {
					violations++
					t.Errorf("killed %v, in %q: %s", p, r.step, v)
				}
				unnamed += r.left
			})
			covered++
		}
	}
	fmt.Printf("figure: points: %d kill points of %d requests covered, %d uploads whose name nobody was told, violations %d\n",
		covered, total, unnamed, violations)
}

// A bucket remembers the upload that was begun last.
type bucket struct {
	*memstore.Store
	newest string // read when nothing runs
}

func (b *bucket) CreateUpload(ctx context.Context, key string, opts object.PutOptions) (object.Upload, error) {
	u, err := b.Store.CreateUpload(ctx, key, opts)
	if err == nil {
		b.newest = u.ID()
	}
	return u, err
}

// A result is what a run left: the bucket, the folder, and what the script was promised.
type result struct {
	bucket   *bucket
	dir      string
	fates    map[string]*fate
	step     string
	requests int
	err      error
	// unnamed is the last upload, if its answer may have been lost: nobody can know its name then, and so have it in a
	// record. It is the one exception.
	unnamed string
	left    int // how many of these there are
}

// run runs the script until the bucket stops at p, and copies the folder as it is then.
func run(t *testing.T, p point) *result {
	t.Helper()
	r := &result{bucket: &bucket{Store: memstore.New(memstore.Options{MinPart: 1})}, dir: filepath.Join(t.TempDir(), "after")}
	fault := faultstore.New(r.bucket)
	switch {
	case p.n < 0:
	case p.after:
		fault.Add(faultstore.Rule{Skip: p.n, Times: 1, Lost: faultstore.Fail(object.KindUnavailable)})
		fault.StopAt(p.n+1, true)
	default:
		fault.StopAt(p.n, true)
	}
	live := filepath.Join(t.TempDir(), "live")
	s := open(t, fault, live)
	c := &script{s: s, fates: map[string]*fate{}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, st := range steps() {
			r.step = st.name
			if r.err = st.do(ctx, c); r.err != nil {
				return
			}
		}
	}()
	synctest.Wait() // all of it has ended or waits for the bucket
	if err := os.CopyFS(r.dir, os.DirFS(live)); err != nil {
		t.Fatal(err)
	}
	r.fates, r.requests = snapshot(c.fates), fault.Count("")
	if p.after {
		r.unnamed = r.bucket.newest
	}
	// Nothing more reaches the bucket: a store that has stopped lets nothing through, and a script that ended has
	// nothing left to send.
	cancel()
	s.engine.Close()
	<-done
	s.close(t)
	return r
}

func snapshot(fates map[string]*fate) map[string]*fate {
	c := map[string]*fate{}
	for key, f := range fates {
		one := *f
		c[key] = &one
	}
	return c
}

// recover takes the folder up as the next process does and returns what is wrong then.
func (r *result) recover(t *testing.T) []string {
	t.Helper()
	s := open(t, r.bucket, r.dir)
	defer s.close(t)
	for _, f := range s.content.Recovered() {
		if err := s.engine.Replay(t.Context(), f); err != nil && !object.Is(err, object.KindChanged, object.KindExists) {
			t.Errorf("replay of %q: %v", f.Target().Key, err)
		}
		f.Release()
	}
	return r.check(t, s)
}

// check returns the violations of P5.
func (r *result) check(t *testing.T, s *stack) (wrong []string) {
	t.Helper()
	records := s.content.Records()
	for key, f := range r.fates {
		body, there := r.body(t, key)
		var kept [][]byte
		for _, rec := range records {
			if rec.Target.Key == key {
				kept = append(kept, recorded(t, s, rec.ID))
			}
		}
		wrong = append(wrong, f.judge(key, body, there, kept)...)
	}
	uploads, err := r.bucket.ListUploads(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range uploads {
		known := slices.ContainsFunc(records, func(rec content.Record) bool { return rec.Upload != nil && rec.Upload.ID == u.ID })
		switch {
		case known:
		case u.ID == r.unnamed:
			r.left++
		default:
			wrong = append(wrong, fmt.Sprintf("the upload %s of %q is in no record", u.ID, u.Key))
		}
	}
	return wrong
}

// judge says what is wrong with what was found under a key: body in the bucket, kept in the journal.
func (f *fate) judge(key string, body []byte, there bool, kept [][]byte) (wrong []string) {
	was := there && (f.stored != nil && bytes.Equal(body, f.stored) || f.acked != nil && bytes.Equal(body, f.acked))
	if there && !was {
		wrong = append(wrong, fmt.Sprintf("%q has %d bytes in the bucket that it never had: stored were %d, written %d",
			key, len(body), len(f.stored), len(f.acked)))
	}
	if f.gone {
		return wrong
	}
	if !there && f.stored != nil {
		wrong = append(wrong, fmt.Sprintf("%q was stored and is gone", key))
	}
	safe := there && bytes.Equal(body, f.acked)
	for _, k := range kept {
		safe = safe || bytes.Equal(k, f.acked)
	}
	if f.acked != nil && !safe {
		wrong = append(wrong, fmt.Sprintf("%q: the %d bytes that were written are neither in the bucket (%d bytes) nor in the journal (%d records)",
			key, len(f.acked), len(body), len(kept)))
	}
	return wrong
}

func (r *result) body(t *testing.T, key string) ([]byte, bool) {
	t.Helper()
	rd, err := r.bucket.Get(t.Context(), key, object.GetOptions{})
	if object.Is(err, object.KindNotFound) {
		return nil, false
	}
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	body, err := io.ReadAll(rd)
	if err != nil {
		t.Fatal(err)
	}
	return body, true
}

// recorded returns the bytes of a record, fetching what is the base's.
func recorded(t *testing.T, s *stack, id string) []byte {
	t.Helper()
	f, ok := s.content.File(id)
	if !ok {
		return nil
	}
	defer f.Release()
	rd := s.engine.NewReader(f)
	defer rd.Close()
	body := make([]byte, f.Size())
	if n, err := rd.ReadAt(t.Context(), body, 0); err != nil && err != io.EOF {
		t.Logf("the record %s cannot be read: %v", id, err)
		return body[:n]
	}
	return body
}

// TestJudgeFindsViolations: the checker of this suite is no rubber stamp.
func TestJudgeFindsViolations(t *testing.T) {
	old, new := []byte("old"), []byte("old and new")
	for name, c := range map[string]struct {
		f     fate
		body  []byte
		there bool
		kept  [][]byte
		wrong int
	}{
		"stored":              {fate{stored: new, acked: new}, new, true, nil, 0},
		"in the journal":      {fate{stored: old, acked: new}, old, true, [][]byte{new}, 0},
		"written and lost":    {fate{stored: old, acked: new}, old, true, [][]byte{old}, 1},
		"torn":                {fate{stored: old, acked: new}, new[:5], true, [][]byte{new}, 1},
		"stored and gone":     {fate{stored: old, acked: new}, nil, false, [][]byte{new}, 1},
		"removed":             {fate{stored: old, acked: old, gone: true}, nil, false, nil, 0},
		"removed, not yet":    {fate{stored: old, acked: old, gone: true}, old, true, nil, 0},
		"removed, then torn":  {fate{acked: new, gone: true}, new[:5], true, nil, 1},
		"empty and nowhere":   {fate{acked: []byte{}}, nil, false, nil, 1},
		"empty and recovered": {fate{acked: []byte{}}, nil, false, [][]byte{{}}, 0},
	} {
		if got := c.f.judge(name, c.body, c.there, c.kept); len(got) != c.wrong {
			t.Errorf("%s: %q, want %d", name, got, c.wrong)
		}
	}
}
