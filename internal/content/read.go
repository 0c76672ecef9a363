package content

import (
	"errors"
	"fmt"
	"io"
	"math"
	"syscall"
)

// ReadAt reads as io.ReaderAt does. It returns a *MissingError, and no bytes, where a byte is of the base and not
// local, or was sent and freed, or was lost. Blocks found on disk are checked against their checksums when they are
// first read; a bad one is dropped, and missing from then on.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("cannot read at %d: %w", off, syscall.EINVAL)
	}
	f.lastRead.Store(off)
	f.mu.RLock()
	for f.failed == nil && !f.ready(off, off+int64(len(p))) {
		f.mu.RUnlock()
		if err := f.prepare(off, off+int64(len(p))); err != nil {
			return 0, err
		}
		f.mu.RLock()
	}
	defer f.mu.RUnlock()
	if f.failed != nil {
		return 0, f.failed
	}
	if off >= f.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), f.size-off))
	if err := f.readLocal(p[:n], off); err != nil {
		return 0, err
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// ready tells whether the bytes can be read under the shared lock.
func (f *File) ready(off, end int64) bool {
	if f.data == nil && f.local() > 0 {
		return false
	}
	return f.blocks.unverified == 0 || off >= f.size || !f.unverified(off, min(end, f.size))
}

func (f *File) prepare(off, end int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.open(); err != nil {
		return err
	}
	defer f.account()
	return f.verify(off, min(end, f.size))
}

// readLocal reads bytes that are within the file. What the disk has where the file has none is cleared afterwards, so
// that one system call does.
func (f *File) readLocal(p []byte, off int64) error {
	end := off + int64(len(p))
	if err := f.missing(off, end); err != nil {
		return err
	}
	if f.data != nil && len(p) > 0 {
		n, err := f.data.ReadAt(p, off)
		if err != nil && err != io.EOF {
			return fmt.Errorf("cannot read the local bytes: %w", err)
		}
		clear(p[n:])
		if n < len(p) && f.live(off+int64(n), end) {
			return fmt.Errorf("the local bytes end at %d: %w", off+int64(n), io.ErrUnexpectedEOF)
		}
	} else {
		clear(p)
	}
	if f.zero.n > 0 {
		f.zero.each(off, end, func(e extent) bool { clear(p[e.off-off : e.end-off]); return true })
	}
	if end > f.limit {
		f.written.gaps(max(off, f.limit), end, func(a, b int64) bool { clear(p[a-off : b-off]); return true })
	}
	return nil
}

// missing returns the error for the first byte of [off,end) that cannot be read, nil if all can.
func (f *File) missing(off, end int64) error {
	var miss *MissingError
	f.absent(off, end, func(a, b int64) bool {
		miss = &MissingError{Range: Range{a, b - a}}
		return false
	})
	f.gone.each(off, end, func(e extent) bool {
		if miss == nil || e.off < miss.Range.Off {
			miss = &MissingError{Range: Range{e.off, e.end - e.off}, Sent: e.tag == goneSent, Lost: e.tag == goneLost}
		}
		return false
	})
	if miss == nil {
		return nil
	}
	return miss
}

// absent calls fn for the stretches of the base in [off,end) that are not local.
func (f *File) absent(off, end int64, fn func(a, b int64) bool) {
	end = min(end, f.limit)
	if off >= end {
		return
	}
	f.written.gaps(off, end, func(a, b int64) bool {
		ok := true
		f.filled.gaps(a, b, func(a, b int64) bool { ok = fn(a, b); return ok })
		return ok
	})
}

// live tells whether the disk has a byte of [off,end) that is the file's.
func (f *File) live(off, end int64) bool {
	some := f.filled.any(off, end)
	f.written.each(off, end, func(e extent) bool {
		f.zero.gaps(e.off, e.end, func(a, b int64) bool {
			some = some || !f.gone.has(a, b)
			return !some
		})
		return !some
	})
	return some
}

// Missing returns the ranges of the base in [off,off+n) that are not local. A block that is found bad later becomes
// missing then.
func (f *File) Missing(off, n int64) []Range {
	f.mu.RLock()
	defer f.mu.RUnlock()
	var out []Range
	f.absent(max(0, off), addSize(off, n), func(a, b int64) bool {
		out = append(out, Range{a, b - a})
		return true
	})
	return out
}

// addSize is off+n, at most the largest number.
func addSize(off, n int64) int64 {
	if n > math.MaxInt64-max(0, off) {
		return math.MaxInt64
	}
	return off + n
}

// NextData is lseek's SEEK_DATA: where at or behind off data begins. Bytes of the base count as data, local or not.
// syscall.ENXIO if there is none.
func (f *File) NextData(off int64) (int64, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if off < 0 || off >= f.size {
		return 0, syscall.ENXIO
	}
	at := int64(-1)
	f.holes(off, func(a, b int64) bool {
		if a > off {
			return false
		}
		off = b
		return true
	})
	if off < f.size {
		at = off
	}
	if at < 0 {
		return 0, syscall.ENXIO
	}
	return at, nil
}

// NextHole is lseek's SEEK_HOLE: where at or behind off a hole begins, which there always is at the end of the file.
// syscall.ENXIO if off is not within the file.
func (f *File) NextHole(off int64) (int64, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if off < 0 || off >= f.size {
		return 0, syscall.ENXIO
	}
	at := f.size
	f.holes(off, func(a, _ int64) bool { at = a; return false })
	return at, nil
}

// holes calls fn for the zero ranges from off on, in order, touching ones joined or not.
func (f *File) holes(off int64, fn func(a, b int64) bool) {
	var never extents
	if f.limit < f.size {
		f.written.gaps(max(off, f.limit), f.size, func(a, b int64) bool { never.add(a, b, 0); return true })
	}
	if never.n == 0 {
		f.zero.each(off, f.size, func(e extent) bool { return fn(e.off, e.end) })
		return
	}
	f.zero.each(off, f.size, func(e extent) bool { never.add(e.off, e.end, 0); return true })
	never.each(off, f.size, func(e extent) bool { return fn(e.off, e.end) })
}

// fillPiece is how much Fill writes before others may have the lock.
const fillPiece = 256 << 10

// Fill puts bytes of the base into the local copy. What was written over stays, and so does what is local already;
// bytes at or behind the limit are ignored. syscall.ENOSPC (wrapped) if there is no room.
func (f *File) Fill(p []byte, off int64) error {
	if off < 0 {
		return fmt.Errorf("cannot fill at %d: %w", off, syscall.EINVAL)
	}
	for len(p) > 0 {
		n := min(int64(len(p)), fillPiece-off%fillPiece)
		if err := f.s.reserve(n); err != nil {
			return err
		}
		err := f.fillPiece(p[:n], off)
		f.s.budget.release(n)
		if errors.Is(err, syscall.ENOSPC) && f.s.evictOne() {
			continue
		}
		if err != nil {
			return err
		}
		p, off = p[n:], off+n
	}
	return nil
}

func (f *File) fillPiece(p []byte, off int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.open(); err != nil {
		return err
	}
	defer f.account()
	if err := f.beforeOverwrite(); err != nil {
		return err
	}
	var err error
	var put []Range
	f.absent(off, off+int64(len(p)), func(a, b int64) bool {
		if _, err = f.data.WriteAt(p[a-off:b-off], a); err != nil {
			err = fmt.Errorf("cannot keep fetched bytes: %w", err)
			return false
		}
		put = append(put, Range{a, b - a})
		return true
	})
	for _, r := range put {
		f.cutStale(r.Off, r.End())
		f.filled.add(r.Off, r.End(), 0)
	}
	if err == nil && !f.dirty && !f.dropped {
		f.sumFilled(p, off)
	}
	return err
}
