package transfer

import (
	"context"

	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/object"
)

// A job is one store of a file, for all who ask for it.
type job struct {
	gen  uint64        // it stores what was there at this generation, or later; guarded by state.mu
	left int64         // bytes; guarded by state.mu
	done chan struct{} // closed at the end
	info object.Info   // valid after done
	err  error         // valid after done
}

// Store puts everything of f into S3 under f.Target() and returns what is there then. On success f.Stored was called,
// so that f is that version. (One exception: a tail that went behind other bytes of the same length as those that f has
// before it. Then f keeps its view, has nothing left to store, and what is appended goes behind the new version.) A
// file with nothing to store costs no request.
//
// The condition follows from the Intent: New where nothing is (KindExists else), Replace without, Edit over the base
// only (KindChanged else), Append behind whatever is there. KindChanged and KindExists are final: f.Fail has recorded
// the reason and the bytes stay for the person. After every other error the bytes stay in the journal, and Store may
// be called again.
//
// One store of a file runs at a time. Who asks meanwhile waits, and gets the same answer unless the file was written
// since. The end of ctx ends the waiting only.
func (e *Engine) Store(ctx context.Context, f *content.File) (object.Info, error) {
	return e.storeAs(ctx, f, nil)
}

// storeAs stores f, as the decision late says if it is not nil.
func (e *Engine) storeAs(ctx context.Context, f *content.File, late *decision) (object.Info, error) {
	st := e.use(f)
	defer st.done()
	for {
		now := f.Generation()
		st.mu.Lock()
		j := st.job
		mine := j == nil
		if mine {
			j = &job{gen: now, done: make(chan struct{})}
			st.job = j
		}
		shared := mine || j.gen >= now
		st.mu.Unlock()
		if mine {
			e.launch(f, j, late)
		}
		select {
		case <-j.done:
		case <-ctx.Done():
			return object.Info{}, canceled("store", f.Target().Key, ctx.Err())
		}
		if shared {
			return j.info, j.err
		}
	}
}

// launch runs j on the engine's own context.
func (e *Engine) launch(f *content.File, j *job, late *decision) {
	st := e.use(f)
	end := func() {
		st.mu.Lock()
		st.job = nil
		st.mu.Unlock()
		close(j.done)
		st.done()
	}
	begun := e.start(func() {
		defer end()
		e.meter.begin(st, j)
		defer e.meter.end(st, j)
		st.stopPump(false)
		j.info, j.err = st.store(e.ctx, j, late)
	})
	if !begun {
		j.err = closedError("store", f.Target().Key)
		end()
	}
}
