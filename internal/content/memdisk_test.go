package content

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// memDisk is a disk in memory that knows what was synced, so that powerLoss can forget what was not: of a file any
// sectors and the size, of a folder the names one by one.
type memDisk struct {
	mu    sync.Mutex
	boot  string
	held  bool
	now   map[string]*memInode // name -> file
	safe  map[string]*memInode // as a power loss leaves it at least
	steps int                  // calls that change something
	fail  int                  // the call with this number, and all later ones, fail; 0 is none
}

const sector = 512

type memInode struct {
	d      *memDisk
	data   []byte
	synced []byte
	dirty  map[int64][][]byte // by sector: what it was at each write since the sync
	sizes  []int              // since the sync
	mtime  time.Time
}

func newMemDisk() *memDisk {
	return &memDisk{boot: "b", now: map[string]*memInode{}, safe: map[string]*memInode{}}
}

var errPower = errors.New("no power")

// step counts a change; the caller holds mu.
func (d *memDisk) step() error {
	d.steps++
	if d.fail > 0 && d.steps >= d.fail {
		return errPower
	}
	return nil
}

func (d *memDisk) Open(name string, create bool) (diskFile, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := d.now[name]
	if i == nil {
		if !create {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		if err := d.step(); err != nil {
			return nil, err
		}
		i = &memInode{d: d, dirty: map[int64][][]byte{}}
		d.now[name] = i
	}
	return i, nil
}

func (d *memDisk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step(); err != nil {
		return err
	}
	i := d.now[from]
	if i == nil {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	delete(d.now, from)
	d.now[to] = i
	return nil
}

func (d *memDisk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step(); err != nil {
		return err
	}
	if d.now[name] == nil {
		return &fs.PathError{Op: "unlink", Path: name, Err: fs.ErrNotExist}
	}
	delete(d.now, name)
	return nil
}

func (d *memDisk) SyncDir(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step(); err != nil {
		return err
	}
	for name := range d.safe {
		if dirOf(name) == dir {
			delete(d.safe, name)
		}
	}
	for name, i := range d.now {
		if dirOf(name) == dir {
			d.safe[name] = i
		}
	}
	return nil
}

func (d *memDisk) Mkdir(string) error { return nil }

func (d *memDisk) ReadDir(dir string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var names []string
	for _, name := range slices.Sorted(maps.Keys(d.now)) {
		if dirOf(name) == dir {
			names = append(names, strings.TrimPrefix(name, dir+"/"))
		}
	}
	return names, nil
}

func (d *memDisk) Stat(name string) (diskStat, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := d.now[name]
	if i == nil {
		return diskStat{}, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	return diskStat{Size: int64(len(i.data)), Alloc: int64(len(i.data)), MTime: i.mtime}, nil
}

func (d *memDisk) Touch(name string, at time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i := d.now[name]; i != nil {
		i.mtime = at
	}
	return nil
}

func (d *memDisk) Free() (int64, int64, error) { return 1 << 40, 1 << 40, nil }
func (d *memDisk) Boot() string                { return d.boot }

func (d *memDisk) Lock() (func() error, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.held {
		return nil, &LockedError{Dir: "mem"}
	}
	d.held = true
	return func() error {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.held = false
		return nil
	}, nil
}

// powerLoss returns the disk after the next boot.
func (d *memDisk) powerLoss(rng *rand.Rand) *memDisk {
	d.mu.Lock()
	defer d.mu.Unlock()
	after := newMemDisk()
	after.boot = d.boot + "'"
	left := map[*memInode]*memInode{}
	keep := func(name string, i *memInode) {
		if left[i] == nil {
			left[i] = i.powerLoss(after, rng)
		}
		after.now[name], after.safe[name] = left[i], left[i]
	}
	names := maps.Clone(d.now)
	maps.Copy(names, d.safe)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		now, safe := d.now[name], d.safe[name]
		switch {
		case safe != nil && (now == safe || rng.IntN(2) == 0):
			keep(name, safe)
		case now != nil && now != safe && rng.IntN(2) == 0:
			keep(name, now)
		}
	}
	return after
}

func (i *memInode) powerLoss(d *memDisk, rng *rand.Rand) *memInode {
	sizes := append([]int{len(i.synced)}, i.sizes...)
	size := sizes[rng.IntN(len(sizes))]
	if rng.IntN(2) == 0 {
		size = sizes[len(sizes)-1]
	}
	b := make([]byte, size)
	copy(b, i.synced)
	for _, n := range slices.Sorted(maps.Keys(i.dirty)) {
		was := i.dirty[n]
		if k := rng.IntN(len(was) + 1); k < len(was) && n*sector < int64(size) {
			clear(b[n*sector : min(int64(size), (n+1)*sector)])
			copy(b[n*sector:], was[k])
		}
	}
	return &memInode{d: d, data: b, synced: slices.Clone(b), dirty: map[int64][][]byte{}, mtime: i.mtime}
}

// note remembers the sectors of [off,end) as they are now; the caller holds mu.
func (i *memInode) note(off, end int64) {
	i.sizes = append(i.sizes, len(i.data))
	for n := off / sector; n*sector < end; n++ {
		from, to := min(n*sector, int64(len(i.data))), min((n+1)*sector, int64(len(i.data)))
		i.dirty[n] = append(i.dirty[n], slices.Clone(i.data[from:to]))
		if len(i.dirty[n]) > 4 {
			i.dirty[n] = i.dirty[n][1:]
		}
	}
}

func (i *memInode) ReadAt(p []byte, off int64) (int, error) {
	i.d.mu.Lock()
	defer i.d.mu.Unlock()
	if off >= int64(len(i.data)) {
		return 0, io.EOF
	}
	n := copy(p, i.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (i *memInode) WriteAt(p []byte, off int64) (int, error) {
	i.d.mu.Lock()
	defer i.d.mu.Unlock()
	if err := i.d.step(); err != nil {
		return 0, err
	}
	end := off + int64(len(p))
	i.resize(max(int64(len(i.data)), end))
	copy(i.data[off:], p)
	i.note(off, end)
	return len(p), nil
}

func (i *memInode) resize(size int64) {
	if size <= int64(len(i.data)) {
		i.data = i.data[:size:size]
		return
	}
	i.data = append(i.data, make([]byte, size-int64(len(i.data)))...)
}

func (i *memInode) Truncate(size int64) error {
	i.d.mu.Lock()
	defer i.d.mu.Unlock()
	if err := i.d.step(); err != nil {
		return err
	}
	old := int64(len(i.data))
	i.resize(size)
	i.note(min(old, size), max(old, size))
	return nil
}

func (i *memInode) Punch(off, n int64) error {
	i.d.mu.Lock()
	defer i.d.mu.Unlock()
	if err := i.d.step(); err != nil {
		return err
	}
	end := min(off+n, int64(len(i.data)))
	if off < end {
		clear(i.data[off:end])
		i.note(off, end)
	}
	return nil
}

func (i *memInode) Size() (int64, error) {
	i.d.mu.Lock()
	defer i.d.mu.Unlock()
	return int64(len(i.data)), nil
}

func (i *memInode) Sync() error {
	i.d.mu.Lock()
	defer i.d.mu.Unlock()
	if err := i.d.step(); err != nil {
		return err
	}
	i.synced = slices.Clone(i.data)
	i.dirty, i.sizes = map[int64][][]byte{}, nil
	return nil
}

func (i *memInode) Close() error { return nil }
