package fs

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/transfer"
)

// A handle is one open of a file.
type handle struct {
	f      *file
	writes bool        // opened for writing
	append bool        // opened with O_APPEND
	reader *reader     // guarded by entry.mu of f; nil before the first read
	wrote  atomic.Bool // bytes or a size were written through it
}

// A reader is the read-ahead of a handle on the bytes that its node has now. It is closed when it was retired and its
// last read ended: a read goes on while the node follows an append. Its fields are guarded by entry.mu of the file.
type reader struct {
	*transfer.Reader
	data    *content.File
	reads   int
	retired bool
}

var (
	_ fusefs.FileReader   = (*handle)(nil)
	_ fusefs.FileWriter   = (*handle)(nil)
	_ fusefs.FileFlusher  = (*handle)(nil)
	_ fusefs.FileFsyncer  = (*handle)(nil)
	_ fusefs.FileReleaser = (*handle)(nil)
)

// newHandle makes a handle and counts it. ESTALE if the node lost its name since its path was taken: what would be
// written could go nowhere.
func (f *file) newHandle(path string, named bool, flags uint32) (*handle, syscall.Errno) {
	h := &handle{
		f:      f,
		writes: flags&syscall.O_ACCMODE != syscall.O_RDONLY,
		append: flags&syscall.O_APPEND != 0,
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if named && f.nameless() {
		return nil, syscall.ESTALE
	}
	if _, err := f.attachLocked(path); err != nil {
		return nil, f.fs.errno("open", path, err)
	}
	f.handles++
	if h.writes {
		f.writers++
	}
	return h, 0
}

// Read reads from the version that the node stands for, and what was written over it here. It is not given up when
// the caller gets a signal: the time-outs of the transfer end it.
func (h *handle) Read(_ context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	r := h.startRead()
	if r == nil {
		return nil, syscall.ESTALE
	}
	n, err := r.ReadAt(h.f.fs.ctx, dest, off)
	h.endRead(r)
	if err != nil && err != io.EOF {
		path, _ := h.f.path()
		errno := h.f.fs.errno("read", path, err)
		if errno == syscall.ENOENT { // the version is gone with its name
			errno = syscall.ESTALE
		}
		return nil, errno
	}
	return fuse.ReadResultData(dest[:n]), 0
}

// startRead returns the reader on the bytes that the node has now: they are others after an append was followed.
func (h *handle) startRead() *reader {
	h.f.mu.Lock()
	r, data := h.reader, h.f.data
	if data == nil {
		h.f.mu.Unlock()
		return nil
	}
	var old *reader
	if r == nil || r.data != data {
		old = h.retireLocked()
		r = &reader{Reader: h.f.fs.opts.Engine.NewReader(data), data: data.Acquire()}
		h.reader = r
	}
	r.reads++
	h.f.mu.Unlock()
	old.close()
	return r
}

func (h *handle) endRead(r *reader) {
	h.f.mu.Lock()
	r.reads--
	last := r.retired && r.reads == 0
	h.f.mu.Unlock()
	if last {
		r.close()
	}
}

// retireLocked takes the reader from the handle, and returns it if it is to be closed now, without entry.mu.
func (h *handle) retireLocked() *reader {
	r := h.reader
	if r == nil {
		return nil
	}
	h.reader, r.retired = nil, true
	if r.reads > 0 {
		return nil
	}
	return r
}

func (r *reader) close() {
	if r != nil {
		r.Reader.Close()
		r.data.Release()
	}
}

// Write writes into the local copy, which is in the journal when it returns.
func (h *handle) Write(ctx context.Context, data []byte, off int64) (uint32, syscall.Errno) {
	f := h.f
	f.io.RLock()
	defer f.io.RUnlock()
	local, errno := f.writable(h)
	if errno != 0 {
		return 0, errno
	}
	// An append goes to the end as it is now: another machine's may have moved it since the kernel asked. What the
	// kernel writes back from a mapping, through any handle that it likes, comes from no process.
	if pid, ok := caller(ctx); h.append && ok && pid != 0 {
		off = local.Size()
	}
	n, err := f.fs.writeAt(local, data, off)
	if n > 0 {
		h.wrote.Store(true)
		f.changed(local, time.Now())
		f.fs.opts.Engine.Wrote(local)
	}
	if err != nil {
		path, _ := f.path()
		return uint32(n), f.fs.errno("write", path, err)
	}
	return uint32(n), 0
}

// writeAt writes into the local copy. Where the disk or its budget is full it waits until sent parts made room.
func (f *FS) writeAt(local *content.File, data []byte, off int64) (n int, err error) {
	for {
		m, err := local.WriteAt(data[n:], off+int64(n))
		n += m
		if !errors.Is(err, syscall.ENOSPC) {
			return n, err
		}
		if freed, e := f.opts.Engine.MakeRoom(f.ctx, local); e != nil || freed == 0 {
			return n, err
		}
	}
}

// writable returns the local bytes, ready to be changed through h, or by a truncation without a handle if h is nil.
// io is held.
func (f *file) writable(h *handle) (*content.File, syscall.Errno) {
	intent := content.IntentEdit
	if h != nil && h.append {
		intent = content.IntentAppend
	}
	path, _ := f.path()
	f.mu.Lock()
	defer f.mu.Unlock()
	data, err := f.attachLocked(path)
	if err == nil {
		err = f.intendLocked(data, path, intent)
	}
	if err != nil {
		return nil, f.fs.errno("write", path, err)
	}
	return data, 0
}

// changed notes that the local bytes were changed.
func (f *file) changed(data *content.File, now time.Time) {
	f.mu.Lock()
	f.attr.size = data.Size()
	f.attr.mtime, f.attr.ctime = now, now
	f.whole, f.timed = false, false
	f.markUnsentLocked(now)
	f.mu.Unlock()
}

// Flush is close(2): the bytes are in S3 when it answers 0. It may come more often than opens, after dup or fork.
func (h *handle) Flush(context.Context) syscall.Errno {
	if !h.writes {
		return 0
	}
	if h.f.untouched(h) {
		// The shell flushes a new file before it writes to it: the empty object need not be waited for.
		h.f.mu.Lock()
		h.f.whole = true
		h.f.mu.Unlock()
		h.f.storeSoon()
		return 0
	}
	return h.f.flush("close")
}

// Fsync waits until what was written is in S3. A file without a name has nowhere to go.
func (h *handle) Fsync(context.Context, uint32) syscall.Errno { return h.f.flush("fsync") }

// Release ends a handle. What a mapping stored after the last FLUSH is uploaded now; nobody waits for its errno.
func (h *handle) Release(context.Context) syscall.Errno {
	f := h.f
	f.mu.Lock()
	f.handles--
	if h.writes {
		f.writers--
	}
	r := h.retireLocked()
	later := f.unsent && f.writers == 0 && !f.failed && !f.unlinked
	if f.handles == 0 && f.unlinked && f.data != nil {
		f.dropLocked()
	}
	f.letGoLocked()
	f.mu.Unlock()
	r.close()
	if later {
		f.storeSoon()
	}
	return 0
}

// dropLocked gives up bytes that have no name to go to.
func (f *file) dropLocked() {
	if err := f.data.Drop(); err != nil {
		f.log().Warn("cannot drop the bytes of a removed file", "err", err)
	}
	f.unsent = false
}
