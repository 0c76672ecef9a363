package transfer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"

	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/object"
	"github.com/sentient-agi/sentientfs/internal/object/faultstore"
	"github.com/sentient-agi/sentientfs/internal/object/memstore"
)

// machine is one mount: an engine and a local store over a bucket that others may have too.
type machine struct {
	t     testing.TB
	mem   *memstore.Store
	store *faultstore.Store
	local *content.Store
	dir   string
	*Engine
}

// testPart is the part size of tests: uploads of many parts in little memory.
const testPart = 64 << 10

func newBucket() *memstore.Store { return memstore.New(memstore.Options{MinPart: testPart / 2}) }

func newMachine(t testing.TB, mem *memstore.Store, change ...func(*Options)) *machine {
	t.Helper()
	m := &machine{t: t, mem: mem, store: faultstore.New(mem), dir: t.TempDir()}
	m.open(change...)
	t.Cleanup(m.stop)
	return m
}

func (m *machine) open(change ...func(*Options)) {
	m.t.Helper()
	local, err := content.Open(content.Options{Dir: m.dir, KeepFree: -1})
	if err != nil {
		m.t.Fatal(err)
	}
	o := Options{Store: m.store, Memory: 16 << 20, PartSize: testPart, Fetches: 8, Sends: 4}
	for _, c := range change {
		c(&o)
	}
	m.local, m.Engine = local, New(o)
}

func (m *machine) stop() {
	m.Engine.Close()
	if err := m.local.Close(); err != nil {
		m.t.Error(err)
	}
}

// object puts an object into the bucket as somebody else does.
func put(t testing.TB, mem *memstore.Store, key string, data []byte) object.Info {
	t.Helper()
	info, err := mem.Put(context.Background(), key, object.Bytes(bytes.Clone(data)), object.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// get returns what is in the bucket; ok is false if nothing is.
func get(t testing.TB, mem *memstore.Store, key string) (data []byte, info object.Info, ok bool) {
	t.Helper()
	rd, err := mem.Get(context.Background(), key, object.GetOptions{})
	if object.Is(err, object.KindNotFound) {
		return nil, object.Info{}, false
	}
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	if data, err = io.ReadAll(rd); err != nil {
		t.Fatal(err)
	}
	return data, rd.Info, true
}

func wantObject(t testing.TB, mem *memstore.Store, key string, want []byte) object.Info {
	t.Helper()
	data, info, ok := get(t, mem, key)
	if !ok || !bytes.Equal(data, want) {
		t.Fatalf("%s: there %t, %d bytes %.40q, want %d bytes %.40q", key, ok, len(data), data, len(want), want)
	}
	return info
}

func wantNoUploads(t testing.TB, mem *memstore.Store) {
	t.Helper()
	pending, err := mem.ListUploads(context.Background(), "")
	if err != nil || len(pending) > 0 {
		t.Errorf("uploads left behind: %v, %v", pending, err)
	}
}

func wantKind(t testing.TB, err error, want object.Kind) {
	t.Helper()
	if !object.Is(err, want) {
		t.Fatalf("error %v, want one of kind %v", err, want)
	}
}

// version opens the local copy of what is in the bucket now.
func (m *machine) version(key string) *content.File {
	m.t.Helper()
	info, err := m.mem.Head(context.Background(), key)
	if err != nil {
		m.t.Fatal(err)
	}
	f, err := m.local.Version(version(key, info))
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(f.Release)
	return f
}

// create makes a new file with some content.
func (m *machine) create(key string, data []byte) *content.File {
	m.t.Helper()
	f, err := m.local.Create(key)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(f.Release)
	if len(data) > 0 {
		m.write(f, data, 0)
	}
	return f
}

func (m *machine) write(f *content.File, data []byte, off int64) {
	m.t.Helper()
	if _, err := f.WriteAt(data, off); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) intend(f *content.File, intent content.Intent) {
	m.t.Helper()
	t := f.Target()
	if base, _, ok := f.Base(); ok {
		t.Key = base.Key
	}
	t.Intent = intent
	if intent == content.IntentAppend {
		t.AppendFrom = f.Size()
	}
	if err := f.SetTarget(t); err != nil {
		m.t.Fatal(err)
	}
}

// appendTo makes a local append to what is in the bucket.
func (m *machine) appendTo(key string, tail []byte) *content.File {
	f := m.version(key)
	m.intend(f, content.IntentAppend)
	m.write(f, tail, f.Size())
	return f
}

// edit makes a local change in place of what is in the bucket.
func (m *machine) edit(key string, data []byte, off int64) *content.File {
	f := m.version(key)
	m.intend(f, content.IntentEdit)
	m.write(f, data, off)
	return f
}

func (m *machine) put(f *content.File) object.Info {
	m.t.Helper()
	info, err := m.Store(context.Background(), f)
	if err != nil {
		m.t.Fatal(err)
	}
	return info
}

// wantClean checks that f is what is in the bucket, to the last byte that it shows.
func (m *machine) wantClean(f *content.File) {
	m.t.Helper()
	base, _, ok := f.Base()
	if !ok || f.Dirty() {
		m.t.Fatalf("the file is not clean: base %t, dirty %t", ok, f.Dirty())
	}
	data, info, _ := get(m.t, m.mem, base.Key)
	if info.ETag != base.ETag || info.Size != base.Size {
		m.t.Fatalf("the file is version %+v, the bucket has %+v", base, info)
	}
	if got := m.read(f); !bytes.Equal(got, data) {
		m.t.Fatalf("the file shows %d bytes %.40q, the bucket has %d %.40q", len(got), got, len(data), data)
	}
}

// read reads a file to its end through a Reader.
func (m *machine) read(f *content.File) []byte {
	m.t.Helper()
	r := m.NewReader(f)
	defer r.Close()
	data := make([]byte, f.Size())
	for off := 0; off < len(data); {
		n, err := r.ReadAt(context.Background(), data[off:min(len(data), off+blockSize)], int64(off))
		if err != nil && !errors.Is(err, io.EOF) {
			m.t.Fatal(err)
		}
		off += n
	}
	return data
}

// pattern returns n bytes of which no two places look alike.
func pattern(n int, seed byte) []byte {
	p := make([]byte, n)
	x := uint32(seed)*2654435761 + 1
	for i := range p {
		x = x*1664525 + 1013904223
		p[i] = byte(x >> 24)
	}
	return p
}

// spy is a Store that counts which bytes are fetched, and can hold a GET up.
type spy struct {
	object.Store
	mu    sync.Mutex
	bytes map[int64]int // how often each block of blockSize was fetched, by its number
	gets  int
	gate  func(ctx context.Context, off int64) error // asked before each read of a body
}

func (s *spy) Get(ctx context.Context, key string, opts object.GetOptions) (*object.Reader, error) {
	rd, err := s.Store.Get(ctx, key, opts)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.gets++
	s.mu.Unlock()
	rd.ReadCloser = &spyReader{ReadCloser: rd.ReadCloser, s: s, ctx: ctx, pos: opts.Offset}
	return rd, nil
}

type spyReader struct {
	io.ReadCloser
	s   *spy
	ctx context.Context
	pos int64
}

func (r *spyReader) Read(p []byte) (int, error) {
	if gate := r.s.gate; gate != nil {
		if err := gate(r.ctx, r.pos); err != nil {
			return 0, err
		}
	}
	n, err := r.ReadCloser.Read(p[:min(len(p), blockSize)])
	r.s.mu.Lock()
	for at := r.pos; at < r.pos+int64(n); at = (at/blockSize + 1) * blockSize {
		if at%blockSize == 0 {
			r.s.bytes[at/blockSize]++
		}
	}
	r.s.mu.Unlock()
	r.pos += int64(n)
	return n, err
}

func spied(mem *memstore.Store) *spy { return &spy{Store: mem, bytes: map[int64]int{}} }
