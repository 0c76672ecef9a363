//go:build linux && !sandbox

package fsx

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// An exerciser does operations on one file and on model, which always has the file's bytes.
type exerciser struct {
	t       *testing.T
	rnd     *rand.Rand
	name    string
	maxSize int64
	f       *os.File
	model   []byte
	seed    uint64
	count   int
	trail   []string // the last operations
}

func newExerciser(t *testing.T, name string, seed uint64, maxSize int64) *exerciser {
	x := &exerciser{t: t, rnd: rand.New(rand.NewPCG(seed, 0)), seed: seed, name: name, maxSize: maxSize}
	x.open(os.O_CREATE | os.O_EXCL)
	t.Cleanup(func() { x.f.Close() })
	return x
}

// operations and how often each is chosen.
var operations = []struct {
	weight int
	do     func(*exerciser)
}{
	{20, (*exerciser).read}, {24, (*exerciser).write}, {6, (*exerciser).append}, {8, (*exerciser).truncate},
	{8, (*exerciser).mapRead}, {8, (*exerciser).mapWrite}, {4, (*exerciser).punch}, {3, (*exerciser).allocate},
	{5, (*exerciser).reopen}, {4, (*exerciser).sync}, {3, (*exerciser).size}, {3, (*exerciser).readSecond},
	{2, (*exerciser).mapAfterClose}, {1, (*exerciser).whole}, {1, (*exerciser).rewrite},
}

func (x *exerciser) step() {
	total := 0
	for _, op := range operations {
		total += op.weight
	}
	at := x.rnd.IntN(total)
	for _, op := range operations {
		if at -= op.weight; at < 0 {
			op.do(x)
			break
		}
	}
	x.count++
}

func (x *exerciser) note(format string, args ...any) {
	x.trail = append(x.trail, fmt.Sprintf("%d: ", x.count)+fmt.Sprintf(format, args...))
	if len(x.trail) > 40 {
		x.trail = x.trail[1:]
	}
}

func (x *exerciser) fail(format string, args ...any) {
	x.t.Helper()
	x.t.Fatalf("seed %d, operation %d: %s\nthe last operations:\n%s", x.seed, x.count, fmt.Sprintf(format, args...),
		strings.Join(x.trail, "\n"))
}

func (x *exerciser) must(err error) {
	x.t.Helper()
	if err != nil {
		x.fail("%v", err)
	}
}

// span chooses a range of at most 64 KiB or, seldom, of much more, within the largest size.
func (x *exerciser) span(limit int64) (off, n int64) {
	if limit <= 0 {
		return 0, 0
	}
	off = x.rnd.Int64N(limit)
	most := int64(64 << 10)
	if x.rnd.IntN(20) == 0 {
		most = limit
	}
	if x.rnd.IntN(4) == 0 {
		off -= off % 4096
	}
	return off, 1 + x.rnd.Int64N(min(most, limit-off))
}

func (x *exerciser) bytes(n int64) []byte {
	b := make([]byte, n)
	fill := byte(x.rnd.IntN(256))
	for i := range b {
		b[i] = fill + byte(i*7) + byte(x.count)
	}
	return b
}

func (x *exerciser) grow(size int64) {
	if n := size - int64(len(x.model)); n > 0 {
		x.model = append(x.model, make([]byte, n)...)
	}
}

func (x *exerciser) compare(what string, got, want []byte) {
	x.t.Helper()
	if !bytes.Equal(got, want) {
		x.fail("%s: %s", what, difference(got, want))
	}
}

// difference tells where two slices part.
func difference(got, want []byte) string {
	n := min(len(got), len(want))
	at := 0
	for at < n && got[at] == want[at] {
		at++
	}
	if at == n {
		return fmt.Sprintf("%d bytes, want %d; the first %d are equal", len(got), len(want), n)
	}
	bad := 0
	for i := range n {
		if got[i] != want[i] {
			bad++
		}
	}
	return fmt.Sprintf("%d bytes, want %d; %d differ, the first at %d: %#x, want %#x", len(got), len(want), bad, at, got[at], want[at])
}

func (x *exerciser) open(flags int) {
	f, err := os.OpenFile(x.name, os.O_RDWR|flags, 0o644)
	x.must(err)
	x.f = f
}

func (x *exerciser) read() {
	off, n := x.span(x.maxSize)
	x.note("read %d at %d", n, off)
	x.readFrom(x.f, off, n)
}

func (x *exerciser) readFrom(f *os.File, off, n int64) {
	got := make([]byte, n)
	m, err := f.ReadAt(got, off)
	if err != nil && err != io.EOF {
		x.fail("%v", err)
	}
	size := int64(len(x.model))
	x.compare("read", got[:m], x.model[min(off, size):min(off+n, size)])
}

func (x *exerciser) write() {
	off, n := x.span(x.maxSize)
	x.note("write %d at %d", n, off)
	b := x.bytes(n)
	_, err := x.f.WriteAt(b, off)
	x.must(err)
	x.grow(off + n)
	copy(x.model[off:], b)
}

// append writes through a second handle, which is in step with the first on one machine.
func (x *exerciser) append() {
	room := x.maxSize - int64(len(x.model))
	if room <= 0 {
		return
	}
	_, n := x.span(min(room, 16<<10))
	x.note("append %d to %d", n, len(x.model))
	f, err := os.OpenFile(x.name, os.O_WRONLY|os.O_APPEND, 0)
	x.must(err)
	b := x.bytes(n)
	_, err = f.Write(b)
	x.must(err)
	x.must(f.Close())
	x.model = append(x.model, b...)
}

func (x *exerciser) truncate() {
	size := x.rnd.Int64N(x.maxSize + 1)
	if x.rnd.IntN(2) == 0 {
		x.note("ftruncate %d to %d", len(x.model), size)
		x.must(x.f.Truncate(size))
	} else {
		x.note("truncate %d to %d", len(x.model), size)
		x.must(os.Truncate(x.name, size))
	}
	x.grow(size)
	x.model = x.model[:size:size]
}

func (x *exerciser) punch() {
	off, n := x.span(int64(len(x.model)))
	if n == 0 {
		return
	}
	x.note("punch %d at %d", n, off)
	x.must(unix.Fallocate(int(x.f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n))
	clear(x.model[off : off+n])
}

func (x *exerciser) allocate() {
	off, n := x.span(x.maxSize)
	x.note("fallocate %d at %d", n, off)
	x.must(unix.Fallocate(int(x.f.Fd()), 0, off, n))
	x.grow(off + n)
}

func (x *exerciser) sync() {
	x.note("fsync")
	x.must(x.f.Sync())
}

func (x *exerciser) reopen() {
	x.note("close and open")
	x.must(x.f.Close())
	x.open(0)
}

func (x *exerciser) size() {
	x.note("stat")
	a, err := x.f.Stat()
	x.must(err)
	b, err := os.Stat(x.name)
	x.must(err)
	if want := int64(len(x.model)); a.Size() != want || b.Size() != want {
		x.fail("fstat says %d bytes, stat %d, want %d", a.Size(), b.Size(), want)
	}
}

func (x *exerciser) readSecond() {
	off, n := x.span(x.maxSize)
	x.note("read %d at %d through a second handle", n, off)
	f, err := os.Open(x.name)
	x.must(err)
	defer f.Close()
	x.readFrom(f, off, n)
}

func (x *exerciser) whole() {
	x.note("read all")
	got, err := os.ReadFile(x.name)
	x.must(err)
	x.compare("whole file", got, x.model)
}

// rewrite replaces the file as a shell's redirection does.
func (x *exerciser) rewrite() {
	_, n := x.span(min(x.maxSize, 32<<10))
	x.note("open with O_TRUNC, write %d", n)
	x.must(x.f.Close())
	x.model = x.bytes(n)
	x.must(os.WriteFile(x.name, x.model, 0o644))
	x.open(0)
}

// mapping maps the pages around n bytes at off. The second slice is of those bytes alone.
func (x *exerciser) mapping(off, n int64, prot int) (all, at []byte) {
	begin := off - off%int64(os.Getpagesize())
	all, err := unix.Mmap(int(x.f.Fd()), begin, int(off-begin+n), prot, unix.MAP_SHARED)
	x.must(err)
	return all, all[off-begin:]
}

func (x *exerciser) mapRead() {
	off, n := x.span(int64(len(x.model)))
	if n == 0 {
		return
	}
	x.note("map and read %d at %d", n, off)
	all, at := x.mapping(off, n, unix.PROT_READ)
	x.compare("mapping", bytes.Clone(at), x.model[off:off+n])
	x.must(unix.Munmap(all))
}

func (x *exerciser) mapWrite() {
	off, n := x.span(int64(len(x.model)))
	if n == 0 {
		return
	}
	x.note("map and write %d at %d", n, off)
	all, at := x.mapping(off, n, unix.PROT_READ|unix.PROT_WRITE)
	copy(at, x.bytes(n))
	copy(x.model[off:], at[:n])
	if x.rnd.IntN(2) == 0 {
		x.note("msync")
		x.must(unix.Msync(all, unix.MS_SYNC))
	}
	x.must(unix.Munmap(all))
}

// mapAfterClose stores through a mapping whose descriptor is closed.
func (x *exerciser) mapAfterClose() {
	off, n := x.span(int64(len(x.model)))
	if n == 0 {
		return
	}
	x.note("map, close, write %d at %d, unmap, open", n, off)
	all, at := x.mapping(off, n, unix.PROT_READ|unix.PROT_WRITE)
	x.must(x.f.Close())
	copy(at, x.bytes(n))
	copy(x.model[off:], at[:n])
	x.must(unix.Munmap(all))
	x.open(0)
}

// finish compares the whole file for the last time, closes it and returns what it must hold.
func (x *exerciser) finish() []byte {
	x.whole()
	x.must(x.f.Close())
	x.whole()
	return x.model
}
