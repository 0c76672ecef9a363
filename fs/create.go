package fs

import (
	"context"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/object"
)

var _ fusefs.NodeCreater = (*dir)(nil)

// Create makes a file and opens it. With O_EXCL its empty object is in S3 before the answer, on condition that nothing
// was there: a lock file works between machines. Without, nothing is sent before the first close.
func (d *dir) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (
	*fusefs.Inode, fusefs.FileHandle, uint32, syscall.Errno) {
	if d.fs.opts.ReadOnly {
		return nil, nil, 0, syscall.EROFS
	}
	path, unlock, errno := d.claim(name)
	if errno != 0 {
		return nil, nil, 0, errno
	}
	defer unlock()
	f, errno := d.newFile(ctx, path, flags, mode)
	if errno != 0 {
		return nil, nil, 0, errno
	}
	h, errno := f.newHandle(path, false, flags)
	if errno != 0 {
		return nil, nil, 0, errno
	}
	if errno := d.place(name, path, f, h, flags); errno != 0 {
		h.Release(ctx)
		return nil, nil, 0, errno
	}
	d.fs.fillEntry(f, path, out)
	return d.inode(ctx, f), h, 0, 0
}

// newFile makes the node of a new file, and with O_EXCL its empty object.
func (d *dir) newFile(ctx context.Context, path string, flags, mode uint32) (*file, syscall.Errno) {
	now := time.Now()
	o := &d.fs.opts
	f := &file{entry: entry{fs: d.fs, seen: now}, fresh: true}
	f.attr = d.fs.born(ctx, syscall.S_IFREG|mode&0o7777)
	if o.FileModeFloor {
		f.attr.mode |= o.FileMode & 0o7777
	}
	if !o.PosixMetadata {
		f.attr.mode = syscall.S_IFREG | o.FileMode&0o7777
	}
	if flags&syscall.O_EXCL == 0 {
		data, err := o.Content.Create(path)
		if err != nil {
			return nil, d.fs.errno("create", path, err)
		}
		f.data = data
		return f, 0
	}
	info, err := d.fs.store.Put(d.fs.ctx, path, object.Bytes(nil), object.PutOptions{
		Metadata: f.metadataLocked(), ContentType: f.contentType(path), IfNoneMatch: true})
	if object.Is(err, object.KindChanged) {
		return nil, syscall.EEXIST
	}
	if err != nil {
		return nil, d.fs.errno("create", path, err)
	}
	if info.Metadata == nil {
		info.Metadata = f.metadataLocked()
	}
	f.info, f.fresh, f.storedAt, f.checked = info, false, time.Now(), now
	return f, 0
}

// place gives the name to a new file, and journals that one without an object is to become one.
func (d *dir) place(name, path string, f *file, h *handle, flags uint32) syscall.Errno {
	old := d.known(name)
	if f.fresh {
		intent := content.IntentNew
		switch {
		case flags&syscall.O_TRUNC != 0:
			intent = content.IntentReplace
		case flags&syscall.O_APPEND != 0:
			intent = content.IntentAppend
		}
		f.mu.Lock()
		err := f.data.SetTarget(content.Target{Key: path, Intent: intent, Metadata: f.writingLocked(),
			ContentType: f.contentType(path)})
		if err == nil {
			f.markUnsentLocked(time.Now())
		}
		f.mu.Unlock()
		if err != nil {
			return d.fs.errno("create", path, err)
		}
	}
	if old != nil {
		d.fs.replaced(old)
	}
	d.fs.tree.Lock()
	d.setKidLocked(name, f)
	d.fs.tree.Unlock()
	return 0
}

// replaced takes the name from a node whose name another one gets here.
func (f *FS) replaced(n node) {
	if old, ok := n.(*file); ok {
		old.mu.Lock()
		old.unlinked = true
		if old.unsent {
			old.markSentLocked()
		}
		old.mu.Unlock()
	}
	n.base().leave()
}
