package transfer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"

	"github.com/sentient-agi/sentientfs/internal/object"
	"github.com/sentient-agi/sentientfs/internal/object/faultstore"
)

const mib = 1 << 20

func newSpied(t *testing.T, data []byte) (*machine, *spy) {
	mem := newBucket()
	put(t, mem, "f", data)
	s := spied(mem)
	return newMachine(t, mem, func(o *Options) { o.Store = s }), s
}

func (m *machine) readAt(r *Reader, off int64, want []byte) {
	m.t.Helper()
	got := make([]byte, len(want))
	n, err := r.ReadAt(context.Background(), got, off)
	if n != len(want) || err != nil && !errors.Is(err, io.EOF) || !bytes.Equal(got, want) {
		m.t.Fatalf("read at %d: %d of %d bytes, equal %t, error %v", off, n, len(want), bytes.Equal(got, want), err)
	}
}

func TestSequentialReadFetchesEachByteOnce(t *testing.T) {
	data := pattern(64*mib, 1)
	m, s := newSpied(t, data)
	f := m.version("f")
	var wg sync.WaitGroup
	for range 2 { // two readers of one file share what they fetch
		wg.Go(func() {
			if got := m.read(f); !bytes.Equal(got, data) {
				t.Error("other bytes than the object has")
			}
		})
	}
	wg.Wait()
	if len(s.bytes) != len(data)/blockSize {
		t.Errorf("%d blocks fetched, the object has %d", len(s.bytes), len(data)/blockSize)
	}
	for n, times := range s.bytes {
		if times != 1 {
			t.Errorf("block %d was fetched %d times", n, times)
		}
	}
	if s.gets < 8 {
		t.Errorf("%d GETs: nothing was fetched in parallel", s.gets)
	}
	if used, limit := m.Memory(); used > limit {
		t.Errorf("%d of %d bytes of memory in use", used, limit)
	}
}

func TestSmallFileIsOneRequest(t *testing.T) {
	data := pattern(mib, 1)
	m, s := newSpied(t, data)
	f := m.version("f")
	r := m.NewReader(f)
	defer r.Close()
	m.readAt(r, 512<<10, data[512<<10:513<<10])
	m.readAt(r, 0, data[:4096])
	if s.gets != 1 {
		t.Errorf("%d GETs", s.gets)
	}
}

func TestRandomReadFetchesABlock(t *testing.T) {
	data := pattern(64*mib, 1)
	m, s := newSpied(t, data)
	r := m.NewReader(m.version("f"))
	defer r.Close()
	m.readAt(r, 40*mib+5, data[40*mib+5:40*mib+105])
	if len(s.bytes) != 1 {
		t.Errorf("%d blocks for 100 bytes", len(s.bytes))
	}
}

func TestCloseRandomReadsFetchTheRegion(t *testing.T) {
	var b blocks
	for _, n := range []int64{0, 2, 4} {
		if off, end := b.widen(n*blockSize+10, n*blockSize+20); off != n*blockSize || end != off+blockSize {
			t.Errorf("read %d fetches [%d, %d)", n, off, end)
		}
	}
	if off, end := b.widen(6*blockSize, 6*blockSize+1); off != 0 || end != wideSize {
		t.Errorf("the fourth read nearby fetches [%d, %d)", off, end)
	}
}

func TestFooterDoesNotEndTheWalk(t *testing.T) {
	data := pattern(64*mib, 1)
	m, _ := newSpied(t, data)
	r := m.NewReader(m.version("f"))
	defer r.Close()
	m.readAt(r, 0, data[:blockSize])
	m.readAt(r, blockSize, data[blockSize:2*blockSize])
	w := r.windows[0]
	for range 2 {
		m.readAt(r, 64*mib-1000, data[64*mib-1000:])
	}
	m.readAt(r, 2*blockSize, data[2*blockSize:3*blockSize])
	if r.windows[0] != w || w.next != 3*blockSize || w.size < windowMin {
		t.Errorf("the window is %+v", *w)
	}
}

func TestWindow(t *testing.T) {
	w := &window{next: blockSize, reached: mib, reads: 1, size: windowMin}
	if off, end := w.ahead(1 << 30); end > off {
		t.Error("one read alone looks ahead")
	}
	w.step(blockSize, blockSize, false)
	if off, end := w.ahead(1 << 30); off != mib || end != 2*mib {
		t.Errorf("the second read asks for [%d, %d)", off, end)
	}
	for range 20 {
		w.step(w.next, blockSize, true)
	}
	if w.size != windowMax {
		t.Errorf("a reader that always stalls has a window of %d", w.size)
	}
	at := w.next
	for _, off := range []int64{at + nearBy, at, at - nearBy} {
		if !w.walks(off) {
			t.Errorf("a read at %d does not belong to the walk at %d", off, w.next)
		}
	}
	if w.walks(at + nearBy + 1) {
		t.Error("a far seek is still the same walk")
	}
}

func TestWaiterWakesAsItsBytesArrive(t *testing.T) {
	data := pattern(8*mib, 1)
	m, s := newSpied(t, data)
	held := make(chan struct{})
	s.gate = func(ctx context.Context, off int64) error {
		if off < 2*mib {
			return nil
		}
		select {
		case <-held:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	f := m.version("f")
	all := make(chan error, 1)
	go func() { all <- m.Fetch(context.Background(), f, 0, 8*mib) }()
	if err := m.Fetch(context.Background(), f, 0, mib); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-all:
		t.Fatalf("the whole arrived though it is held: %v", err)
	default:
	}
	close(held)
	if err := <-all; err != nil {
		t.Fatal(err)
	}
}

func TestFetchThatNobodyWantsIsCanceled(t *testing.T) {
	m, s := newSpied(t, pattern(8*mib, 1))
	begun, ended := make(chan struct{}), make(chan struct{})
	var once sync.Once
	s.gate = func(ctx context.Context, _ int64) error {
		once.Do(func() { close(begun) })
		<-ctx.Done()
		close(ended)
		return ctx.Err()
	}
	f := m.version("f")
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- m.Fetch(ctx, f, 0, 8*mib) }()
	<-begun
	cancel()
	wantKind(t, <-result, object.KindCanceled)
	<-ended // or the test never ends
}

func TestFailedFetchWakesAllWhoWait(t *testing.T) {
	mem := newBucket()
	put(t, mem, "f", pattern(4*mib, 1))
	m := newMachine(t, mem)
	both := make(chan struct{})
	m.store.Add(faultstore.Rule{Op: faultstore.Get, Times: 1, Before: func(context.Context) error {
		<-both
		return faultstore.Fail(object.KindDenied)
	}})
	f := m.version("f")
	st := m.use(f)
	defer st.done()
	fetches, _ := st.want(0, 4*mib, false)
	again, _ := st.want(mib, 2*mib, false)
	if len(fetches) != 1 || len(again) != 1 || fetches[0] != again[0] {
		t.Fatalf("two who want the same have %d and %d fetches", len(fetches), len(again))
	}
	close(both)
	for _, ft := range []*fetch{fetches[0], again[0]} {
		wantKind(t, st.await(context.Background(), ft, 2*mib), object.KindDenied)
	}
	st.drop(append(fetches, again...)...)
	if err := m.Fetch(context.Background(), f, 0, 4*mib); err != nil {
		t.Errorf("the next fetch: %v", err)
	}
}

func TestReaderNeverMixesVersions(t *testing.T) {
	mem := newBucket()
	old := pattern(4*mib, 1)
	put(t, mem, "f", old)
	m := newMachine(t, mem)
	f := m.version("f")
	r := m.NewReader(f)
	defer r.Close()
	m.readAt(r, 0, old[:1000])
	put(t, mem, "f", pattern(4*mib, 2))
	for off := 0; off < len(old); off += blockSize {
		got := make([]byte, blockSize)
		n, err := r.ReadAt(context.Background(), got, int64(off))
		if err != nil {
			wantKind(t, err, object.KindChanged)
			return
		}
		if !bytes.Equal(got[:n], old[off:off+n]) {
			t.Fatalf("bytes of another version at %d", off)
		}
	}
	t.Error("the whole old version was read though it is gone")
}

func TestReaderGoesOnAfterAChangeOfMetadata(t *testing.T) {
	mem := newBucket()
	data := pattern(2*mib, 1)
	ctx := context.Background()
	up, err := mem.CreateUpload(ctx, "f", object.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var parts []object.Part
	for i := range 2 {
		part, err := up.PutPart(ctx, i+1, object.Bytes(data[i*mib:(i+1)*mib]))
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, part)
	}
	if _, err := up.Complete(ctx, parts); err != nil {
		t.Fatal(err)
	}
	m := newMachine(t, mem)
	f := m.version("f")
	r := m.NewReader(f)
	defer r.Close()
	m.readAt(r, 0, data[:1000])
	before, _, _ := f.Base()
	info, err := mem.Copy(ctx, "f", "f", object.CopyOptions{Metadata: map[string]string{"mode": "33188"}})
	if err != nil {
		t.Fatal(err)
	}
	if info.ETag == before.ETag {
		t.Skip("the copy kept the ETag")
	}
	m.readAt(r, 2*mib-1000, data[2*mib-1000:])
	if now, _, _ := f.Base(); now.ETag != info.ETag {
		t.Errorf("the file is version %s, the bucket has %s", now.ETag, info.ETag)
	}
}

func TestTornAnswerIsNotBelieved(t *testing.T) {
	mem := newBucket()
	data := pattern(4*mib, 1)
	put(t, mem, "f", data)
	m := newMachine(t, mem)
	m.store.Add(faultstore.Rule{Op: faultstore.Get, Times: 1, Torn: 3 * mib / 2})
	f := m.version("f")
	wantKind(t, m.Fetch(context.Background(), f, 0, 4*mib), object.KindCorrupt)
	if got := m.read(f); !bytes.Equal(got, data) {
		t.Error("other bytes than the object has")
	}
}

func TestFillFirst(t *testing.T) {
	mem := newBucket()
	data := pattern(3*mib, 1)
	put(t, mem, "f", data)
	m := newMachine(t, mem)
	f := m.version("f")
	ctx := context.Background()
	rd, err := mem.Get(ctx, "f", object.GetOptions{Length: mib})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.FillFirst(f, rd, 0); err != nil {
		t.Fatal(err)
	}
	r := m.NewReader(f)
	defer r.Close()
	m.readAt(r, 1000, data[1000:2000])
	if n := m.store.Count(faultstore.Get); n != 0 {
		t.Errorf("%d GETs of what is there", n)
	}
	put(t, mem, "f", pattern(3*mib, 2))
	if rd, err = mem.Get(ctx, "f", object.GetOptions{Length: mib}); err != nil {
		t.Fatal(err)
	}
	wantKind(t, m.FillFirst(f, rd, 0), object.KindChanged)
}

func TestCloseEndsWaiting(t *testing.T) {
	m, s := newSpied(t, pattern(2*mib, 1))
	begun := make(chan struct{})
	var once sync.Once
	s.gate = func(ctx context.Context, _ int64) error {
		once.Do(func() { close(begun) })
		<-ctx.Done()
		return ctx.Err()
	}
	f := m.version("f")
	result := make(chan error, 1)
	go func() { result <- m.Fetch(context.Background(), f, 0, 2*mib) }()
	<-begun
	m.Engine.Close()
	wantKind(t, <-result, object.KindCanceled)
	wantKind(t, m.Fetch(context.Background(), f, 0, 2*mib), object.KindCanceled)
}
