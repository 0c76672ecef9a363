package transfer

import (
	"context"
	"errors"
	"sync"

	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/object"
)

// maxWindows is how many walks through one file a handle may be on at once: a reader of parquet has one per column.
const maxWindows = 4

// A Reader is the read-ahead of one open handle. Its methods may be called from many goroutines at once.
type Reader struct {
	st *state

	mu      sync.Mutex // guards the following; see the package comment for the order
	windows []*window
	blocks  blocks
	reads   uint64
	held    []*fetch // those of random reads
	closed  bool
}

// NewReader returns a Reader of f, to be closed by the caller. It holds a reference to f.
func (e *Engine) NewReader(f *content.File) *Reader {
	return &Reader{st: e.use(f)}
}

// Close ends the read-ahead. What nobody else waits for is canceled.
func (r *Reader) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.closed = true
	for _, w := range r.windows {
		r.st.drop(w.held...)
	}
	r.st.drop(r.held...)
	r.windows, r.held = nil, nil
	r.st.done()
}

// ReadAt reads as io.ReaderAt does, after it made local what was missing. KindChanged and KindNotFound tell that the
// version is gone, KindUnsupported that the bytes are on their way to S3 and were given up locally. ctx ends the
// waiting, not the fetch.
func (r *Reader) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	stalled := false
	for range 8 {
		n, err := r.st.f.ReadAt(p, off)
		var miss *content.MissingError
		if !errors.As(err, &miss) {
			if n > 0 {
				r.readAhead(off, int64(n), stalled)
			}
			return n, err
		}
		if miss.Sent {
			return 0, &object.Error{Op: "read", Key: r.st.f.Target().Key, Kind: object.KindUnsupported, Err: err}
		}
		stalled = true
		if err := r.demand(ctx, off, int64(len(p))); noRoom(err) {
			return r.st.direct(ctx, p, off)
		} else if err != nil {
			return 0, err
		}
	}
	return 0, &object.Error{Op: "read", Key: r.st.f.Target().Key, Kind: object.KindCorrupt,
		Err: errors.New("the local copy does not keep what is fetched")}
}

// demand fetches what a read at off needs, and what should come with it, and waits for the former.
func (r *Reader) demand(ctx context.Context, off, n int64) error {
	from, to := r.around(off, n)
	fetches, _ := r.st.want(from, to, false)
	defer func() { r.keep(fetches) }()
	for _, ft := range fetches {
		if ft.off >= off+n || ft.end <= off {
			continue
		}
		if err := r.st.await(ctx, ft, off+n); err != nil {
			return err
		}
	}
	return nil
}

// around widens the range of a read to what is worth one request.
func (r *Reader) around(off, n int64) (from, to int64) {
	v, limit, _ := r.st.f.Base()
	end := min(off+n, limit)
	if v.Size <= smallSize {
		return 0, limit
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.findLocked(off)
	switch {
	case w != nil && w.size > 0:
		from, to = off, roundUp(end, pieceSize)
	case w != nil, off == 0:
		from, to = off, roundUp(end, windowMin)
	default:
		from, to = r.blocks.widen(off, end)
	}
	return from, min(to, limit)
}

// findLocked returns the walk that a read at off belongs to; nil for none.
func (r *Reader) findLocked(off int64) *window {
	var best *window
	for _, w := range r.windows {
		if w.walks(off) && (best == nil || distance(w.next, off) < distance(best.next, off)) {
			best = w
		}
	}
	return best
}

func distance(a, b int64) int64 { return max(a-b, b-a) }

// keep takes over the references of fetches until the Reader is closed or they are done.
func (r *Reader) keep(fetches []*fetch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		r.st.drop(fetches...)
		return
	}
	r.held = r.st.running(append(r.held, fetches...))
}

// running drops those of the fetches that are done and returns the others.
func (st *state) running(fetches []*fetch) []*fetch {
	st.mu.Lock()
	defer st.mu.Unlock()
	left := fetches[:0]
	for _, ft := range fetches {
		if !ft.done {
			left = append(left, ft)
		}
	}
	clear(fetches[len(left):])
	return left
}

// readAhead moves the walk that a read belongs to, or begins one, and asks for what comes next.
func (r *Reader) readAhead(off, n int64, stalled bool) {
	v, limit, ok := r.st.f.Base()
	if !ok || v.Size <= smallSize || off >= limit {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.reads++
	w := r.findLocked(off)
	if w == nil {
		r.beginLocked(off, n)
		return
	}
	w.used = r.reads
	w.step(off, n, stalled)
	from, to := w.ahead(limit)
	if from >= to {
		return
	}
	fetches, reached := r.st.want(from, to, true)
	w.held = r.st.running(append(w.held, fetches...))
	w.reached = max(w.reached, reached)
	if reached < to {
		w.size = max(w.size/2, windowMin) // memory or slots are short: others are served first
	}
}

// beginLocked takes a read as the first of a walk. The walk that was left longest ago is given up for it. Reads near
// the end of a file are for a footer and never push a walk out.
func (r *Reader) beginLocked(off, n int64) {
	w := &window{next: off + n, reached: off + n, reads: 1, used: r.reads}
	if off == 0 {
		w.size = windowMin
	}
	if len(r.windows) < maxWindows {
		r.windows = append(r.windows, w)
		return
	}
	if v, _, _ := r.st.f.Base(); off >= v.Size-smallSize {
		return
	}
	oldest := 0
	for i, other := range r.windows {
		if other.used < r.windows[oldest].used {
			oldest = i
		}
	}
	r.st.drop(r.windows[oldest].held...)
	r.windows[oldest] = w
}
