package transfer

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/object"
	"github.com/sentient-agi/sentientfs/internal/object/faultstore"
)

func TestAppendSaysWhatItExtends(t *testing.T) {
	for _, size := range []int{10, 10 * testPart} {
		m := newMachine(t, newBucket())
		base := put(t, m.mem, "log", pattern(size, 1))
		m.put(m.appendTo("log", []byte("tail")))
		info := wantObject(t, m.mem, "log", append(pattern(size, 1), "tail"...))
		if info.Metadata[MetaExtendsETag] != base.ETag || info.Metadata[MetaExtendsSize] != strconv.Itoa(size) {
			t.Errorf("metadata %v", info.Metadata)
		}
		f := m.edit("log", []byte("x"), 0)
		target := f.Target()
		target.Metadata = info.Metadata
		if err := f.SetTarget(target); err != nil {
			t.Fatal(err)
		}
		info = m.put(f)
		info, _ = m.mem.Head(bg, "log")
		if info.Metadata[MetaExtendsETag] != "" || info.Metadata[MetaExtendsSize] != "" {
			t.Errorf("an edit says that it extends something: %v", info.Metadata)
		}
	}
}

func TestAppendGoesBehindWhatIsThere(t *testing.T) {
	sizes := []int{0, 3, 4, 9, testPart/2 - 1, testPart / 2, testPart - 3, testPart + 1, 5 * testPart}
	for _, theirs := range sizes {
		for _, tail := range []int{1, testPart / 3, 3 * testPart} {
			t.Run(fmt.Sprintf("%d behind %d", tail, theirs), func(t *testing.T) {
				m := newMachine(t, newBucket())
				put(t, m.mem, "log", []byte("base"))
				f := m.appendTo("log", pattern(tail, 1))
				now := put(t, m.mem, "log", pattern(theirs, 2))
				m.put(f)
				want := append(pattern(theirs, 2), pattern(tail, 1)...)
				info := wantObject(t, m.mem, "log", want)
				wantNoUploads(t, m.mem)
				if info.Metadata[MetaExtendsETag] != now.ETag {
					t.Errorf("it says that it extends %q", info.Metadata[MetaExtendsETag])
				}
				// The handle goes on appending.
				m.write(f, []byte("more"), f.Size())
				m.put(f)
				wantObject(t, m.mem, "log", append(want, "more"...))
			})
		}
	}
}

func TestAppendToWhatWasRemoved(t *testing.T) {
	for _, tail := range []int{5, 3 * testPart} {
		m := newMachine(t, newBucket())
		put(t, m.mem, "log", []byte("old content"))
		f := m.appendTo("log", pattern(tail, 1))
		if err := m.mem.Delete(bg, "log", object.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		m.put(f)
		info := wantObject(t, m.mem, "log", pattern(tail, 1))
		if info.Metadata[MetaExtendsETag] != "" {
			t.Error("it says that it extends something")
		}
		wantNoUploads(t, m.mem)
	}
}

func TestAppendInARaceAtEachTry(t *testing.T) {
	m := newMachine(t, newBucket())
	put(t, m.mem, "log", []byte("0"))
	f := m.appendTo("log", []byte("ours"))
	want := []byte("0")
	m.store.Add(faultstore.Rule{Op: faultstore.Put, Times: 5, Before: func(context.Context) error {
		want = append(want, '+')
		put(t, m.mem, "log", want)
		return nil
	}})
	m.put(f)
	wantObject(t, m.mem, "log", append(want, "ours"...))
	m.wantClean(f)
}

func TestAppendFollowsALostAnswerBehindOthers(t *testing.T) {
	m := newMachine(t, newBucket())
	put(t, m.mem, "log", []byte("a"))
	f := m.appendTo("log", []byte("z"))
	put(t, m.mem, "log", []byte("ab"))
	m.store.Add(faultstore.Rule{Op: faultstore.Put, Skip: 1, Times: 1, Lost: faultstore.Fail(object.KindUnavailable)})
	m.put(f)
	wantObject(t, m.mem, "log", []byte("abz"))
	m.wantClean(f)
}

func TestAppendRaceOfManyMachines(t *testing.T) {
	const machines, lines = 4, 100
	mem := newBucket()
	put(t, mem, "log", nil)
	var wg sync.WaitGroup
	for i := range machines {
		m := newMachine(t, mem)
		f := m.version("log")
		wg.Go(func() {
			for n := range lines {
				target := f.Target()
				target.Key, target.Intent = "log", content.IntentAppend
				if n == 0 {
					target.AppendFrom = f.Size()
				}
				if err := f.SetTarget(target); err != nil {
					t.Error(err)
					return
				}
				if _, err := f.WriteAt(fmt.Appendf(nil, "machine %d line %d\n", i, n), f.Size()); err != nil {
					t.Error(err)
					return
				}
				if n%3 == 0 || n == lines-1 { // some stores have several lines
					if _, err := m.Store(bg, f); err != nil {
						t.Errorf("machine %d line %d: %v", i, n, err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	data, _, _ := get(t, mem, "log")
	next := [machines]int{}
	for _, line := range bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n")) {
		var i, n int
		if _, err := fmt.Sscanf(string(line), "machine %d line %d", &i, &n); err != nil {
			t.Fatalf("torn line %q", line)
		}
		if n != next[i] {
			t.Fatalf("machine %d: line %d where line %d was to come", i, n, next[i])
		}
		next[i]++
	}
	for i, n := range next {
		if n != lines {
			t.Errorf("machine %d: %d of %d lines", i, n, lines)
		}
	}
}
