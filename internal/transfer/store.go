package transfer

import (
	"context"
	"errors"
	"maps"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// maxShots is how often a store begins again because the file was cut or another upload got in its way.
const maxShots = 16

// store runs a job: it takes a shot and stores it, again if the file moved too much under it.
func (st *state) store(ctx context.Context, j *job, late *decision) (object.Info, error) {
	for range maxShots {
		s := st.shoot(j, late)
		if s.nothing() {
			return st.unchanged(ctx, s)
		}
		info, err := st.storeShot(ctx, s)
		if !errors.Is(err, errMoved) {
			return info, err
		}
		if now, _, _ := st.f.Base(); now.ETag != s.base.ETag {
			late = nil // it was about what is not the base any more: an older store of the file was settled
		}
	}
	return object.Info{}, &object.Error{Op: "store", Key: st.f.Target().Key, Kind: object.KindUnavailable, Err: errMoved}
}

// unchanged answers for a file with nothing to store.
func (st *state) unchanged(ctx context.Context, s shot) (object.Info, error) {
	if !s.behind() {
		return object.Info{Key: s.base.Key, Size: s.base.Size, ETag: s.base.ETag, LastModified: s.base.LastModified}, nil
	}
	st.mu.Lock()
	known := st.appended
	st.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	return st.e.store.Head(ctx, s.target.Key)
}

// storeShot stores s and settles the file.
func (st *state) storeShot(ctx context.Context, s shot) (object.Info, error) {
	if s.behind() {
		return st.storeBehind(ctx, s)
	}
	info, a, err := st.send(ctx, s)
	if err == nil {
		return st.settle(ctx, a, info)
	}
	if errors.Is(err, errMoved) || !uncertain(err) {
		return object.Info{}, err
	}
	// Either somebody else was there first, or the answer was lost, of this request or of an earlier one that was
	// given up and arrived late.
	now, herr := st.e.store.Head(ctx, s.target.Key)
	if herr == nil {
		if made := st.tried(now); made != nil {
			return st.settleOlder(ctx, s, *made, now)
		}
		if a.resumed() && st.equal(ctx, s, now) {
			return st.settle(ctx, a, now)
		}
	}
	switch {
	case herr != nil && !object.Is(herr, object.KindNotFound):
		return object.Info{}, err
	case errors.Is(err, object.ErrNoUpload):
		return object.Info{}, st.uploadGone(err)
	case !refused(err):
		return object.Info{}, err
	case s.appends:
		return st.storeBehind(ctx, s)
	}
	return object.Info{}, st.conflict(ctx, s, err)
}

// refused tells whether err says that a condition did not hold.
func refused(err error) bool {
	return object.Is(err, object.KindChanged, object.KindExists, object.KindNotFound)
}

// uncertain tells whether the request that failed with err may have been carried out all the same.
func uncertain(err error) bool {
	return refused(err) || object.Is(err, object.KindUnknown, object.KindUnavailable, object.KindTimeout, object.KindCorrupt)
}

// settleOlder settles a store that was carried out though its answer said otherwise or was lost. If it was that of an
// older shot, the rest follows.
func (st *state) settleOlder(ctx context.Context, s shot, made attempt, now object.Info) (object.Info, error) {
	st.e.log.Info("a lost answer is settled", "key", s.target.Key)
	info, err := st.settle(ctx, made, now)
	if err != nil || made.shot.gen == s.gen {
		return info, err
	}
	return info, errMoved
}

// settle tells the local file that the attempt became what info says.
func (st *state) settle(ctx context.Context, a attempt, info object.Info) (object.Info, error) {
	info, err := st.dress(ctx, a, info)
	if err != nil {
		return object.Info{}, err
	}
	if !st.streamed(a) {
		// The outcome of an older store is known now; what was begun since is not what the object became.
		if err := st.dropUpload(ctx); err != nil {
			return object.Info{}, err
		}
	}
	if err := st.f.Stored(a.shot.gen, version(a.shot.target.Key, info)); err != nil {
		return object.Info{}, err
	}
	st.untry()
	return info, st.forgetUpload()
}

// dress gives an object whose upload was begun before the file got its present metadata the latter.
func (st *state) dress(ctx context.Context, a attempt, info object.Info) (object.Info, error) {
	t := a.shot.target
	if a.early == nil || maps.Equal(a.early.Metadata, t.Metadata) && a.early.ContentType == t.ContentType {
		return info, nil
	}
	if info.Metadata != nil && maps.Equal(info.Metadata, a.shot.metadata(a.nonce)) && t.ContentType == info.ContentType {
		return info, nil
	}
	key := t.Key
	opts := object.CopyOptions{SourceETag: info.ETag, IfMatch: info.ETag, Source: &info,
		Metadata: a.shot.metadata(a.nonce), ContentType: t.ContentType}
	copied, err := st.e.store.Copy(ctx, key, key, opts)
	if object.Is(err, object.KindUnsupported) {
		st.e.log.Warn("the server cannot change metadata; they stay as they were when the upload began", "key", key)
		return info, nil
	}
	return copied, err
}

// conflict gives a file up that cannot be stored without a person's decision.
func (st *state) conflict(ctx context.Context, s shot, err error) error {
	kind, reason := object.KindChanged, "the object was changed by someone else since this copy of it was read"
	switch {
	case s.cond.none:
		kind, reason = object.KindExists, "someone else made an object of this name meanwhile"
	case object.Is(err, object.KindNotFound):
		reason = "the object was removed by someone else since this copy of it was read"
	}
	st.untry()
	if drop := st.dropUpload(ctx); drop != nil {
		st.e.log.Warn("upload not given up", "key", s.target.Key, "err", drop)
	}
	if st.f.Dirty() {
		if fail := st.f.Fail(reason); fail != nil {
			return fail
		}
	}
	return &object.Error{Op: "store", Key: s.target.Key, Kind: kind, Err: errors.New(reason)}
}
