package memstore

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"hash/crc64"
	"sort"
	"strings"
	"time"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// pending is an upload that the Store knows. Store.mu guards parts.
type pending struct {
	key     string
	started time.Time
	opts    object.PutOptions
	parts   map[int]part
}

type part struct {
	sum  [md5.Size]byte
	data []byte
}

func (p part) etag() string { return hex.EncodeToString(p.sum[:]) }

// upload is a handle, which names a pending upload that may be gone.
type upload struct {
	s       *Store
	key, id string
	opts    object.PutOptions // the conditions, which hold at Complete
}

// CreateUpload implements object.Store.
func (s *Store) CreateUpload(ctx context.Context, key string, opts object.PutOptions) (object.Upload, error) {
	const op = "CreateMultipartUpload"
	if err := checkCall(ctx, op, key); err != nil {
		return nil, err
	}
	if err := checkMetadata(op, key, opts.Metadata); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nextID++
	id := fmt.Sprintf("upload-%d", s.nextID)
	s.uploads[id] = &pending{key: key, started: s.now().UTC().Truncate(time.Second), opts: opts, parts: map[int]part{}}
	return &upload{s: s, key: key, id: id, opts: opts}, nil
}

// ResumeUpload implements object.Store.
func (s *Store) ResumeUpload(key, id string, opts object.PutOptions) object.Upload {
	return &upload{s: s, key: key, id: id, opts: opts}
}

// ListUploads implements object.UploadLister.
func (s *Store) ListUploads(ctx context.Context, prefix string) ([]object.PendingUpload, error) {
	if err := ctx.Err(); err != nil {
		return nil, &object.Error{Op: "ListMultipartUploads", Key: prefix, Kind: object.KindOf(err), Err: err}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []object.PendingUpload
	for id, p := range s.uploads {
		if strings.HasPrefix(p.key, prefix) {
			list = append(list, object.PendingUpload{Key: p.key, ID: id, Started: p.started})
		}
	}
	sort.Slice(list, func(i, j int) bool {
		if list[i].Key != list[j].Key {
			return list[i].Key < list[j].Key
		}
		return list[i].ID < list[j].ID
	})
	return list[:min(len(list), maxPage)], nil
}

func (u *upload) ID() string { return u.id }

// pendingLocked finds what u names.
func (u *upload) pendingLocked(op string) (*pending, error) {
	p := u.s.uploads[u.id]
	if p == nil || p.key != u.key {
		return nil, &object.Error{Op: op, Key: u.key, Kind: object.KindNotFound, Err: object.ErrNoUpload}
	}
	return p, nil
}

func (u *upload) PutPart(ctx context.Context, n int, body object.Body) (object.Part, error) {
	const op = "UploadPart"
	if err := checkCall(ctx, op, u.key); err != nil {
		return object.Part{}, err
	}
	data, err := readBody(op, u.key, body)
	if err != nil {
		return object.Part{}, err
	}
	u.s.mu.Lock()
	defer u.s.mu.Unlock()
	return u.addLocked(op, n, data)
}

func (u *upload) CopyPart(ctx context.Context, n int, src, etag string, off, size int64) (object.Part, error) {
	const op = "UploadPartCopy"
	if err := checkCall(ctx, op, u.key); err != nil {
		return object.Part{}, err
	}
	u.s.mu.Lock()
	defer u.s.mu.Unlock()
	from := u.s.objects[src]
	if from == nil {
		return object.Part{}, fail(op, src, object.KindNotFound, "")
	}
	if err := condition(op, src, from, etag, false); err != nil {
		return object.Part{}, err
	}
	if off < 0 || size <= 0 || off > from.info.Size-size {
		return object.Part{}, fail(op, src, object.KindRange, "%d bytes from %d of %d", size, off, from.info.Size)
	}
	return u.addLocked(op, n, from.data[off:off+size])
}

func (u *upload) addLocked(op string, n int, data []byte) (object.Part, error) {
	p, err := u.pendingLocked(op)
	if err != nil {
		return object.Part{}, err
	}
	if n < 1 || n > maxParts {
		return object.Part{}, fail(op, u.key, object.KindInvalid, "part number %d", n)
	}
	added := part{sum: md5.Sum(data), data: data}
	p.parts[n] = added
	return object.Part{Number: n, ETag: added.etag(), Size: int64(len(data)), CRC64NVME: crc64.Checksum(data, nvme)}, nil
}

func (u *upload) Complete(ctx context.Context, parts []object.Part) (object.Info, error) {
	const op = "CompleteMultipartUpload"
	if err := checkCall(ctx, op, u.key); err != nil {
		return object.Info{}, err
	}
	u.s.mu.Lock()
	defer u.s.mu.Unlock()
	p, err := u.pendingLocked(op)
	if err != nil {
		return object.Info{}, err
	}
	data, etag, err := u.joinLocked(op, p, parts)
	if err != nil {
		return object.Info{}, err
	}
	if err := condition(op, u.key, u.s.objects[u.key], u.opts.IfMatch, u.opts.IfNoneMatch); err != nil {
		return object.Info{}, err
	}
	o := u.s.newStored(u.key, etag, data, p.opts.Metadata, p.opts.ContentType)
	u.s.storeLocked(o)
	delete(u.s.uploads, u.id)
	return o.tell(), nil
}

// joinLocked makes the content and the ETag of the parts that the caller names.
func (u *upload) joinLocked(op string, p *pending, parts []object.Part) ([]byte, string, error) {
	if len(parts) == 0 {
		return nil, "", fail(op, u.key, object.KindInvalid, "no parts")
	}
	var data, sums []byte
	for i, want := range parts {
		have, ok := p.parts[want.Number]
		switch {
		case i > 0 && want.Number <= parts[i-1].Number:
			return nil, "", fail(op, u.key, object.KindInvalid, "part %d is out of order", want.Number)
		case !ok || have.etag() != want.ETag:
			return nil, "", fail(op, u.key, object.KindInvalid, "part %d is not the one that was sent", want.Number)
		case i < len(parts)-1 && int64(len(have.data)) < u.s.minPart:
			return nil, "", fail(op, u.key, object.KindInvalid, "part %d is too small", want.Number)
		}
		data = append(data, have.data...)
		sums = append(sums, have.sum[:]...)
	}
	sum := md5.Sum(sums)
	return data, fmt.Sprintf("%s-%d", hex.EncodeToString(sum[:]), len(parts)), nil
}

func (u *upload) Abort(ctx context.Context) error {
	if err := checkCall(ctx, "AbortMultipartUpload", u.key); err != nil {
		return err
	}
	u.s.mu.Lock()
	defer u.s.mu.Unlock()
	if p := u.s.uploads[u.id]; p != nil && p.key == u.key {
		delete(u.s.uploads, u.id)
	}
	return nil
}
