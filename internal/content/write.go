package content

import (
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"syscall"
)

// maxSlots is how many slots a record may have before it is rewritten: 32 MiB.
const maxSlots = 1 << 20

// WriteAt writes p, all of it or none. The bytes and their journal entry are with the kernel when it returns: they
// survive the death of the process, and a power loss after the next Sync. syscall.ENOSPC (wrapped) if there is no
// room, or where sent parts were freed; syscall.EFBIG behind 1 EiB.
func (f *File) WriteAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("cannot write at %d: %w", off, syscall.EINVAL)
	}
	if off > maxSize-int64(len(p)) {
		return 0, fmt.Errorf("cannot write at %d: %w", off, syscall.EFBIG)
	}
	if len(p) == 0 {
		return 0, nil
	}
	need := f.need(off, off+int64(len(p)))
	if err := f.s.reserve(need); err != nil {
		return 0, err
	}
	slots, err := f.writeLocked(p, off)
	if errors.Is(err, syscall.ENOSPC) && f.s.evictOne() {
		slots, err = f.writeLocked(p, off)
	}
	f.s.budget.release(need)
	if err != nil {
		return 0, err
	}
	if slots > maxSlots {
		if err := f.Sync(); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// need is how many bytes more a write takes at most.
func (f *File) need(off, end int64) int64 {
	f.mu.RLock()
	defer f.mu.RUnlock()
	n := int64(0)
	if !f.dirty && !f.onDisk {
		n = fileCost
	}
	if f.dirty && f.written.has(off, end) && !f.zero.any(off, end) {
		return n
	}
	return n + end - off
}

func (f *File) writeLocked(p []byte, off int64) (slots int, err error) {
	end := off + int64(len(p))
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.beforeChange(off, end); err != nil {
		return 0, err
	}
	defer f.account()
	if err := f.disturb(min(off, max(f.size, 0)), end); err != nil {
		return 0, err
	}
	if _, err := f.data.WriteAt(p, off); err != nil {
		f.spoiled(off, end)
		return 0, fmt.Errorf("cannot write the local bytes: %w", err)
	}
	if err := f.logWrite(p, off); err != nil {
		f.spoiled(off, end)
		return 0, err
	}
	f.cutStale(off, end)
	f.touch()
	f.image.apply(slot{kind: slotWrite, a: off, b: end}, f.gen)
	return f.log.slots, nil
}

// beforeChange makes the file ready for a change of [off,end): dirty, open, and its parts not freed.
func (f *File) beforeChange(off, end int64) error {
	if f.failed != nil {
		return f.failed
	}
	if f.freed(off, end) {
		return fmt.Errorf("cannot change bytes that were sent already and freed for want of room: %w", syscall.ENOSPC)
	}
	if err := f.begin(); err != nil {
		return err
	}
	if err := f.beforeOverwrite(); err != nil {
		return err
	}
	return f.open()
}

// freed tells whether a part of which something was freed has bytes of [off,end).
func (f *File) freed(off, end int64) bool {
	if f.gone.n == 0 || f.upload == nil {
		return false
	}
	return slices.ContainsFunc(f.upload.Parts, func(p SentPart) bool {
		return p.Off < end && off < p.end() && f.goneSent(p.Off, p.end())
	})
}

func (f *File) goneSent(off, end int64) bool {
	sent := false
	f.gone.each(off, end, func(e extent) bool { sent = e.tag == goneSent; return !sent })
	return sent
}

// spoiled is called when a write failed: what was of the base there may be damaged, and is fetched again.
func (f *File) spoiled(off, end int64) {
	f.forgetFilled(off, end)
	f.stale.add(off, end, 0)
}

// logWrite notes a write; one behind the last makes the last slot longer.
func (f *File) logWrite(p []byte, off int64) error {
	if f.dropped {
		return nil
	}
	l := &f.log
	s := slot{kind: slotWrite, a: off, b: off + int64(len(p)), crc: crc32.Checksum(p, castagnoli)}
	if !l.extend || l.last.b != off {
		return f.append(s)
	}
	s.a, s.crc = l.last.a, crc32.Update(l.last.crc, castagnoli, p)
	if err := f.putSlot(s, l.slots-1); err != nil {
		return err
	}
	l.last = s
	return nil
}

// Truncate sets the size. What is new reads as zeros and is dirty; what is cut off of the base never comes back.
func (f *File) Truncate(size int64) error {
	if size < 0 {
		return fmt.Errorf("cannot truncate to %d: %w", size, syscall.EINVAL)
	}
	if size > maxSize {
		return fmt.Errorf("cannot truncate to %d: %w", size, syscall.EFBIG)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	old := f.size
	if size == old {
		return f.failed
	}
	if err := f.beforeTruncate(size); err != nil {
		return err
	}
	defer f.account()
	if err := f.disturb(min(old, size), max(old, size)); err != nil {
		return err
	}
	if err := f.append(slot{kind: slotResize, a: size}); err != nil {
		return err
	}
	f.touch()
	f.metaGen, f.sizeGen = f.gen, f.gen
	f.truncate(size, f.gen)
	if size < old {
		return f.unused(size, old)
	}
	return nil
}

// beforeTruncate refuses a size within a part of which something was freed: the part would have to be sent again.
func (f *File) beforeTruncate(size int64) error {
	at := size
	if size < f.size && f.upload != nil && f.gone.n > 0 {
		for _, p := range f.upload.Parts {
			if p.Off < size && size < p.end() && f.goneSent(p.Off, size) {
				return f.beforeChange(p.Off, p.end())
			}
		}
		at = f.size // parts wholly behind the new size may go
	}
	return f.beforeChange(at, at)
}

// Zero makes [off,off+n) zeros, as punching a hole does: it is dirty, and what is behind the end is left out.
func (f *File) Zero(off, n int64) error {
	if off < 0 || n < 0 {
		return fmt.Errorf("cannot zero %d bytes at %d: %w", n, off, syscall.EINVAL)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	end := min(f.size, addSize(off, n))
	if off >= end {
		return f.failed
	}
	if err := f.beforeChange(off, end); err != nil {
		return err
	}
	defer f.account()
	if err := f.disturb(off, end); err != nil {
		return err
	}
	if err := f.append(slot{kind: slotZero, a: off, b: end}); err != nil {
		return err
	}
	f.touch()
	f.setZero(off, end, f.gen)
	return f.unused(off, end)
}

// unused frees bytes on disk that are not the file's any more: at once where no power loss could bring back the record
// that had them, else when the next Sync has made the change durable.
func (f *File) unused(off, end int64) error {
	f.stale.add(off, end, 0)
	if f.log.committed > 0 && !f.dropped {
		return nil
	}
	f.free(&f.stale)
	return nil
}

func (f *File) cutStale(off, end int64) {
	f.stale.cut(off, end)
	f.freeing.cut(off, end)
}

// free gives the bytes of a set back to the file system and empties it; what is the file's stays. What cannot be freed
// does no harm but to the disk's room, until it is to read as zeros in a clean file: see settleZeros.
func (f *File) free(set *extents) {
	if set.n == 0 || f.data == nil {
		return
	}
	size, err := f.data.Size()
	if err != nil {
		return
	}
	var kept extents
	for _, r := range set.ranges(0, size) {
		f.dead(r.Off, r.End(), func(a, b int64) {
			if f.data.Punch(a, b-a) != nil {
				kept.add(a, b, 0)
			}
		})
	}
	*set = kept
	keep := f.size
	for _, s := range []*extents{&f.stale, &f.freeing} {
		if n := len(s.chunks); n > 0 {
			k := s.chunks[n-1]
			keep = max(keep, k[len(k)-1].end)
		}
	}
	if size > keep {
		if err := f.data.Truncate(keep); err != nil {
			f.s.log.Warn("cannot free bytes of the local store", "id", f.id, "err", err)
		}
	}
}

// dead calls fn for the stretches of [off,end) where the disk has nothing of the file.
func (f *File) dead(off, end int64, fn func(a, b int64)) {
	var live extents
	f.filled.each(off, end, func(e extent) bool { live.add(e.off, e.end, 0); return true })
	f.written.each(off, end, func(e extent) bool { live.add(e.off, e.end, 0); return true })
	f.zero.each(off, end, func(e extent) bool { live.cut(e.off, e.end); return true })
	f.gone.each(off, end, func(e extent) bool { live.cut(e.off, e.end); return true })
	live.gaps(off, end, func(a, b int64) bool { fn(a, b); return true })
}
