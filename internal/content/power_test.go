package content

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// fatal is what a check needs of a test or of a rapid run.
type fatal interface {
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// history knows, for each byte of a file, every value that it had since the last Sync.
type history struct {
	now   []byte
	had   [][4]uint64 // by byte: the set of values
	sizes map[int64]bool
	safe  bool // a Sync returned, and the file was not stored since
}

func (h *history) put(off int64, b []byte) {
	for int64(len(h.had)) < off+int64(len(b)) {
		h.had = append(h.had, [4]uint64{})
	}
	for i, v := range b {
		h.had[off+int64(i)][v/64] |= 1 << (v % 64)
	}
	h.sizes[int64(len(h.now))] = true
}

func (h *history) resize(size int64) {
	old := int64(len(h.now))
	if size <= old {
		h.now = h.now[:size:size]
		h.put(0, nil)
		return
	}
	h.now = append(h.now, make([]byte, size-old)...)
	h.put(old, h.now[old:])
}

func (h *history) write(off int64, b []byte) {
	if end := off + int64(len(b)); end > int64(len(h.now)) {
		h.resize(end)
	}
	copy(h.now[off:], b)
	h.put(off, b)
}

// synced forgets what was before.
func (h *history) synced() {
	h.had, h.sizes, h.safe = nil, map[int64]bool{}, true
	h.put(0, h.now)
}

// verify reads a file after a power loss. Bytes are of the history or an error; they are never an error that a Sync
// covered and nothing touched since.
func (h *history) verify(t fatal, f *File, base []byte) {
	size := f.Size()
	if !h.sizes[size] {
		t.Fatalf("size %d was never, since the last Sync", size)
	}
	for i := range size {
		b := make([]byte, 1)
		_, err := f.ReadAt(b, i)
		var miss *MissingError
		switch {
		case errors.As(err, &miss) && miss.Lost:
			if _, ok := f.Failed(); !ok {
				t.Fatalf("byte %d is lost and the file is no conflict", i)
			}
			if h.safe && ones(h.had[i]) < 2 && i < int64(len(h.now)) && h.sizes[int64(len(h.now))] && len(h.sizes) == 1 {
				t.Fatalf("byte %d was synced and is lost", i)
			}
			continue
		case errors.As(err, &miss) && i < int64(len(base)):
			b[0] = base[i]
		case err != nil && err != io.EOF:
			t.Fatalf("ReadAt(%d): %v", i, err)
		}
		if v := b[0]; h.had[i][v/64]&(1<<(v%64)) == 0 {
			t.Fatalf("byte %d is %d, which it never was since the last Sync; it is %d", i, v, h.now[min(i, int64(len(h.now))-1)])
		}
	}
}

func ones(set [4]uint64) (n int) {
	for v := range 256 {
		if set[v/64]&(1<<(v%64)) != 0 {
			n++
		}
	}
	return n
}

type powerRun struct {
	disk *memDisk
	s    *Store
	f    *File
	h    *history
	base []byte
	v    Version
	n    int

	snapGen uint64
	snap    []byte // nil if there is none
}

func (r *powerRun) open(t fatal) {
	s, err := Open(Options{Dir: "mem", KeepFree: -1, disk: r.disk})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	r.s = s
}

// step does something random. The history has it also when it fails: a call that did not return is there or not.
func (r *powerRun) step(t *rapid.T) error {
	off := rapid.Int64Range(0, 6000).Draw(t, "off")
	n := rapid.IntRange(1, 3000).Draw(t, "len")
	return r.do(rapid.IntRange(0, 11).Draw(t, "op"), off, n, rapid.Byte().Draw(t, "seed"))
}

// do does a step by its number.
func (r *powerRun) do(op int, off int64, n int, seed byte) error {
	switch op {
	case 0, 1, 2, 3:
		if op > 1 {
			off = int64(len(r.h.now))
		}
		b := pattern(n, seed)
		_, err := r.f.WriteAt(b, off)
		r.h.write(off, b)
		return err
	case 4:
		err := r.f.Truncate(off)
		r.h.resize(off)
		return err
	case 5:
		err := r.f.Zero(off, int64(n))
		if size := int64(len(r.h.now)); off < size {
			r.h.write(off, make([]byte, min(size-off, int64(n))))
		}
		return err
	case 6, 7:
		err := r.f.Sync()
		if err == nil && r.f.Dirty() {
			r.h.synced()
		}
		return err
	case 8:
		return r.stored()
	case 9:
		if off < int64(len(r.base)) {
			return r.f.Fill(r.base[off:], off)
		}
	case 10:
		return r.f.Closed()
	case 11:
		r.snapGen, r.snap = r.f.Generation(), append([]byte{}, r.h.now...)
	}
	return nil
}

// stored tells that the last snapshot is in the bucket, or what is there now.
func (r *powerRun) stored() error {
	if !r.f.Dirty() {
		return nil
	}
	gen, content := r.snapGen, r.snap
	if content == nil {
		gen, content = r.f.Generation(), append([]byte{}, r.h.now...)
	}
	r.n++
	r.v, r.base, r.snap, r.h.safe = Version{Key: "k", ETag: fmt.Sprint(r.n), Size: int64(len(content))}, content, nil, false
	err := r.f.Stored(gen, r.v)
	if err == nil && r.f.Dirty() {
		r.h.synced() // what is left was synced
	}
	return err
}

// begin makes a file on a disk that loses its power at the call with number fail from then on, never if that is 0.
func (r *powerRun) begin(t fatal, fail int) {
	r.disk, r.h = newMemDisk(), &history{sizes: map[int64]bool{0: true}}
	r.open(t)
	f, err := r.s.Create("k")
	if err != nil {
		t.Fatal(err)
	}
	r.f = f
	if fail > 0 {
		r.disk.fail = r.disk.steps + fail
	}
}

// run does random steps on a new file, up to the first one that fails since the disk has no power any more, and
// returns the content before the last step.
func (r *powerRun) run(t *rapid.T, fail int) (before []byte) {
	r.begin(t, fail)
	for range rapid.IntRange(1, 25).Draw(t, "steps") {
		before = append([]byte{}, r.h.now...)
		if err := r.step(t); errors.Is(err, errPower) {
			return before
		} else if err != nil {
			t.Fatalf("%v", err)
		}
	}
	return r.h.now
}

// script is a life of a file: written, synced, stored while it goes on, cut, stored again.
var script = []struct {
	op  int // of powerRun.do
	off int64
	n   int
}{{0, 0, 3000}, {6, 0, 0}, {0, 1000, 500}, {11, 0, 0}, {2, 0, 2000}, {6, 0, 0}, {8, 0, 0}, {2, 0, 700}, {6, 0, 0}, {4, 1500, 0},
	{5, 100, 300}, {10, 0, 0}, {6, 0, 0}, {8, 0, 0}, {9, 0, 0}, {3, 0, 1200}, {0, 200, 100}, {6, 0, 0}, {11, 0, 0}, {0, 5000, 900},
	{8, 0, 0}, {6, 0, 0}, {8, 0, 0}}

// follow does the script until the disk fails. done is true if it did not.
func (r *powerRun) follow(t fatal, fail int) (before []byte, done bool) {
	r.begin(t, fail)
	for i, s := range script {
		before = append([]byte{}, r.h.now...)
		if err := r.do(s.op, s.off, s.n, byte(3*i+1)); errors.Is(err, errPower) {
			return before, false
		} else if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	return r.h.now, true
}

// TestEveryDiskCall ends the process, and takes the power away, at every single call to the disk of the script.
func TestEveryDiskCall(t *testing.T) {
	const losses = 8 // each loses other pages, names and renames that were not synced
	calls := 0
	for fail := 1; ; fail++ {
		r := &powerRun{}
		before, done := r.follow(t, fail)
		if done {
			break
		}
		calls++
		r.afterKill(t, before)
		for seed := range uint64(losses) {
			r := &powerRun{}
			r.follow(t, fail)
			r.afterPowerLoss(t, seed)
		}
	}
	fmt.Printf("figure: content: %d disk calls, %d kills and %d power losses, violations 0\n", calls, calls, losses*calls)
	if calls < len(script) {
		t.Errorf("the script made %d calls", calls)
	}
}

// afterKill checks a disk whose process ended.
func (r *powerRun) afterKill(t fatal, before []byte) {
	dirty := r.f.Dirty()
	r.s.unlock()
	r.disk.fail = 0
	for range 2 { // the second Open finds what the first one left
		r.open(t)
		files := r.s.Recovered()
		if dirty && len(files) != 1 {
			t.Fatalf("%d files recovered, one was dirty", len(files))
		}
		for _, f := range files {
			r.verifyKilled(t, f, before)
		}
		r.s.unlock()
	}
}

// afterPowerLoss checks a disk that lost what was not synced, as far as seed says.
func (r *powerRun) afterPowerLoss(t fatal, seed uint64) {
	r.disk = r.disk.powerLoss(rand.New(rand.NewPCG(seed, 3)))
	for range 2 {
		r.open(t)
		r.verify(t)
		r.s.unlock()
	}
}

// TestPowerLoss loses power at random points, between two calls and within them. After it, what a Sync confirmed is
// there, and nothing is there that never was.
func TestPowerLoss(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &powerRun{}
		r.run(t, rapid.IntRange(0, 40).Draw(t, "fail"))
		r.afterPowerLoss(t, rapid.Uint64().Draw(t, "seed"))
	})
}

// TestKill ends the process within a random call to the disk. After it, all that had returned is there.
func TestKill(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &powerRun{}
		before := r.run(t, rapid.IntRange(1, 40).Draw(t, "fail"))
		r.afterKill(t, before)
	})
}

func (r *powerRun) verifyKilled(t fatal, f *File, before []byte) {
	if size := f.Size(); size != int64(len(before)) && size != int64(len(r.h.now)) {
		t.Fatalf("size %d, was %d and was to be %d", size, len(before), len(r.h.now))
	}
	v, _, hasBase := f.Base()
	for i := range f.Size() {
		b := make([]byte, 1)
		_, err := f.ReadAt(b, i)
		var miss *MissingError
		switch {
		case errors.As(err, &miss) && !miss.Lost && hasBase && !v.same(r.v):
			continue // of the version before the one that Stored was telling
		case errors.As(err, &miss) && !miss.Lost && i < int64(len(r.base)):
			b[0] = r.base[i]
		case err != nil && err != io.EOF:
			t.Fatalf("ReadAt(%d): %v", i, err)
		}
		if !(i < int64(len(before)) && b[0] == before[i]) && !(i < int64(len(r.h.now)) && b[0] == r.h.now[i]) {
			t.Fatalf("byte %d is %d, not what was written", i, b[0])
		}
	}
}

func (r *powerRun) verify(t fatal) {
	files := r.s.Recovered()
	if r.h.safe && len(files) != 1 {
		t.Fatalf("%d files recovered, one was synced", len(files))
	}
	for _, f := range files {
		base := r.base
		if v, _, ok := f.Base(); ok && !v.same(r.v) {
			base = nil // an earlier version, whose bytes the history has forgotten or not
		}
		if base != nil || f.hasNoBase() {
			r.h.verify(t, f, base)
		}
	}
	if r.v.ETag == "" {
		return
	}
	f, err := r.s.Version(r.v)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Release()
	for i := range r.v.Size {
		b := make([]byte, 1)
		var miss *MissingError
		if _, err := f.ReadAt(b, i); err != nil && !errors.As(err, &miss) {
			t.Fatalf("ReadAt(%d): %v", i, err)
		}
		if miss == nil && b[0] != r.base[i] {
			t.Fatalf("byte %d of the clean file is %d, want %d", i, b[0], r.base[i])
		}
	}
}

func (f *File) hasNoBase() bool {
	_, _, ok := f.Base()
	return !ok
}
