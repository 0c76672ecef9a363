package transfer

import (
	"context"
	"fmt"
	"hash/crc64"
	"math/rand/v2"
	"time"

	"github.com/sentient-agi/sentientfs/internal/object"
)

const (
	// maxRebases is how often an append is tried again behind what somebody else stored meanwhile. A hundred writers
	// that never pause get through; more than that is no log any more.
	maxRebases = 100
	// maxPause bounds the pause between two tries. Pauses are random, so that writers do not meet again and again.
	maxPause = 500 * time.Millisecond
)

// storeBehind stores the tail of an append behind what is in the bucket now.
//
// An object that was removed meanwhile stays removed: the new one has the tail alone, as if the file had been removed
// first and then appended to. To bring its old content back would undo what the other side did on purpose, as log
// rotation does; to drop the tail would lose it.
func (st *state) storeBehind(ctx context.Context, s shot) (object.Info, error) {
	if err := st.dropUpload(ctx); err != nil {
		return object.Info{}, err
	}
	var last error
	for try := range maxRebases {
		if err := pause(ctx, try); err != nil {
			return object.Info{}, canceled("store", s.target.Key, err)
		}
		now, err := st.e.store.Head(ctx, s.target.Key)
		if err != nil && !object.Is(err, object.KindNotFound) {
			return object.Info{}, err
		}
		there := err == nil
		if there {
			if made := st.tried(now); made != nil {
				return st.settleBehind(ctx, s, *made, now)
			}
			if s.from >= s.size {
				return st.appendedTo(s, now) // an empty tail changes nothing
			}
		}
		info, a, err := st.sendBehindOf(ctx, s, now, there)
		if err == nil {
			return st.settleBehind(ctx, s, a, info)
		}
		if !uncertain(err) {
			return object.Info{}, err
		}
		if !refused(err) {
			now, herr := st.e.store.Head(ctx, s.target.Key)
			if made := st.tried(now); herr == nil && made != nil {
				return st.settleBehind(ctx, s, *made, now)
			}
			return object.Info{}, err
		}
		last = err
	}
	return object.Info{}, &object.Error{Op: "store", Key: s.target.Key, Kind: object.KindUnavailable,
		Err: fmt.Errorf("the object changed %d times while a tail was being appended: %w", maxRebases, last)}
}

// pause waits before the tries after the first one, longer from try to try.
func pause(ctx context.Context, try int) error {
	if try == 0 {
		return ctx.Err()
	}
	longest := min(maxPause, time.Millisecond<<min(try, 16))
	timer := time.NewTimer(rand.N(longest))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// settleBehind settles an attempt that became the object. An attempt of the whole file is settled as any store; the
// rest, if there is any, goes behind it.
func (st *state) settleBehind(ctx context.Context, s shot, a attempt, info object.Info) (object.Info, error) {
	if !a.tail {
		return st.settleOlder(ctx, s, a, info)
	}
	info, err := st.appendedTo(a.shot, info)
	if err == nil && a.shot.gen != s.gen {
		err = errMoved
	}
	return info, err
}

// appendedTo notes that the tail of s is at the end of the object. The content store tells by its size that the object
// is not what the file has, and forgets the latter. Where the sizes are the same it could not, and would take what the
// file has before the tail for the object's: then the file keeps its own view, and goes on appending from its end.
func (st *state) appendedTo(s shot, info object.Info) (object.Info, error) {
	if info.Size != s.size {
		if err := st.f.Stored(s.gen, version(s.target.Key, info)); err != nil {
			return object.Info{}, err
		}
		st.untry()
		return info, st.forgetUpload()
	}
	t := st.f.Target()
	t.AppendFrom = s.size
	if err := st.f.SetTarget(t); err != nil {
		return object.Info{}, err
	}
	st.mu.Lock()
	st.appended = &info
	st.mu.Unlock()
	st.untry()
	return info, st.forgetUpload()
}

// sendBehindOf stores the object now, if it is there, with the tail of s behind it.
func (st *state) sendBehindOf(ctx context.Context, s shot, now object.Info, there bool) (object.Info, attempt, error) {
	s.cond = condition{etag: now.ETag, none: !there}
	a, err := st.try(attempt{nonce: newNonce(), shot: s, tail: true})
	if err != nil {
		return object.Info{}, a, err
	}
	opts := s.put(a.nonce)
	if there {
		extend(opts.Metadata, now.ETag, now.Size, now.Metadata)
	}
	tail := s.size - s.from
	if now.Size+tail <= st.e.opts.PartSize {
		var info object.Info
		err := st.withJoined(ctx, s, now, tail, func(body object.Body, _ uint64) (err error) {
			info, err = st.e.store.Put(ctx, s.target.Key, body, opts)
			return err
		})
		return info, a, err
	}
	info, err := st.assemble(ctx, s.target.Key, opts, func(up object.Upload) ([]object.Part, error) {
		return st.sendJoined(ctx, up, s, now)
	})
	return info, a, err
}

// sendJoined sends the parts of the object now with the tail of s behind it. What is too short to be copied as a part
// is fetched and sent together with the begin of the tail.
func (st *state) sendJoined(ctx context.Context, up object.Upload, s shot, now object.Info) ([]object.Part, error) {
	var parts []object.Part
	from := s.from
	if now.Size >= st.e.least() {
		copied, err := st.sendPieces(ctx, up, cut(nil, 0, now.Size, st.e.least(), maxCopySize-st.e.least(), true),
			source{s.target.Key, now.ETag}, nil)
		if err != nil {
			return nil, err
		}
		parts = copied
	} else if now.Size > 0 {
		first := min(s.size-from, st.e.opts.PartSize-now.Size)
		err := st.withJoined(ctx, s, now, first, func(body object.Body, sum uint64) error {
			part, err := up.PutPart(ctx, 1, body)
			part.Number, part.Size, part.CRC64NVME = 1, body.Size(), sum
			parts = []object.Part{part}
			return err
		})
		if err != nil {
			return nil, err
		}
		from += first
	}
	pieces := cut(nil, from, s.size, st.e.least(), st.unit(s.size-from), false)
	for i := range pieces {
		pieces[i].number += len(parts)
	}
	tail, err := st.sendPieces(ctx, up, pieces, source{}, nil)
	return append(parts, tail...), err
}

// unit returns the size of the parts of a tail of n bytes, of which a few thousand are left beside those copied.
func (st *state) unit(n int64) int64 {
	unit := st.e.opts.PartSize
	for n/unit > maxParts/2 {
		unit *= 2
	}
	return unit
}

// withJoined calls do with the object now and n bytes of the tail of s behind it, in its turn among what is sent at
// once. The object is read as the version that now tells of.
func (st *state) withJoined(ctx context.Context, s shot, now object.Info, n int64, do func(object.Body, uint64) error) error {
	free, err := take(ctx, st.e.send)
	if err != nil {
		return canceled("PutObject", s.target.Key, err)
	}
	defer free()
	buf, err := st.e.memory.acquire(ctx, now.Size+n)
	if err != nil {
		return canceled("PutObject", s.target.Key, err)
	}
	defer buf.release()
	if now.Size > 0 {
		if err := st.readObject(ctx, s.target.Key, now, buf.data[:now.Size]); err != nil {
			return err
		}
	}
	if err := st.read(ctx, buf.data[now.Size:], s.from); err != nil {
		return err
	}
	if err := do(object.Bytes(buf.data), crc64.Checksum(buf.data, nvme)); err != nil {
		return err
	}
	st.progress(n)
	return nil
}

// readObject reads the whole version that now tells of.
func (st *state) readObject(ctx context.Context, key string, now object.Info, p []byte) error {
	rd, err := st.e.store.Get(ctx, key, object.GetOptions{IfMatch: now.ETag})
	if err != nil {
		return err
	}
	defer rd.Close()
	if rd.Info.Size != now.Size {
		return &object.Error{Op: "GetObject", Key: key, Kind: object.KindChanged}
	}
	return readPiece(rd, p, key, true)
}
