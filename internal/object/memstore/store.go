package memstore

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"hash/crc64"
	"io"
	"maps"
	"slices"
	"sort"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/sentient-agi/sentientfs/internal/object"
)

const (
	// maxKey and maxMetadata are S3's limits in bytes ("Naming Amazon S3 objects", "Working with object metadata").
	maxKey      = 1024
	maxMetadata = 2048
	// minPart is the least size of a part that is not the last, in bytes ("Amazon S3 multipart upload limits").
	minPart = 5 << 20
	// maxParts is the highest part number, from the same page.
	maxParts = 10000
)

var nvme = crc64.MakeTable(0x9a6c9329ac4bc9b5)

// Options change what a Store does. The zero value is S3.
type Options struct {
	// Now is the clock of LastModified; nil is time.Now. The Store cuts it to seconds.
	Now func() time.Time
	// MinPart is the least size in bytes of every part but the last; 0 is S3's 5 MiB. Tests of uploads that want
	// many parts in little memory set 1.
	MinPart int64
}

// Store is a bucket in memory. It implements object.Store, object.BatchDeleter, object.UploadLister and object.Prober.
type Store struct {
	now     func() time.Time
	minPart int64

	mu      sync.Mutex // guards what follows; held only while memory is touched
	objects map[string]*stored
	keys    []string // of objects, sorted by their bytes
	uploads map[string]*pending
	nextID  int
}

var (
	_ object.Store        = (*Store)(nil)
	_ object.BatchDeleter = (*Store)(nil)
	_ object.UploadLister = (*Store)(nil)
	_ object.Prober       = (*Store)(nil)
)

// stored is one version of an object. It is never changed after it was put in the map.
type stored struct {
	info object.Info
	data []byte
}

// New makes an empty Store.
func New(opts Options) *Store {
	s := &Store{now: opts.Now, minPart: opts.MinPart, objects: map[string]*stored{}, uploads: map[string]*pending{}}
	if s.now == nil {
		s.now = time.Now
	}
	if s.minPart == 0 {
		s.minPart = minPart
	}
	return s
}

func fail(op, key string, kind object.Kind, format string, args ...any) error {
	e := &object.Error{Op: op, Key: key, Kind: kind}
	if format != "" {
		e.Err = fmt.Errorf(format, args...)
	}
	return e
}

// checkCall refuses what S3 refuses before it looks at anything: an ended context, a key that cannot be.
func checkCall(ctx context.Context, op, key string) error {
	if err := ctx.Err(); err != nil {
		return &object.Error{Op: op, Key: key, Kind: object.KindOf(err), Err: err}
	}
	switch {
	case key == "":
		return fail(op, key, object.KindInvalid, "the key is empty")
	case len(key) > maxKey:
		return fail(op, key, object.KindInvalid, "the key has %d bytes, at most %d are possible", len(key), maxKey)
	case !utf8.ValidString(key):
		return fail(op, key, object.KindInvalid, "the key is not UTF-8")
	}
	return nil
}

func checkMetadata(op, key string, metadata map[string]string) error {
	n := 0
	for k, v := range metadata {
		n += len(k) + len(v)
	}
	if n > maxMetadata {
		return fail(op, key, object.KindTooLarge, "%d bytes of metadata, at most %d are possible", n, maxMetadata)
	}
	return nil
}

// condition decides whether cur, which may be nil, may be replaced.
func condition(op, key string, cur *stored, ifMatch string, ifNoneMatch bool) error {
	switch {
	case ifNoneMatch && cur != nil:
		return fail(op, key, object.KindExists, "")
	case ifMatch != "" && cur == nil:
		return fail(op, key, object.KindNotFound, "")
	case ifMatch != "" && cur.info.ETag != ifMatch:
		return fail(op, key, object.KindChanged, "")
	}
	return nil
}

func (o *stored) tell() object.Info {
	info := o.info
	info.Metadata = maps.Clone(info.Metadata)
	return info
}

// newStored makes a version of data, which it keeps.
func (s *Store) newStored(key, etag string, data []byte, metadata map[string]string, contentType string) *stored {
	if etag == "" {
		sum := md5.Sum(data)
		etag = hex.EncodeToString(sum[:])
	}
	if contentType == "" {
		contentType = "binary/octet-stream"
	}
	if metadata = maps.Clone(metadata); metadata == nil {
		metadata = map[string]string{}
	}
	crc := crc64.Checksum(data, nvme)
	return &stored{data: data, info: object.Info{Key: key, Size: int64(len(data)), ETag: etag, ContentType: contentType,
		LastModified: s.now().UTC().Truncate(time.Second), Metadata: metadata, CRC64NVME: &crc}}
}

func (s *Store) storeLocked(o *stored) {
	if _, there := s.objects[o.info.Key]; !there {
		i := sort.SearchStrings(s.keys, o.info.Key)
		s.keys = slices.Insert(s.keys, i, o.info.Key)
	}
	s.objects[o.info.Key] = o
}

func (s *Store) removeLocked(key string) {
	if _, there := s.objects[key]; there {
		i := sort.SearchStrings(s.keys, key)
		s.keys = slices.Delete(s.keys, i, i+1)
		delete(s.objects, key)
	}
}

// Head implements object.Store.
func (s *Store) Head(ctx context.Context, key string) (object.Info, error) {
	if err := checkCall(ctx, "HeadObject", key); err != nil {
		return object.Info{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.objects[key]
	if o == nil {
		return object.Info{}, fail("HeadObject", key, object.KindNotFound, "")
	}
	return o.tell(), nil
}

// Get implements object.Store.
func (s *Store) Get(ctx context.Context, key string, opts object.GetOptions) (*object.Reader, error) {
	const op = "GetObject"
	if err := checkCall(ctx, op, key); err != nil {
		return nil, err
	}
	if opts.Offset < 0 || opts.Length < 0 {
		return nil, fail(op, key, object.KindInvalid, "offset %d, length %d", opts.Offset, opts.Length)
	}
	s.mu.Lock()
	o := s.objects[key]
	s.mu.Unlock()
	switch {
	case o == nil:
		return nil, fail(op, key, object.KindNotFound, "")
	case opts.IfMatch != "" && opts.IfMatch != o.info.ETag:
		return nil, fail(op, key, object.KindChanged, "")
	case opts.IfNoneMatch != "" && opts.IfNoneMatch == o.info.ETag:
		return nil, fail(op, key, object.KindNotModified, "")
	}
	data := o.data
	if opts.Offset > 0 || opts.Length > 0 {
		if opts.Offset >= int64(len(data)) {
			return nil, fail(op, key, object.KindRange, "")
		}
		data = data[opts.Offset:]
		if opts.Length > 0 && opts.Length < int64(len(data)) {
			data = data[:opts.Length]
		}
	}
	return &object.Reader{ReadCloser: &reader{ctx: ctx, key: key, r: bytes.NewReader(data)}, Info: o.tell()}, nil
}

// reader ends with its context, as a connection does.
type reader struct {
	ctx context.Context
	key string
	r   *bytes.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, &object.Error{Op: "GetObject", Key: r.key, Kind: object.KindOf(err), Err: err}
	}
	return r.r.Read(p)
}

func (r *reader) Close() error { return nil }

func readBody(op, key string, body object.Body) ([]byte, error) {
	data := make([]byte, body.Size())
	if _, err := io.ReadFull(io.NewSectionReader(body, 0, body.Size()), data); err != nil {
		return nil, &object.Error{Op: op, Key: key, Kind: object.KindUnknown, Err: err}
	}
	return data, nil
}

// Put implements object.Store.
func (s *Store) Put(ctx context.Context, key string, body object.Body, opts object.PutOptions) (object.Info, error) {
	const op = "PutObject"
	if err := checkCall(ctx, op, key); err != nil {
		return object.Info{}, err
	}
	if err := checkMetadata(op, key, opts.Metadata); err != nil {
		return object.Info{}, err
	}
	data, err := readBody(op, key, body)
	if err != nil {
		return object.Info{}, err
	}
	o := s.newStored(key, "", data, opts.Metadata, opts.ContentType)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := condition(op, key, s.objects[key], opts.IfMatch, opts.IfNoneMatch); err != nil {
		return object.Info{}, err
	}
	s.storeLocked(o)
	return o.tell(), nil
}

// Copy implements object.Store.
func (s *Store) Copy(ctx context.Context, dst, src string, opts object.CopyOptions) (object.Info, error) {
	const op = "CopyObject"
	if err := checkCall(ctx, op, dst); err != nil {
		return object.Info{}, err
	}
	if err := checkMetadata(op, dst, opts.Metadata); err != nil {
		return object.Info{}, err
	}
	if dst == src && opts.Metadata == nil {
		return object.Info{}, fail(op, dst, object.KindInvalid, "a copy onto itself must change something")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	from := s.objects[src]
	if from == nil {
		return object.Info{}, fail(op, src, object.KindNotFound, "")
	}
	if err := condition(op, src, from, opts.SourceETag, false); err != nil {
		return object.Info{}, err
	}
	if err := condition(op, dst, s.objects[dst], opts.IfMatch, opts.IfNoneMatch); err != nil {
		return object.Info{}, err
	}
	metadata, contentType := opts.Metadata, opts.ContentType
	if metadata == nil {
		metadata, contentType = from.info.Metadata, from.info.ContentType
	}
	o := s.newStored(dst, "", from.data, metadata, contentType)
	s.storeLocked(o)
	return o.tell(), nil
}

// Traits implements object.Prober: everything is honoured.
func (s *Store) Traits(ctx context.Context) (object.Traits, error) {
	return object.Traits{PutIfMatch: true, PutIfNoneMatch: true, CompleteIfMatch: true, CompleteIfNoneMatch: true,
		CopySourceIfMatch: true, CopyIfMatch: true, DeleteIfMatch: true, BatchDeleteIfMatch: true}, nil
}
