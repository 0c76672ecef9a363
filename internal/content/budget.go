package content

import (
	"fmt"
	"sync/atomic"
	"syscall"
)

// fileCost is what a file costs beside its bytes: a block for its checksums or its record.
const fileCost = 4096

// diskCheckEvery is how many bytes may be taken between two questions to the file system (about 1 µs each).
const diskCheckEvery = 4 << 20

// maxIdle bounds what the list of clean files takes in memory, some 200 bytes each.
const maxIdle = 100_000

// A budget counts what the store holds and what is reserved for it.
type budget struct {
	size     int64   // bytes
	keepFree float64 // share of the file system
	disk     disk

	used       atomic.Int64 // bytes, with what is reserved
	dirty      atomic.Int64 // the part of used that is of dirty files
	dirtyFiles atomic.Int64
	toCheck    atomic.Int64 // bytes until the file system is asked again; at most 0: ask each time
}

func (b *budget) init(o Options, d disk) {
	b.size, b.keepFree, b.disk = o.Size, o.KeepFree, d
	if b.size == 0 {
		b.size = DefaultSize
	}
	if b.keepFree == 0 {
		b.keepFree = DefaultKeepFree
	}
}

// excess is by how many bytes the store is above its bounds.
func (b *budget) excess() int64 {
	over := b.used.Load() - b.size
	if b.toCheck.Load() > 0 || b.keepFree < 0 {
		return over
	}
	total, avail, err := b.disk.Free()
	if err != nil {
		return over
	}
	low := int64(float64(total)*b.keepFree) - avail
	if low <= 0 {
		b.toCheck.Store(min(diskCheckEvery, -low+1))
	}
	return max(over, low)
}

// release gives back what reserve took.
func (b *budget) release(n int64) { b.used.Add(-n) }

// reserve takes room for n bytes, for which clean files may have to go: first those that nobody refers to, the least
// recently used first, then parts of open ones. syscall.ENOSPC (wrapped) if that is not enough. The caller holds no
// lock, and releases what it reserved once the bytes are accounted for.
func (s *Store) reserve(n int64) error {
	if n == 0 {
		return nil
	}
	s.budget.used.Add(n)
	s.budget.toCheck.Add(-n)
	if err := s.budget.room(s, n); err != nil {
		s.budget.release(n)
		return err
	}
	return nil
}

// room evicts until the store is within its bounds. n is what the caller takes, for the message.
func (b *budget) room(s *Store, n int64) error {
	for {
		over := b.excess()
		if over <= 0 {
			return nil
		}
		if s.evictOne() {
			continue
		}
		if s.shrinkOpen(over) == 0 {
			return fmt.Errorf("cannot keep %d bytes more in the local store: %w", n, syscall.ENOSPC)
		}
	}
}

// account brings the counters up to what f holds. The caller holds f.mu.
func (f *File) account() {
	total, dirty, files := f.local(), int64(0), int64(0)
	if f.dirty || f.onDisk {
		total += fileCost
	}
	if f.dirty {
		dirty, files = f.dirtyLocal()+fileCost, 1
	}
	b, c := &f.s.budget, &f.charged
	if total != c.total {
		b.used.Add(total - c.total)
	}
	if dirty != c.dirty {
		b.dirty.Add(dirty - c.dirty)
	}
	if files != c.files {
		b.dirtyFiles.Add(files - c.files)
	}
	*c = charge{total, dirty, files}
}

// A charge is what a file has in the counters.
type charge struct{ total, dirty, files int64 }
