package fs

import (
	"context"
	"errors"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"

	"github.com/sentient-agi/sentientfs/internal/content"
)

var (
	_ fusefs.FileAllocater = (*handle)(nil)
	_ fusefs.FileLseeker   = (*handle)(nil)
)

// maxSize is the largest object of S3 in bytes: 5 TiB (Amazon S3 user guide, "Multipart upload limits").
const maxSize = 5 << 40

// setSize is truncate(2) and ftruncate(2). Without a handle the new size is stored before it returns, as nobody will
// close the file.
func (f *file) setSize(ctx context.Context, fh fusefs.FileHandle, size int64) syscall.Errno {
	if size > maxSize {
		return syscall.EFBIG
	}
	h, _ := fh.(*handle)
	path, named := f.path()
	if h == nil && named {
		if errno := f.current(ctx, path); errno != 0 && !f.busy() {
			return errno
		}
	}
	errno := f.resize(h, path, size, false)
	if errno != 0 || h != nil || f.open() {
		return errno
	}
	return f.flush("truncate")
}

func (f *file) open() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.writers > 0
}

// resize gives the local copy a size. An O_TRUNC is always one, as the object may not have the size that is known.
func (f *file) resize(h *handle, path string, size int64, always bool) syscall.Errno {
	f.io.RLock()
	defer f.io.RUnlock()
	f.mu.Lock()
	same := f.attr.size == size && !always
	intent := content.IntentEdit
	if size == 0 {
		intent = content.IntentReplace
	}
	data, err := f.attachLocked(path)
	if err == nil && !same {
		err = f.intendLocked(data, path, intent)
	}
	f.mu.Unlock()
	if err != nil {
		return f.fs.errno("truncate", path, err)
	}
	if same {
		return 0
	}
	if err := data.Truncate(size); err != nil {
		return f.fs.errno("truncate", path, err)
	}
	if h != nil {
		h.wrote.Store(true)
	}
	f.changed(data, time.Now())
	return 0
}

// The modes of fallocate(2).
const (
	fallocKeepSize  = 0x01
	fallocPunchHole = 0x02
	fallocZeroRange = 0x10
)

// Allocate is fallocate(2): room at the end, holes and zeros. S3 has no other room to set aside.
func (h *handle) Allocate(ctx context.Context, off, size uint64, mode uint32) syscall.Errno {
	if !h.writes {
		return syscall.EBADF
	}
	if off+size < off || off+size > maxSize {
		return syscall.EFBIG
	}
	f := h.f
	f.mu.Lock()
	end := int64(off + size)
	grows := end > f.attr.size && mode&fallocKeepSize == 0
	f.mu.Unlock()
	switch mode &^ fallocKeepSize {
	case 0:
	case fallocPunchHole, fallocZeroRange:
		if mode == fallocPunchHole { // Linux wants KEEP_SIZE with it
			return syscall.EOPNOTSUPP
		}
		if errno := h.zero(int64(off), int64(size)); errno != 0 {
			return errno
		}
	default:
		return syscall.EOPNOTSUPP
	}
	if grows {
		path, _ := f.path()
		return f.resize(h, path, end, false)
	}
	return 0
}

func (h *handle) zero(off, n int64) syscall.Errno {
	f := h.f
	f.io.RLock()
	defer f.io.RUnlock()
	data, errno := f.writable(nil)
	if errno != 0 {
		return errno
	}
	n = min(n, data.Size()-off)
	if n <= 0 {
		return 0
	}
	if err := data.Zero(off, n); err != nil {
		path, _ := f.path()
		return f.fs.errno("fallocate", path, err)
	}
	h.wrote.Store(true)
	f.changed(data, time.Now())
	return 0
}

// What lseek(2) may ask for beyond positions.
const (
	seekData = 3
	seekHole = 4
)

// Lseek finds data and holes.
func (h *handle) Lseek(_ context.Context, off uint64, whence uint32) (uint64, syscall.Errno) {
	f := h.f
	f.mu.Lock()
	data := f.data
	f.mu.Unlock()
	if data == nil {
		return 0, syscall.ESTALE
	}
	var at int64
	var err error
	switch whence {
	case seekData:
		at, err = data.NextData(int64(off))
	case seekHole:
		at, err = data.NextHole(int64(off))
	default:
		return 0, syscall.EINVAL
	}
	if errors.Is(err, syscall.ENXIO) {
		return 0, syscall.ENXIO
	}
	if err != nil {
		path, _ := f.path()
		return 0, f.fs.errno("lseek", path, err)
	}
	return uint64(at), 0
}
