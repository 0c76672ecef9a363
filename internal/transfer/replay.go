package transfer

import (
	"bytes"
	"context"
	"errors"
	"hash/crc64"
	"io"
	"strconv"

	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/object"
)

// Replay settles a file that an earlier process left in the journal. Somebody else may have had the name since, so
// this is stricter than Store: a replacement is stored only over the version that it was made to replace, or where
// nothing is, never over what came later. Where the object is what the file is, the earlier process was killed between
// the answer and the note of it, and nothing is sent.
//
// A conflict is recorded by f.Fail and returned as KindChanged or KindExists; after every other error Replay may be
// called again. The end of ctx ends the waiting only.
func (e *Engine) Replay(ctx context.Context, f *content.File) error {
	st := e.use(f)
	defer st.done()
	result := make(chan error, 1)
	if !e.start(func() { result <- st.replay(e.ctx) }) {
		return closedError("replay", f.Target().Key)
	}
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return canceled("replay", f.Target().Key, ctx.Err())
	}
}

func (st *state) replay(ctx context.Context) error {
	s := st.shoot(&job{}, nil)
	if s.nothing() && s.behind() {
		return st.f.Drop() // all of its tail is in the bucket; what it has before that never was a version
	}
	now, err := st.e.store.Head(ctx, s.target.Key)
	there := err == nil
	if err != nil && !object.Is(err, object.KindNotFound) {
		return err
	}
	st.recall()
	if made := st.tried(now); there && made != nil {
		if _, err := st.settleBehind(ctx, s, *made, now); !errors.Is(err, errMoved) {
			return err
		}
		_, err := st.e.storeAs(ctx, st.f, nil) // what was written after that store
		return err
	}
	if there && st.landed(ctx, s, now) {
		return st.settleLanded(ctx, s, now)
	}
	late, ok := s.late(now, there)
	if !ok {
		kind := error(&object.Error{Op: "replay", Key: s.target.Key, Kind: object.KindChanged})
		if !there {
			kind = &object.Error{Op: "replay", Key: s.target.Key, Kind: object.KindNotFound}
		}
		return st.conflict(ctx, s, kind)
	}
	if t := st.e.opts.Traits; late != nil && (late.none && !t.PutIfNoneMatch || late.etag != "" && !t.PutIfMatch) {
		st.e.log.Warn("the server ignores conditions: what someone else stores at this moment may be replaced", "key", s.target.Key)
	}
	_, err = st.e.storeAs(ctx, st.f, late)
	return err
}

// late returns what a store that comes late is to be; ok is false where it must not be sent.
func (s *shot) late(now object.Info, there bool) (late *decision, ok bool) {
	switch {
	case s.appends:
		return nil, true
	case !there:
		replaces := s.target.Intent == content.IntentReplace && s.limit == 0
		return &decision{condition: condition{none: true}}, replaces || !s.based || s.base.Key != s.target.Key
	case !s.based || s.base.Key != s.target.Key:
		return nil, false
	}
	known := now.ETag == s.base.ETag && now.Size == s.base.Size
	// The ETag of all empty objects is the same: what is there may be someone's new lock file.
	if now.Empty() && !now.LastModified.Equal(s.base.LastModified) {
		known = false
	}
	return &decision{condition: condition{etag: now.ETag}}, known
}

// landed tells whether the object is what the file would have become: its store was carried out.
func (st *state) landed(ctx context.Context, s shot, now object.Info) bool {
	if !s.appends || !s.based && s.from == 0 {
		return st.equal(ctx, s, now)
	}
	// The same bytes may have been appended twice on purpose. Only an object that says that it extends what the file
	// extends can be the file's own; of one that went behind other bytes the tail is all there is to compare.
	size, err := strconv.ParseInt(now.Metadata[MetaExtendsSize], 10, 64)
	tail := s.size - s.from
	if err != nil || tail <= 0 || size != now.Size-tail {
		return false
	}
	return st.equalRange(ctx, now, size, s.from, tail)
}

// settleLanded settles a file whose bytes are in the object.
func (st *state) settleLanded(ctx context.Context, s shot, now object.Info) error {
	st.e.log.Info("stored before the last stop", "key", s.target.Key)
	if u, ok := st.f.Upload(); ok { // it became the object, or was begun for nothing
		if err := st.e.store.ResumeUpload(u.Key, u.ID, object.PutOptions{}).Abort(ctx); err != nil {
			return err
		}
	}
	if s.appends && (now.Size != s.size || s.behind()) {
		_, err := st.appendedTo(s, now)
		return err
	}
	if err := st.f.Stored(s.gen, version(s.target.Key, now)); err != nil {
		return err
	}
	return st.forgetUpload()
}

// equal tells whether the object is byte for byte what s is.
func (st *state) equal(ctx context.Context, s shot, now object.Info) bool {
	return now.Size == s.size && (s.size == 0 || st.equalRange(ctx, now, 0, 0, s.size))
}

// equalRange tells whether n bytes from off of the object are those from at of the file. What the file does not have
// any more because it was sent is compared by the checksum of its part; what it does not have at all is unequal.
func (st *state) equalRange(ctx context.Context, now object.Info, off, at, n int64) bool {
	buf, err := st.e.memory.acquire(ctx, 2*blockSize)
	if err != nil {
		return false
	}
	defer buf.release()
	rd, err := st.e.store.Get(ctx, now.Key, object.GetOptions{Offset: off, Length: n, IfMatch: now.ETag})
	if err != nil {
		return false
	}
	defer rd.Close()
	theirs, ours := buf.data[:blockSize], buf.data[blockSize:]
	sent := st.have()
	l := layout{st.e.opts.PartSize}
	for pos := int64(0); pos < n; {
		want := min(n-pos, blockSize)
		_, err := st.f.ReadAt(ours[:want], at+pos)
		var miss *content.MissingError
		if errors.As(err, &miss) && miss.Sent {
			part, ok := sent[l.at(at+pos)]
			if !ok || part.Off != at+pos || !sameSum(rd, part, theirs) {
				return false
			}
			pos += part.Size
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return false
		}
		if _, err := io.ReadFull(rd, theirs[:want]); err != nil || !bytes.Equal(theirs[:want], ours[:want]) {
			return false
		}
		pos += want
	}
	return true
}

// sameSum tells whether what follows in r has the checksum of part.
func sameSum(r io.Reader, part content.SentPart, buf []byte) bool {
	h := crc64.New(nvme)
	n, err := io.CopyBuffer(struct{ io.Writer }{h}, io.LimitReader(r, part.Size), buf)
	return err == nil && n == part.Size && h.Sum64() == part.CRC64NVME
}
