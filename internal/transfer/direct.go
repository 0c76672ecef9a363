package transfer

import (
	"context"
	"errors"
	"io"
	"syscall"

	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/object"
)

// noRoom tells whether bytes could not be kept because the local disk or its budget is full.
func noRoom(err error) bool { return errors.Is(err, syscall.ENOSPC) }

// direct fills p from off of the file, and fetches what is not local without keeping it. It is for a local disk
// without room: reading must go on then.
func (st *state) direct(ctx context.Context, p []byte, off int64) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(st.e.ctx, cancel)()
	end := min(off+int64(len(p)), st.f.Size())
	pos := off
	for tries := 0; pos < end; tries++ {
		if tries > 64 {
			return int(pos - off), &object.Error{Op: "read", Key: st.f.Target().Key, Kind: object.KindUnavailable,
				Err: errors.New("the local copy is changing too fast")}
		}
		stop := end
		missing := st.f.Missing(pos, end-pos)
		if len(missing) > 0 {
			stop = missing[0].Off
		}
		if stop > pos {
			n, err := st.f.ReadAt(p[pos-off:stop-off], pos)
			var miss *content.MissingError
			if errors.As(err, &miss) && !miss.Sent && !miss.Lost {
				continue // given up since
			}
			if err != nil && !errors.Is(err, io.EOF) {
				return int(pos - off), err
			}
			if n == 0 {
				break // cut off since
			}
			pos += int64(n)
			continue
		}
		stop = missing[0].Off + missing[0].Len
		if err := st.getRange(ctx, p[pos-off:stop-off], pos); err != nil {
			return int(pos - off), err
		}
		pos = stop
	}
	if pos < off+int64(len(p)) {
		return int(pos - off), io.EOF
	}
	return int(pos - off), nil
}

// getRange reads bytes of the base from the bucket.
func (st *state) getRange(ctx context.Context, p []byte, off int64) error {
	v, _, _ := st.f.Base()
	free, err := take(ctx, st.e.fetch)
	if err != nil {
		return canceled("GetObject", v.Key, err)
	}
	defer free()
	rd, err := st.e.store.Get(ctx, v.Key, object.GetOptions{Offset: off, Length: int64(len(p)), IfMatch: v.ETag})
	if err != nil {
		return err
	}
	defer rd.Close()
	if rd.Info.Size != v.Size {
		return &object.Error{Op: "GetObject", Key: v.Key, Kind: object.KindChanged}
	}
	return readPiece(rd, p, v.Key, false)
}
