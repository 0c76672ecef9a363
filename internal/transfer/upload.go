package transfer

import (
	"context"
	"errors"
	"time"

	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/object"
)

// abortTime is how long giving up an upload may take after the engine was closed.
const abortTime = 5 * time.Second

// A streaming is what is known of an upload that this process began. state.mu guards the pointer.
type streaming struct {
	id, nonce string
	target    content.Target // whose metadata the object will have
}

// least is the least size of a part that is not the last.
func (e *Engine) least() int64 { return min(minPartSize, e.opts.PartSize) }

// streams tells whether all of s is new, so that its parts may lie where the layout has them.
func (s *shot) streams() bool { return s.limit == 0 && s.from == 0 }

// send stores s in the form that suits its size and returns the attempt of which the answer is.
func (st *state) send(ctx context.Context, s shot) (object.Info, attempt, error) {
	u, begun := st.f.Upload()
	whole := s.size <= st.e.opts.PartSize && !(begun && st.punched(u))
	if begun && (whole || u.Key != s.target.Key || u.PartSize != st.e.opts.PartSize || !s.streams()) {
		if err := st.dropUpload(ctx); err != nil {
			return object.Info{}, attempt{}, err
		}
	}
	switch {
	case whole:
		return st.sendWhole(ctx, s)
	case s.streams():
		return st.sendStream(ctx, s)
	}
	return st.sendPlan(ctx, s)
}

// sendWhole stores s by one PUT.
func (st *state) sendWhole(ctx context.Context, s shot) (info object.Info, a attempt, err error) {
	if a, err = st.try(attempt{nonce: newNonce(), shot: s}); err != nil {
		return info, a, err
	}
	err = st.withBody(ctx, 0, s.size, func(body object.Body, _ uint64) (err error) {
		info, err = st.e.store.Put(ctx, s.target.Key, body, s.put(a.nonce))
		return err
	})
	return info, a, err
}

// sendPlan stores s as an upload whose unchanged parts the server copies. It is given up when it fails: the next one
// may be laid out otherwise. Only a crash leaves it to the journal.
func (st *state) sendPlan(ctx context.Context, s shot) (object.Info, attempt, error) {
	a, err := st.try(attempt{nonce: newNonce(), shot: s})
	if err != nil {
		return object.Info{}, a, err
	}
	pieces := plan(s.size, s.limit, s.changed, st.e.least(), st.e.opts.PartSize)
	info, err := st.assemble(ctx, s.target.Key, s.put(a.nonce), func(up object.Upload) ([]object.Part, error) {
		return st.sendPieces(ctx, up, pieces, source{s.base.Key, s.base.ETag}, nil)
	})
	return info, a, err
}

// assemble runs an upload that is not resumed.
func (st *state) assemble(ctx context.Context, key string, opts object.PutOptions,
	send func(object.Upload) ([]object.Part, error)) (object.Info, error) {
	up, err := st.e.store.CreateUpload(ctx, key, opts)
	if err != nil {
		return object.Info{}, err
	}
	if err := st.f.SetUpload(content.Upload{Key: key, ID: up.ID()}); err != nil {
		return object.Info{}, errors.Join(err, st.abort(up))
	}
	parts, err := send(up)
	var info object.Info
	if err == nil {
		info, err = up.Complete(ctx, parts)
	}
	if err == nil {
		return info, st.forgetUpload()
	}
	// A Complete without an answer may still be at work: the upload must be given up, or the object might change again.
	if drop := st.dropUpload(ctx); drop != nil {
		st.e.log.Warn("upload not given up, it stays in the journal", "key", key, "err", drop)
	}
	return object.Info{}, err
}

// dropUpload aborts the file's upload, if there is one, and forgets it. Parts that are nowhere else are kept with it:
// then it is an error.
func (st *state) dropUpload(ctx context.Context) error {
	u, ok := st.f.Upload()
	if !ok {
		return nil
	}
	if st.punched(u) {
		return &object.Error{Op: "AbortMultipartUpload", Key: u.Key, Kind: object.KindUnsupported,
			Err: errors.New("the upload has bytes that are nowhere else")}
	}
	return st.abandon(ctx, u)
}

// abandon aborts u whatever it has. An upload that cannot be aborted stays in the journal.
func (st *state) abandon(ctx context.Context, u content.Upload) error {
	if ctx.Err() != nil {
		return canceled("AbortMultipartUpload", u.Key, ctx.Err())
	}
	if err := st.e.store.ResumeUpload(u.Key, u.ID, object.PutOptions{}).Abort(ctx); err != nil {
		return err
	}
	return st.forgetUpload()
}

// forgetUpload forgets an upload that is completed or gone.
func (st *state) forgetUpload() error {
	st.mu.Lock()
	st.stream, st.failures, st.looked, st.writes = nil, 0, 0, 0
	clear(st.sends)
	st.mu.Unlock()
	if _, ok := st.f.Upload(); !ok {
		return nil
	}
	return st.f.ClearUpload()
}

// abort gives up an upload that the journal does not know, also when the engine is being closed.
func (st *state) abort(up object.Upload) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(st.e.ctx), abortTime)
	defer cancel()
	return up.Abort(ctx)
}

// punched tells whether bytes of the upload's parts were given up locally.
func (st *state) punched(u content.Upload) bool {
	var p [1]byte
	for _, part := range u.Parts {
		_, err := st.f.ReadAt(p[:], part.Off)
		var miss *content.MissingError
		if errors.As(err, &miss) && miss.Sent {
			return true
		}
	}
	return false
}

// uploadGone answers for an upload that the server does not know any more and that did not become the object: it was
// aborted elsewhere, such as by a lifecycle rule.
func (st *state) uploadGone(err error) error {
	u, ok := st.f.Upload()
	if ok && st.punched(u) {
		_ = st.f.Fail("the upload that had these bytes is gone")
		return err
	}
	if ferr := st.forgetUpload(); ferr != nil {
		return ferr
	}
	return errMoved
}

// Abandon gives up f's upload and its background sends, if there are any, as for a file that is removed before it was
// stored. It must not be called while a Store of f runs. An upload that cannot be aborted stays in the journal, and the
// error tells so. The end of ctx ends the waiting only.
func (e *Engine) Abandon(ctx context.Context, f *content.File) error {
	st := e.use(f)
	defer st.done()
	result := make(chan error, 1)
	begun := e.start(func() {
		st.stopPump(true)
		st.untry()
		if u, ok := f.Upload(); ok {
			result <- st.abandon(e.ctx, u)
			return
		}
		result <- st.forgetUpload()
	})
	if !begun {
		return closedError("AbortMultipartUpload", f.Target().Key)
	}
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return canceled("AbortMultipartUpload", f.Target().Key, ctx.Err())
	}
}
