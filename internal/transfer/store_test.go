package transfer

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/object"
	"github.com/sentient-agi/sentientfs/internal/object/faultstore"
)

var bg = context.Background()

func TestNewFile(t *testing.T) {
	for _, size := range []int{0, 1, testPart, testPart + 1, 5*testPart + 7} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			m := newMachine(t, newBucket())
			data := pattern(size, 1)
			f := m.create("new", data)
			info := m.put(f)
			wantObject(t, m.mem, "new", data)
			m.wantClean(f)
			wantNoUploads(t, m.mem)
			if info.Key != "new" || info.Size != int64(size) || info.ETag == "" {
				t.Errorf("the answer is %+v", info)
			}
			m.store.ResetCounts()
			if again := m.put(f); again.ETag != info.ETag || m.store.Count("") != 0 {
				t.Errorf("a clean file: %+v and %d requests", again, m.store.Count(""))
			}
		})
	}
}

func TestNewFileWhereOneIs(t *testing.T) {
	for _, size := range []int{10, 3 * testPart} {
		m := newMachine(t, newBucket())
		data := pattern(size, 1)
		f := m.create("k", data)
		theirs := []byte("theirs")
		put(t, m.mem, "k", theirs)
		_, err := m.Store(bg, f)
		wantKind(t, err, object.KindExists)
		wantObject(t, m.mem, "k", theirs)
		wantNoUploads(t, m.mem)
		if reason, failed := f.Failed(); !failed || reason == "" || !bytes.Equal(m.read(f), data) {
			t.Errorf("our bytes are not kept for the person: %q", reason)
		}
	}
}

func TestTwoNewFilesOfEqualContentHaveOneWinner(t *testing.T) {
	mem := newBucket()
	a, b := newMachine(t, mem), newMachine(t, mem)
	fa, fb := a.create("lock", []byte("pid 1")), b.create("lock", []byte("pid 1"))
	a.put(fa)
	_, err := b.Store(bg, fb)
	wantKind(t, err, object.KindExists)
}

func TestReplacementWins(t *testing.T) {
	for _, size := range []int{10, 3 * testPart} {
		m := newMachine(t, newBucket())
		put(t, m.mem, "k", pattern(100, 1))
		f := m.version("k")
		m.intend(f, content.IntentReplace)
		if err := f.Truncate(0); err != nil {
			t.Fatal(err)
		}
		data := pattern(size, 2)
		m.write(f, data, 0)
		put(t, m.mem, "k", []byte("someone else's"))
		m.put(f)
		wantObject(t, m.mem, "k", data)
		m.wantClean(f)
		// From now on it is a change of what we stored.
		put(t, m.mem, "k", []byte("someone else's again"))
		m.write(f, []byte("x"), 3)
		_, err := m.Store(bg, f)
		wantKind(t, err, object.KindChanged)
		wantObject(t, m.mem, "k", []byte("someone else's again"))
	}
}

func TestEditInPlace(t *testing.T) {
	for _, size := range []int{100, testPart, 10*testPart + 17} {
		for _, off := range []int{0, 50, size - 3} {
			t.Run(fmt.Sprintf("%d at %d", size, off), func(t *testing.T) {
				m := newMachine(t, newBucket())
				data := pattern(size, 1)
				put(t, m.mem, "k", data)
				f := m.edit("k", []byte("XYZ"), int64(off))
				m.put(f)
				copy(data[off:], "XYZ")
				wantObject(t, m.mem, "k", data)
				m.wantClean(f)
				wantNoUploads(t, m.mem)
			})
		}
	}
}

func TestEditOfALargeObjectFetchesLittle(t *testing.T) {
	mem := newBucket()
	data := pattern(100*testPart, 1)
	put(t, mem, "k", data)
	s := spied(mem)
	m := newMachine(t, mem, func(o *Options) { o.Store = s })
	f := m.edit("k", []byte("XYZ"), 50*testPart)
	m.put(f)
	copy(data[50*testPart:], "XYZ")
	wantObject(t, mem, "k", data)
	if len(s.bytes) > 2 {
		t.Errorf("%d blocks of %d KiB were fetched to change three bytes", len(s.bytes), blockSize>>10)
	}
	m.wantClean(f)
}

func TestEditOfWhatSomeoneElseChanged(t *testing.T) {
	for name, change := range map[string]func(*machine) []byte{
		"changed": func(m *machine) []byte { put(m.t, m.mem, "k", []byte("theirs")); return []byte("theirs") },
		"removed": func(m *machine) []byte { _ = m.mem.Delete(bg, "k", object.DeleteOptions{}); return nil },
	} {
		for _, size := range []int{100, 10 * testPart} {
			t.Run(fmt.Sprint(name, size), func(t *testing.T) {
				m := newMachine(t, newBucket())
				put(t, m.mem, "k", pattern(size, 1))
				f := m.edit("k", []byte("ours"), 7)
				theirs := change(m)
				_, err := m.Store(bg, f)
				wantKind(t, err, object.KindChanged)
				if data, _, _ := get(t, m.mem, "k"); !bytes.Equal(data, theirs) {
					t.Errorf("the bucket has %q", data)
				}
				if _, failed := f.Failed(); !failed || !f.Dirty() {
					t.Error("the conflict is not in the journal")
				}
				wantNoUploads(t, m.mem)
			})
		}
	}
}

func TestTruncationIsStored(t *testing.T) {
	m := newMachine(t, newBucket())
	data := pattern(4*testPart, 1)
	put(t, m.mem, "k", data)
	f := m.version("k")
	m.intend(f, content.IntentEdit)
	if err := f.Truncate(3*testPart + 5); err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(5 * testPart); err != nil {
		t.Fatal(err)
	}
	m.put(f)
	want := append(data[:3*testPart+5:3*testPart+5], make([]byte, 2*testPart-5)...)
	wantObject(t, m.mem, "k", want)
	m.wantClean(f)
}

// A lost answer is one that the server gave and nobody heard, or a refusal of the second sending of a request whose
// first one was done.
func TestLostAnswer(t *testing.T) {
	for _, kind := range []object.Kind{object.KindUnavailable, object.KindTimeout, object.KindChanged, object.KindExists} {
		for _, size := range []int{10, 3 * testPart} {
			for name, prepare := range map[string]func(*machine, []byte) *content.File{
				"new": func(m *machine, data []byte) *content.File { return m.create("k", data) },
				"append": func(m *machine, data []byte) *content.File {
					put(m.t, m.mem, "k", []byte("base"))
					return m.appendTo("k", data)
				},
				"edit": func(m *machine, data []byte) *content.File {
					put(m.t, m.mem, "k", []byte("base"))
					return m.edit("k", data, 2)
				},
			} {
				t.Run(fmt.Sprint(name, size, kind), func(t *testing.T) {
					m := newMachine(t, newBucket())
					data := pattern(size, 1)
					f := prepare(m, data)
					want := bytes.Clone(m.read(f))
					m.store.Add(faultstore.Rule{Op: faultstore.Put, Times: 1, Lost: faultstore.Fail(kind)},
						faultstore.Rule{Op: faultstore.Complete, Times: 1, Lost: faultstore.Fail(kind)})
					m.put(f)
					wantObject(t, m.mem, "k", want)
					m.wantClean(f)
					wantNoUploads(t, m.mem)
				})
			}
		}
	}
}

// A store that was given up may arrive after the file was written again. It is no conflict then.
func TestAnswerLostForLong(t *testing.T) {
	m := newMachine(t, newBucket())
	put(t, m.mem, "k", []byte("base"))
	f := m.appendTo("k", []byte(" one"))
	m.store.Add(faultstore.Rule{Op: faultstore.Put, Times: 1, Lost: faultstore.Fail(object.KindTimeout)},
		faultstore.Rule{Op: faultstore.Head, Times: 1, Err: faultstore.Fail(object.KindTimeout)})
	_, err := m.Store(bg, f)
	wantKind(t, err, object.KindTimeout)
	m.write(f, []byte(" two"), f.Size())
	m.put(f)
	wantObject(t, m.mem, "k", []byte("base one two"))
	m.wantClean(f)
}

func TestRefusedStoreStaysInTheJournal(t *testing.T) {
	for _, size := range []int{10, 3 * testPart} {
		m := newMachine(t, newBucket())
		data := pattern(size, 1)
		f := m.create("k", data)
		m.store.Add(faultstore.Rule{Op: faultstore.Put, Times: 1, Err: faultstore.Fail(object.KindDenied)},
			faultstore.Rule{Op: faultstore.PutPart, Times: 1, Err: faultstore.Fail(object.KindDenied)})
		_, err := m.Store(bg, f)
		wantKind(t, err, object.KindDenied)
		if _, failed := f.Failed(); failed || !f.Dirty() {
			t.Errorf("dirty %t, failed %t", f.Dirty(), failed)
		}
		m.put(f)
		wantObject(t, m.mem, "k", data)
		wantNoUploads(t, m.mem)
	}
}

func TestPlannedUploadIsGivenUpWhenItFails(t *testing.T) {
	m := newMachine(t, newBucket())
	put(t, m.mem, "k", pattern(10*testPart, 1))
	f := m.edit("k", []byte("x"), 5)
	m.store.Add(faultstore.Rule{Op: faultstore.CopyPart, Err: faultstore.Fail(object.KindDenied)})
	_, err := m.Store(bg, f)
	wantKind(t, err, object.KindDenied)
	wantNoUploads(t, m.mem)
}

func TestServerThatCannotCopyParts(t *testing.T) {
	m := newMachine(t, newBucket())
	data := pattern(10*testPart, 1)
	put(t, m.mem, "k", data)
	f := m.edit("k", []byte("x"), 5)
	data[5] = 'x'
	m.store.Add(faultstore.Rule{Op: faultstore.CopyPart, Err: faultstore.Fail(object.KindUnsupported)})
	m.put(f)
	wantObject(t, m.mem, "k", data)
}

func TestConcurrentStoresAreOneRequest(t *testing.T) {
	m := newMachine(t, newBucket())
	f := m.create("k", []byte("data"))
	entered, held := make(chan struct{}), make(chan struct{})
	m.store.Add(faultstore.Rule{Op: faultstore.Put, Times: 1, Before: func(context.Context) error {
		close(entered)
		<-held
		return nil
	}})
	var wg sync.WaitGroup
	store := func() {
		if _, err := m.Store(bg, f); err != nil {
			t.Error(err)
		}
	}
	wg.Go(store)
	<-entered
	for range 8 {
		wg.Go(store)
	}
	close(held)
	wg.Wait()
	if n := m.store.Count(faultstore.Put); n != 1 {
		t.Errorf("%d PUTs", n)
	}
}

func TestStoreWhileBeingWritten(t *testing.T) {
	m := newMachine(t, newBucket())
	f := m.create("k", []byte("one"))
	m.store.Add(faultstore.Rule{Op: faultstore.Put, Times: 1, Before: func(context.Context) error {
		_, err := f.WriteAt([]byte(" two"), 3)
		return err
	}})
	m.put(f)
	wantObject(t, m.mem, "k", []byte("one"))
	if !f.Dirty() {
		t.Fatal("what was written meanwhile counts as stored")
	}
	m.put(f)
	wantObject(t, m.mem, "k", []byte("one two"))
	m.wantClean(f)
}

func TestCallerThatGivesUpDoesNotEndTheStore(t *testing.T) {
	m := newMachine(t, newBucket())
	f := m.create("k", []byte("data"))
	ctx, cancel := context.WithCancel(bg)
	held := make(chan struct{})
	m.store.Add(faultstore.Rule{Op: faultstore.Put, Times: 1, Before: func(c context.Context) error {
		cancel()
		<-held
		return c.Err()
	}})
	_, err := m.Store(ctx, f)
	wantKind(t, err, object.KindCanceled)
	close(held)
	m.put(f)
	wantObject(t, m.mem, "k", []byte("data"))
	if n := m.store.Count(faultstore.Put); n != 1 {
		t.Errorf("%d PUTs", n)
	}
}

func TestProgressEndsAtNothing(t *testing.T) {
	var mu sync.Mutex
	var all []Progress
	m := newMachine(t, newBucket(), func(o *Options) {
		o.Progress = func(p Progress) {
			mu.Lock()
			all = append(all, p)
			mu.Unlock()
		}
	})
	m.put(m.create("k", pattern(4*testPart, 1)))
	if len(all) < 3 || all[0] != (Progress{Files: 1, Bytes: 4 * testPart}) {
		t.Errorf("reported %+v", all)
	}
	if now := m.Pending(); now != (Progress{}) {
		t.Errorf("%+v is left", now)
	}
	for _, p := range all {
		if p.Bytes < 0 || p.Files < 0 {
			t.Errorf("reported %+v", p)
		}
	}
}
