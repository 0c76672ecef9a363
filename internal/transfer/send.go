package transfer

import (
	"context"
	"errors"
	"fmt"
	"hash/crc64"
	"io"

	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/object"
	"golang.org/x/sync/errgroup"
)

// nvme is the polynomial of CRC-64/NVME, reflected, which S3 calls CRC64NVME.
var nvme = crc64.MakeTable(0x9a6c9329ac4bc9b5)

// errMoved tells that the file was cut or changed so much under a store that the store has to begin again.
var errMoved = errors.New("the file changed while it was being stored")

// fileBody is a range of a file that is too large for a buffer. A file that changes while it is sent gives a part that
// is a mixture; the generation of the file tells so afterwards, and the part is sent again.
type fileBody struct {
	f         *content.File
	off, size int64
}

func (b fileBody) Size() int64 { return b.size }

func (b fileBody) ReadAt(p []byte, off int64) (int, error) {
	if off >= b.size {
		return 0, io.EOF
	}
	short := int64(len(p)) > b.size-off
	if short {
		p = p[:b.size-off]
	}
	n, err := b.f.ReadAt(p, b.off+off)
	if n == len(p) && (err == nil || errors.Is(err, io.EOF)) {
		if short {
			return n, io.EOF
		}
		return n, nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = errMoved
	}
	return n, err
}

// sendRange sends [off, off+size) of the file as part n of up. What is missing is fetched first.
func (st *state) sendRange(ctx context.Context, up object.Upload, n int, off, size int64) (object.Part, error) {
	var part object.Part
	err := st.withBody(ctx, off, size, func(body object.Body, sum uint64) (err error) {
		part, err = up.PutPart(ctx, n, body)
		part.CRC64NVME = sum
		return err
	})
	part.Number, part.Size = n, size
	return part, err
}

// withBody calls do with [off, off+size) of the file and its checksum, in its turn among what is sent at once.
func (st *state) withBody(ctx context.Context, off, size int64, do func(object.Body, uint64) error) error {
	if err := st.local(ctx, off, off+size); err != nil && !noRoom(err) {
		return err
	}
	err := st.withBodyIn(ctx, off, size, do)
	if err == nil {
		st.progress(size)
	}
	return err
}

func (st *state) withBodyIn(ctx context.Context, off, size int64, do func(object.Body, uint64) error) error {
	free, err := take(ctx, st.e.send)
	if err != nil {
		return canceled("PutObject", st.f.Target().Key, err)
	}
	defer free()
	body := fileBody{st.f, off, size}
	if size > maxBuffered {
		sum, err := body.sum()
		if err != nil {
			return err
		}
		return do(body, sum)
	}
	buf, err := st.e.memory.acquire(ctx, size)
	if err != nil {
		return canceled("PutObject", st.f.Target().Key, err)
	}
	defer buf.release()
	if err := st.read(ctx, buf.data, off); err != nil {
		return err
	}
	return do(object.Bytes(buf.data), crc64.Checksum(buf.data, nvme))
}

// read fills p from off of the file. Bytes of the base that are not local although they were fetched, since there is
// no room for them, are fetched once more.
func (st *state) read(ctx context.Context, p []byte, off int64) error {
	n, err := st.f.ReadAt(p, off)
	var miss *content.MissingError
	if errors.As(err, &miss) && !miss.Sent && !miss.Lost {
		n, err = st.direct(ctx, p, off)
	}
	switch {
	case n == len(p):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return errMoved
	}
	return err
}

// sum returns the checksum of the range.
func (b fileBody) sum() (uint64, error) {
	h := crc64.New(nvme)
	_, err := io.CopyBuffer(struct{ io.Writer }{h}, io.NewSectionReader(b, 0, b.size), make([]byte, blockSize))
	return h.Sum64(), err
}

// A source is the version of an object from which pieces are copied.
type source struct{ key, etag string }

// sendPieces sends or copies all pieces and returns the parts in their order. sent, which may be nil, is told of each
// part with the generation of the file before it was read.
func (st *state) sendPieces(ctx context.Context, up object.Upload, pieces []piece, from source,
	sent func(object.Part, piece, uint64) error) ([]object.Part, error) {
	parts := make([]object.Part, len(pieces))
	group, work := errgroup.WithContext(ctx)
	group.SetLimit(cap(st.e.send))
	for i, pc := range pieces {
		if work.Err() != nil {
			break
		}
		group.Go(func() error {
			gen := st.f.Generation()
			part, err := st.sendPiece(work, up, pc, from)
			if err != nil {
				return err
			}
			parts[i] = part
			if sent != nil {
				return sent(part, pc, gen)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return parts, canceled("UploadPart", st.f.Target().Key, ctx.Err())
}

// sendPiece sends or copies one piece. A server that cannot copy gets the bytes.
func (st *state) sendPiece(ctx context.Context, up object.Upload, pc piece, from source) (object.Part, error) {
	if pc.copied {
		free, err := take(ctx, st.e.send)
		if err != nil {
			return object.Part{}, canceled("UploadPartCopy", from.key, err)
		}
		part, err := up.CopyPart(ctx, pc.number, from.key, from.etag, pc.off, pc.size)
		free()
		if !object.Is(err, object.KindUnsupported) {
			part.Number, part.Size = pc.number, pc.size
			return part, err
		}
	}
	part, err := st.sendRange(ctx, up, pc.number, pc.off, pc.size)
	if err != nil {
		return part, fmt.Errorf("part %d: %w", pc.number, err)
	}
	return part, nil
}
