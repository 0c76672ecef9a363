package content

import (
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"sync"
	"time"
)

var blockBuffers = sync.Pool{New: func() any { return new([blockSize]byte) }}

// load reads the checksums of a file that was found on disk. What they do not cover is missing.
func (f *File) load() {
	f.mu.Lock()
	defer f.mu.Unlock()
	e := f.attach
	if e == nil {
		return
	}
	f.attach, f.onDisk = nil, true
	b, err := f.s.readFile(e.sidecar())
	var t blockTable
	if err == nil {
		t, err = parseSidecar(b, e.name, f.size)
	}
	if err != nil {
		f.newSums = true
		f.s.log.Warn("cannot use the checksums of a clean file; it will be fetched again", "id", f.id, "err", err)
	}
	f.blocks = t
	f.saved = err == nil
	for _, r := range t.blockRuns() {
		f.filled.add(r[0]*blockSize, min(r[1]*blockSize, f.size), 0)
	}
	if f.size > 0 {
		f.stale.add(0, f.size, 0)
		f.filled.each(0, f.size, func(x extent) bool { f.stale.cut(x.off, x.end); return true })
	}
	f.account()
}

// unverified tells whether [off,end) has a byte of a block that was not verified yet.
func (f *File) unverified(off, end int64) bool {
	for b := off / blockSize; b*blockSize < end; b++ {
		if _, verified, ok := f.blocks.get(b); ok && !verified {
			return true
		}
	}
	return false
}

// verify reads the blocks of [off,end) that were not verified yet and drops the bad ones. The caller holds f.mu for
// writing, and data is open.
func (f *File) verify(off, end int64) error {
	if f.blocks.unverified == 0 || off >= end {
		return nil
	}
	buf := blockBuffers.Get().(*[blockSize]byte)
	defer blockBuffers.Put(buf)
	for b := off / blockSize; b*blockSize < end; b++ {
		crc, verified, ok := f.blocks.get(b)
		if !ok || verified {
			continue
		}
		from, to := f.block(b)
		n, err := f.data.ReadAt(buf[:to-from], from)
		if err != nil && err != io.EOF {
			f.s.log.Warn("cannot read a block of the local store", "id", f.id, "block", b, "err", err)
		}
		if int64(n) == to-from && crc32.Checksum(buf[:n], castagnoli) == crc {
			f.blocks.set(b, crc, true)
			continue
		}
		f.s.log.Warn("a block of the local store is damaged; it will be fetched again", "id", f.id, "block", b)
		f.forgetFilled(from, to)
		f.stale.add(from, to, 0)
	}
	return nil
}

// block returns where block b of the file as it is now begins and ends.
func (f *File) block(b int64) (from, to int64) {
	return b * blockSize, min((b+1)*blockSize, f.size)
}

// forgetFilled makes bytes of the base missing.
func (f *File) forgetFilled(off, end int64) {
	f.filled.cut(off, end)
	f.blocks.forget(off/blockSize, blockEnd(end)/blockSize)
	f.newSums = true
}

// disturb is called before [off,end) changes, or the size from one end of it to the other. Blocks that will be left
// only in part are verified while they still can be.
func (f *File) disturb(off, end int64) error {
	if len(f.blocks.pages) == 0 {
		return nil
	}
	for _, at := range [2]int64{off, end} {
		if at%blockSize != 0 && at < f.size || at == f.size {
			if err := f.verify(at/blockSize*blockSize, min(at+1, f.size)); err != nil {
				return err
			}
		}
	}
	f.blocks.forget(off/blockSize, blockEnd(end)/blockSize)
	f.newSums = true
	return nil
}

// sumFilled notes the checksums of the blocks that p has whole.
func (f *File) sumFilled(p []byte, off int64) {
	for b := blockEnd(off) / blockSize; b*blockSize < f.size; b++ {
		from, to := f.block(b)
		if to > off+int64(len(p)) {
			return
		}
		if _, _, ok := f.blocks.get(b); ok {
			continue
		}
		f.blocks.set(b, crc32.Checksum(p[from-off:to-off], castagnoli), true)
		f.newSums = true
	}
}

// saveSums writes the sidecar, by which the next Version finds the file. Blocks that are wholly local and have no
// checksum yet get one; what is left of others is not found again. The caller holds f.mu.
func (f *File) saveSums() error {
	name := nameOf(f.base)
	path := sidecarPath(name, f.dataName)
	if f.saved && !f.newSums {
		return f.s.disk.Touch(path, time.Now())
	}
	if err := f.open(); err != nil {
		return err
	}
	if err := f.sumAll(); err != nil {
		return err
	}
	if err := f.s.writeFile(path, f.blocks.encodeSidecar(name, f.size), false); err != nil {
		return err
	}
	f.saved, f.newSums = true, false
	return nil
}

func (f *File) sumAll() error {
	buf := blockBuffers.Get().(*[blockSize]byte)
	defer blockBuffers.Put(buf)
	for _, r := range f.filled.ranges(0, f.size) {
		for b := blockEnd(r.Off) / blockSize; b*blockSize < r.End(); b++ {
			from, to := f.block(b)
			if _, _, ok := f.blocks.get(b); ok || to > r.End() {
				continue
			}
			n, err := f.data.ReadAt(buf[:to-from], from)
			if err != nil && err != io.EOF {
				return err
			}
			if int64(n) == to-from {
				f.blocks.set(b, crc32.Checksum(buf[:n], castagnoli), true)
			}
		}
	}
	return nil
}

// dropSums removes the sidecar: the file is not a clean copy of its base any more.
func (f *File) dropSums() error {
	if !f.saved {
		return nil
	}
	if err := f.s.disk.Remove(sidecarPath(nameOf(f.base), f.dataName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f.saved, f.newSums = false, true
	return nil
}
