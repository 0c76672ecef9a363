package transfer

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"syscall"
	"testing"

	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/object"
	"github.com/sentient-agi/sentientfs/internal/object/faultstore"
)

// idle waits until no background send runs.
func (m *machine) idle(f *content.File) {
	st := m.use(f)
	defer st.done()
	st.mu.Lock()
	pump := st.pump
	st.mu.Unlock()
	if pump != nil {
		<-pump
	}
}

// stream writes data in pieces, with a hint after each, and waits for the background now and then.
func (m *machine) stream(f *content.File, data []byte) {
	for off := 0; off < len(data); off += testPart / 4 {
		end := min(len(data), off+testPart/4)
		for {
			_, err := f.WriteAt(data[off:end], int64(off))
			if err == nil {
				break
			}
			freed, room := m.MakeRoom(bg, f)
			if !errors.Is(err, syscall.ENOSPC) || room != nil || freed == 0 {
				m.t.Fatalf("%v, then %d bytes freed, %v", err, freed, room)
			}
		}
		m.Wrote(f)
		m.idle(f)
	}
}

func TestPartsAreSentBehindTheWriter(t *testing.T) {
	m := newMachine(t, newBucket())
	data := pattern(10*testPart+99, 1)
	f := m.create("k", nil)
	m.stream(f, data[:2*testPart-1])
	if n := m.store.Count(""); n != 0 {
		t.Fatalf("%d requests before there were two parts", n)
	}
	m.stream(f, data)
	u, ok := f.Upload()
	if !ok || len(u.Parts) < 8 {
		t.Fatalf("begun %t, parts in the journal: %d", ok, len(u.Parts))
	}
	m.store.ResetCounts()
	m.put(f)
	wantObject(t, m.mem, "k", data)
	m.wantClean(f)
	wantNoUploads(t, m.mem)
	if n := m.store.Count(faultstore.PutPart); n != 11-len(u.Parts) {
		t.Errorf("close sent %d parts", n)
	}
}

func TestPartWrittenAgainIsSentAgain(t *testing.T) {
	m := newMachine(t, newBucket())
	data := pattern(6*testPart, 1)
	f := m.create("k", nil)
	m.stream(f, data)
	copy(data[10:], "header")
	m.write(f, []byte("header"), 10)
	m.put(f)
	wantObject(t, m.mem, "k", data)
	m.wantClean(f)
}

func TestPartWrittenWhileItIsSent(t *testing.T) {
	m := newMachine(t, newBucket())
	data := pattern(6*testPart, 1)
	f := m.create("k", nil)
	m.store.Add(faultstore.Rule{Op: faultstore.PutPart, Times: 3, Before: func(context.Context) error {
		_, err := f.WriteAt([]byte("header"), 10)
		return err
	}})
	m.stream(f, data)
	m.put(f)
	data = m.read(f)
	if string(data[10:16]) != "header" {
		t.Fatalf("the file begins with %q", data[:20])
	}
	if f.Dirty() {
		m.put(f)
	}
	wantObject(t, m.mem, "k", data)
}

func TestStreamIsResumedAfterACrash(t *testing.T) {
	m := newMachine(t, newBucket())
	data := pattern(8*testPart+5, 1)
	f, err := m.local.Create("k")
	if err != nil {
		t.Fatal(err)
	}
	m.stream(f, data)
	target := f.Target()
	target.Metadata = map[string]string{"mode": "33188"}
	if err := f.SetTarget(target); err != nil {
		t.Fatal(err)
	}
	sent, _ := f.Upload()
	m.stop()
	m.open()
	files := m.local.Recovered()
	if len(files) != 1 {
		t.Fatalf("%d files in the journal", len(files))
	}
	defer files[0].Release()
	m.store.ResetCounts()
	if err := m.Replay(bg, files[0]); err != nil {
		t.Fatal(err)
	}
	info := wantObject(t, m.mem, "k", data)
	if n, want := m.store.Count(faultstore.PutPart), 9-len(sent.Parts); n != want {
		t.Errorf("%d parts were sent, %d were not there", n, want)
	}
	if info.Metadata["mode"] != "33188" {
		t.Errorf("metadata %v", info.Metadata)
	}
	m.wantClean(files[0])
	wantNoUploads(t, m.mem)
}

func TestStreamGetsTheMetadataOfItsEnd(t *testing.T) {
	m := newMachine(t, newBucket())
	f := m.create("k", nil)
	data := pattern(4*testPart, 1)
	m.stream(f, data)
	target := f.Target()
	target.Metadata = map[string]string{"mtime": "7"}
	if err := f.SetTarget(target); err != nil {
		t.Fatal(err)
	}
	m.put(f)
	if info := wantObject(t, m.mem, "k", data); info.Metadata["mtime"] != "7" {
		t.Errorf("metadata %v", info.Metadata)
	}
	m.wantClean(f)
}

func TestFailedBackgroundSendsAreMadeUpFor(t *testing.T) {
	m := newMachine(t, newBucket())
	m.store.Add(faultstore.Rule{Op: faultstore.PutPart, Err: faultstore.Fail(object.KindUnavailable)})
	f := m.create("k", nil)
	data := pattern(8*testPart, 1)
	m.stream(f, data)
	if n := m.store.Count(faultstore.PutPart); n == 0 || n > maxFailures*cap(m.send) {
		t.Errorf("%d sends were tried", n)
	}
	m.store.Clear()
	m.put(f)
	wantObject(t, m.mem, "k", data)
	wantNoUploads(t, m.mem)
}

func TestUploadAbortedByOthersIsBegunAgain(t *testing.T) {
	m := newMachine(t, newBucket())
	f := m.create("k", nil)
	data := pattern(6*testPart, 1)
	m.stream(f, data)
	u, _ := f.Upload()
	if err := m.mem.ResumeUpload("k", u.ID, object.PutOptions{}).Abort(bg); err != nil {
		t.Fatal(err)
	}
	m.put(f)
	wantObject(t, m.mem, "k", data)
	wantNoUploads(t, m.mem)
}

func TestStreamUnderAnotherNameIsBegunAgain(t *testing.T) {
	m := newMachine(t, newBucket())
	f := m.create("k", nil)
	data := pattern(6*testPart, 1)
	m.stream(f, data)
	target := f.Target()
	target.Key = "renamed"
	if err := f.SetTarget(target); err != nil {
		t.Fatal(err)
	}
	m.put(f)
	wantObject(t, m.mem, "renamed", data)
	wantNoUploads(t, m.mem)
}

// A file that was cut is stored by one PUT, and its upload is given up even if the answer to the PUT is lost.
func TestStreamOfAFileThatWasCut(t *testing.T) {
	m := newMachine(t, newBucket())
	f := m.create("k", nil)
	m.stream(f, pattern(6*testPart, 1))
	if err := f.Truncate(58); err != nil {
		t.Fatal(err)
	}
	m.store.Add(faultstore.Rule{Op: faultstore.Put, Times: 1, Lost: faultstore.Fail(object.KindChanged)})
	m.put(f)
	wantObject(t, m.mem, "k", pattern(58, 1))
	m.wantClean(f)
	wantNoUploads(t, m.mem)
}

func TestAbandon(t *testing.T) {
	m := newMachine(t, newBucket())
	f := m.create("k", nil)
	m.stream(f, pattern(6*testPart, 1))
	if err := m.Abandon(bg, f); err != nil {
		t.Fatal(err)
	}
	wantNoUploads(t, m.mem)
	if _, ok := f.Upload(); ok {
		t.Error("the journal still has the upload")
	}
	if err := m.Abandon(bg, f); err != nil {
		t.Errorf("a second time: %v", err)
	}
	if len(m.files) != 0 {
		t.Errorf("%d files are remembered", len(m.files))
	}
}

func TestAbandonCutsARunningSend(t *testing.T) {
	m := newMachine(t, newBucket())
	f := m.create("k", nil)
	begun := make(chan struct{})
	var once sync.Once
	m.store.Add(faultstore.Rule{Op: faultstore.PutPart, Before: func(ctx context.Context) error {
		once.Do(func() { close(begun) })
		<-ctx.Done()
		return ctx.Err()
	}})
	m.write(f, pattern(4*testPart, 1), 0)
	m.Wrote(f)
	<-begun
	if err := m.Abandon(bg, f); err != nil {
		t.Fatal(err)
	}
	wantNoUploads(t, m.mem)
}

func TestFileLargerThanTheLocalDisk(t *testing.T) {
	mem := newBucket()
	const size = 512 * testPart
	dir := t.TempDir()
	local, err := content.Open(content.Options{Dir: dir, KeepFree: -1, Size: size / 4})
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, mem: mem, store: faultstore.New(mem), local: local}
	m.Engine = New(Options{Store: m.store, Memory: 1 << 20, PartSize: testPart, Sends: 2})
	t.Cleanup(m.stop)
	f := m.create("k", nil)
	data := pattern(size, 1)
	m.stream(f, data)
	r := m.NewReader(f)
	_, err = r.ReadAt(bg, make([]byte, 10), 0)
	wantKind(t, err, object.KindUnsupported) // on its way to S3
	r.Close()
	m.put(f)
	wantObject(t, mem, "k", data)
	if got := m.read(f); !bytes.Equal(got, data) {
		t.Error("other bytes than were written")
	}
	wantNoUploads(t, mem)
}

func TestUploadWithTheOnlyCopyIsNotGivenUp(t *testing.T) {
	mem := newBucket()
	const size = 512 * testPart
	local, err := content.Open(content.Options{Dir: t.TempDir(), KeepFree: -1, Size: size / 4})
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, mem: mem, store: faultstore.New(mem), local: local}
	m.Engine = New(Options{Store: m.store, Memory: 1 << 20, PartSize: testPart, Sends: 2})
	t.Cleanup(m.stop)
	f := m.create("k", nil)
	data := pattern(size, 1)
	m.stream(f, data)
	put(t, mem, "k", []byte("someone else's"))
	_, err = m.Store(bg, f)
	wantKind(t, err, object.KindExists)
	if _, ok := f.Upload(); !ok {
		t.Fatal("the upload was given up, and with it the bytes")
	}
	// The person decides for ours.
	target := f.Target()
	target.Intent = content.IntentReplace
	if err := errors.Join(f.Fail(""), f.SetTarget(target)); err != nil {
		t.Fatal(err)
	}
	m.put(f)
	wantObject(t, mem, "k", data)
}

func TestWriterFasterThanTheNetworkWaitsForRoom(t *testing.T) {
	mem := newBucket()
	const size = 256 * testPart
	local, err := content.Open(content.Options{Dir: t.TempDir(), KeepFree: -1, Size: size / 4})
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, mem: mem, store: faultstore.New(mem), local: local}
	m.Engine = New(Options{Store: m.store, Memory: 1 << 20, PartSize: testPart, Sends: 2})
	t.Cleanup(m.stop)
	f := m.create("k", nil)
	data := pattern(size, 1)
	waits := 0
	for off := 0; off < size; off += testPart {
		_, err := f.WriteAt(data[off:off+testPart], int64(off))
		for errors.Is(err, syscall.ENOSPC) {
			waits++
			freed, fail := m.MakeRoom(bg, f)
			if freed == 0 || fail != nil {
				t.Fatalf("no room at %d: %v", off, fail)
			}
			_, err = f.WriteAt(data[off:off+testPart], int64(off))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if waits == 0 {
		t.Error("the writer never had to wait")
	}
	m.put(f)
	wantObject(t, mem, "k", data)
	m.wantClean(f)
}
