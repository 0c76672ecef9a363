package transfer

import (
	"context"
	"errors"

	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/object"
)

// ErrBaseGone is in the chain of the error of a Restore that needs bytes of a version which is not in the bucket any
// more.
var ErrBaseGone = errors.New("the version that it was made of is gone")

// RestoreOptions say what a person decided about a file of the journal.
type RestoreOptions struct {
	Key       string // where to store it; "" is the file's own key
	Overwrite bool   // also where something else is, which is asked for first and replaced only if it is still that
}

// Restore stores a file of the journal that a person decided about, whatever state its record is in. Without options it
// is Replay. With another key the whole file goes there, an append with the bytes that it was appended to. KindExists
// and KindChanged tell that something else is there, and ErrBaseGone that bytes are missing; the file stays in the
// journal then. The end of ctx ends the waiting only.
func (e *Engine) Restore(ctx context.Context, f *content.File, o RestoreOptions) error {
	st := e.use(f)
	defer st.done()
	result := make(chan error, 1)
	if !e.start(func() { result <- st.restore(e.ctx, o) }) {
		return closedError("restore", f.Target().Key)
	}
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return canceled("restore", f.Target().Key, ctx.Err())
	}
}

func (st *state) restore(ctx context.Context, o RestoreOptions) error {
	s := st.shoot(&job{}, nil)
	own := o.Key == "" || o.Key == s.target.Key
	if own {
		if !o.Overwrite || s.appends {
			return st.replay(ctx)
		}
		o.Key = s.target.Key
	}
	now, err := st.e.store.Head(ctx, o.Key)
	there := err == nil
	switch {
	case err != nil && !object.Is(err, object.KindNotFound):
		return err
	case there && !o.Overwrite:
		return &object.Error{Op: "restore", Key: o.Key, Kind: object.KindExists}
	}
	st.recall()
	if own && st.replayable(ctx, s, now, there) {
		return st.replay(ctx)
	}
	if err := st.local(ctx, 0, s.size); refused(err) {
		return &object.Error{Op: "restore", Key: o.Key, Kind: object.KindNotFound, Err: ErrBaseGone}
	} else if err != nil && !noRoom(err) {
		return err
	}
	d := &decision{condition: condition{etag: now.ETag, none: !there}, key: o.Key, whole: true}
	_, err = st.e.storeAs(ctx, st.f, d)
	return err
}

// replayable tells whether a replay would find no conflict.
func (st *state) replayable(ctx context.Context, s shot, now object.Info, there bool) bool {
	if there && (st.tried(now) != nil || st.landed(ctx, s, now)) {
		return true
	}
	_, ok := s.late(now, there)
	return ok
}
