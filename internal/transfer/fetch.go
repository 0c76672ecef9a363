package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/object"
)

// fetchSize is the largest range of one GET, in bytes: large enough that its round trip does not count, small enough
// that a wide window is several of them at once.
const fetchSize = 8 << 20

// A fetch is one range of a base on its way. state.mu guards what changes.
type fetch struct {
	off, end int64
	pos      int64         // what is below is local
	refs     int           // waiters, and windows that want it
	moved    chan struct{} // closed and replaced whenever pos, done or err change
	done     bool
	err      error
	cancel   context.CancelFunc
}

// checksum is that of a version of a whole object.
type checksum struct {
	etag string
	sum  uint64
}

// want begins to fetch what is missing in [off, end) and not yet on its way. It returns all fetches that bring bytes
// of the range, each with one more reference, which drop gives back. With ahead set it takes only memory and slots
// that are free, and stops at the first range for which there is none; reached is the offset below which everything is
// local or on its way.
func (st *state) want(off, end int64, ahead bool) (fetches []*fetch, reached int64) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, miss := range st.f.Missing(off, end-off) {
		pos, stop := miss.Off, miss.Off+miss.Len
		for pos < stop {
			ft := st.coverLocked(pos)
			if ft == nil {
				to := min(stop, pos+fetchSize, st.nextLocked(pos))
				if ft = st.beginLocked(pos, to, ahead); ft == nil {
					return fetches, pos
				}
			}
			ft.refs++
			fetches = append(fetches, ft)
			pos = ft.end
		}
	}
	return fetches, end
}

// coverLocked returns the fetch that is bringing the byte at pos.
func (st *state) coverLocked(pos int64) *fetch {
	for _, ft := range st.inflight {
		if ft.pos <= pos && pos < ft.end {
			return ft
		}
	}
	return nil
}

// nextLocked returns where the first fetch behind pos begins.
func (st *state) nextLocked(pos int64) int64 {
	next := int64(1<<63 - 1)
	for _, ft := range st.inflight {
		if ft.pos > pos {
			next = min(next, ft.pos)
		}
	}
	return next
}

// beginLocked starts one fetch. It returns nil if it is for read-ahead and nothing is free.
func (st *state) beginLocked(off, end int64, ahead bool) *fetch {
	e := st.e
	ft := &fetch{off: off, end: end, pos: off, moved: make(chan struct{})}
	var buf *buffer
	free := func() {}
	if ahead {
		select {
		case e.ahead <- struct{}{}:
			free = func() { <-e.ahead }
		default:
			return nil
		}
		if buf = e.memory.try(min(end-off, pieceSize)); buf == nil {
			free()
			return nil
		}
	}
	ctx, cancel := context.WithCancel(e.ctx)
	ft.cancel = cancel
	begun := e.start(func() {
		defer free()
		defer cancel()
		st.finish(ft, st.run(ctx, ft, buf))
	})
	if !begun {
		buf.release()
		free()
		cancel()
		ft.done, ft.err = true, closedError("GetObject", "")
		return ft
	}
	st.inflight = append(st.inflight, ft)
	return ft
}

// run fetches the range of ft. The version may move under another name or ETag meanwhile; then it goes on there.
func (st *state) run(ctx context.Context, ft *fetch, buf *buffer) (err error) {
	defer func() { buf.release() }()
	free, err := take(ctx, st.e.fetch)
	if err != nil {
		return canceled("GetObject", st.f.Target().Key, err)
	}
	defer free()
	if buf == nil {
		if buf, err = st.e.memory.acquire(ctx, min(ft.end-ft.off, pieceSize)); err != nil {
			return canceled("GetObject", st.f.Target().Key, err)
		}
	}
	for range 4 {
		v, _, ok := st.f.Base()
		if !ok {
			return &object.Error{Op: "GetObject", Kind: object.KindNotFound, Err: errors.New("the file has no version in the bucket")}
		}
		if err = st.pour(ctx, ft, v, buf.data); err == nil || !st.movedOn(ctx, v, err) {
			return err
		}
	}
	return err
}

// pour reads the range of ft from version v into the file, a piece at a time.
func (st *state) pour(ctx context.Context, ft *fetch, v content.Version, buf []byte) error {
	opts := object.GetOptions{Offset: ft.pos, Length: ft.end - ft.pos, IfMatch: v.ETag}
	whole := ft.pos == 0 && ft.end == v.Size && v.Size <= int64(len(buf))
	if whole {
		opts.Length = 0 // the Store verifies the checksum of a whole object
	}
	rd, err := st.e.store.Get(ctx, v.Key, opts)
	if object.Is(err, object.KindRange) {
		return &object.Error{Op: "GetObject", Key: v.Key, Kind: object.KindChanged, Err: err}
	}
	if err != nil {
		return err
	}
	defer rd.Close()
	if rd.Info.Size != v.Size {
		return &object.Error{Op: "GetObject", Key: v.Key, Kind: object.KindChanged,
			Err: fmt.Errorf("%d bytes instead of %d", rd.Info.Size, v.Size)}
	}
	st.learn(rd.Info)
	for ft.pos < ft.end {
		piece := buf[:min(ft.end-ft.pos, int64(len(buf)))]
		if err := readPiece(rd, piece, v.Key, whole); err != nil {
			return err
		}
		// A store that ended meanwhile may have changed what the bytes below the limit are.
		if now, _, ok := st.f.Base(); !ok || now.ETag != v.ETag || now.Size != v.Size {
			return &object.Error{Op: "GetObject", Key: v.Key, Kind: object.KindChanged}
		}
		if err := st.f.Fill(piece, ft.pos); err != nil {
			return err
		}
		st.advance(ft, int64(len(piece)))
	}
	return nil
}

// readPiece fills p. Where the answer ends with p, it waits for the end, with which the checksum is verified.
func readPiece(rd *object.Reader, p []byte, key string, last bool) error {
	_, err := io.ReadFull(rd, p)
	if err == nil && last {
		var more [1]byte
		var n int
		if n, err = io.ReadFull(rd, more[:]); n > 0 {
			err = errors.New("more bytes than the object has")
		} else if errors.Is(err, io.EOF) {
			err = nil
		}
	}
	var known *object.Error
	if err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) {
		return canceled("GetObject", key, err)
	}
	return &object.Error{Op: "GetObject", Key: key, Kind: object.KindCorrupt, Err: err}
}

// movedOn tells whether a fetch of v that failed with err may go on with another version: the file was given a new
// name, or a change of metadata gave the same content a new ETag, as S3 does with multipart and SSE-KMS objects.
func (st *state) movedOn(ctx context.Context, v content.Version, err error) bool {
	if !object.Is(err, object.KindChanged, object.KindNotFound) || ctx.Err() != nil {
		return false
	}
	if now, _, ok := st.f.Base(); ok && now != v {
		return true
	}
	st.mu.Lock()
	seen := st.seen
	st.mu.Unlock()
	if seen == nil || seen.etag != v.ETag {
		return false
	}
	info, err := st.e.store.Head(ctx, v.Key)
	if err != nil || info.Size != v.Size || info.CRC64NVME == nil || *info.CRC64NVME != seen.sum {
		return false
	}
	st.learn(info)
	return st.f.Rebase(version(v.Key, info)) == nil
}

// learn remembers the checksum of a version.
func (st *state) learn(info object.Info) {
	if info.CRC64NVME == nil || info.ETag == "" {
		return
	}
	st.mu.Lock()
	st.seen = &checksum{etag: info.ETag, sum: *info.CRC64NVME}
	st.mu.Unlock()
}

func version(key string, info object.Info) content.Version {
	return content.Version{Key: key, ETag: info.ETag, Size: info.Size, LastModified: info.LastModified}
}

// advance wakes who waits for the next n bytes of ft.
func (st *state) advance(ft *fetch, n int64) {
	st.mu.Lock()
	defer st.mu.Unlock()
	ft.pos += n
	close(ft.moved)
	ft.moved = make(chan struct{})
}

// finish ends ft and wakes who waits for it.
func (st *state) finish(ft *fetch, err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	ft.done, ft.err = true, err
	st.forgetLocked(ft)
	close(ft.moved)
	ft.moved = make(chan struct{})
}

func (st *state) forgetLocked(ft *fetch) {
	for i, other := range st.inflight {
		if other == ft {
			st.inflight = append(st.inflight[:i], st.inflight[i+1:]...)
			return
		}
	}
}

// await waits until what ft brings of the bytes below end is local, ft failed or ctx ends.
func (st *state) await(ctx context.Context, ft *fetch, end int64) error {
	for {
		st.mu.Lock()
		ready, err, moved := ft.done || ft.pos >= min(end, ft.end), ft.err, ft.moved
		st.mu.Unlock()
		if ready {
			return err
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return canceled("GetObject", "", ctx.Err())
		}
	}
}

// drop gives references back. A fetch that nobody wants any more is canceled.
func (st *state) drop(fetches ...*fetch) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, ft := range fetches {
		ft.refs--
		if ft.refs == 0 && !ft.done {
			// Who wants its bytes from now on must not wait for a fetch that is about to fail.
			st.forgetLocked(ft)
			ft.cancel()
		}
	}
}

// local makes [off, end) local and returns when it is. It returns at the first failure.
func (st *state) local(ctx context.Context, off, end int64) error {
	for range 8 {
		fetches, _ := st.want(off, end, false)
		if len(fetches) == 0 {
			return nil
		}
		var err error
		for _, ft := range fetches {
			if err = st.await(ctx, ft, end); err != nil {
				break
			}
		}
		st.drop(fetches...)
		if err != nil {
			return err
		}
	}
	return &object.Error{Op: "GetObject", Kind: object.KindCorrupt, Err: errors.New("the local copy does not keep what is fetched")}
}

// Fetch makes n bytes from off of what f has of its base local. Errors are those of the Store: KindChanged and
// KindNotFound tell that the version is gone. The fetch serves all who want these bytes; ctx ends the waiting only.
func (e *Engine) Fetch(ctx context.Context, f *content.File, off, n int64) error {
	st := e.use(f)
	defer st.done()
	return st.local(ctx, off, off+n)
}

// FillFirst puts the answer of a GET for f's version that begins at off into f, and closes it. What a short answer does
// not have is fetched when it is read. KindChanged if it is another version.
func (e *Engine) FillFirst(f *content.File, rd *object.Reader, off int64) error {
	defer rd.Close()
	st := e.use(f)
	defer st.done()
	v, _, ok := f.Base()
	if !ok || rd.Info.Size != v.Size || (v.ETag != "" && rd.Info.ETag != v.ETag) {
		return &object.Error{Op: "GetObject", Key: v.Key, Kind: object.KindChanged}
	}
	st.learn(rd.Info)
	buf, err := e.memory.acquire(e.ctx, min(pieceSize, max(v.Size-off, 1)))
	if err != nil {
		return canceled("GetObject", v.Key, err)
	}
	defer buf.release()
	if off == 0 && v.Size <= int64(len(buf.data)) && v.Size > 0 {
		if err := readPiece(rd, buf.data[:v.Size], v.Key, true); err != nil {
			return err
		}
		return f.Fill(buf.data[:v.Size], 0)
	}
	for off < v.Size {
		n, err := io.ReadFull(rd, buf.data[:min(int64(len(buf.data)), v.Size-off)])
		if err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
			if fail := f.Fill(buf.data[:n], off); fail != nil {
				return fail
			}
			off += int64(n)
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil // the range that was asked for was shorter than the rest of the object
		case err != nil:
			return canceled("GetObject", v.Key, err)
		}
	}
	return nil
}
