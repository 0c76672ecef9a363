package fs

import (
	"context"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"

	"github.com/sentient-agi/sentientfs/internal/object"
)

var (
	_ fusefs.NodeUnlinker = (*dir)(nil)
	_ fusefs.NodeRmdirer  = (*dir)(nil)
)

// removals is how often an unlink asks again what is there when it was replaced while it was being removed.
const removals = 5

// Unlink removes a file, link, fifo or socket. Its object is gone when it returns. Who has it open reads on.
func (d *dir) Unlink(_ context.Context, name string) syscall.Errno {
	if d.fs.opts.ReadOnly {
		return syscall.EROFS
	}
	path, unlock, errno := d.claim(name)
	if errno != 0 {
		return errno
	}
	defer unlock()
	n, errno := d.resolve("unlink", name, path)
	if errno != 0 {
		return errno
	}
	if _, ok := n.(*dir); ok {
		return syscall.EISDIR
	}
	if f, ok := n.(*file); ok {
		f.io.Lock()
		defer f.io.Unlock()
		if errno := f.completeLocal(path); errno != 0 {
			return errno
		}
	}
	if errno := d.keepMarker(); errno != 0 {
		return errno
	}
	if info, stored := storedInfo(n); stored {
		if err := d.fs.removeAny(path, info); err != nil {
			return d.fs.errno("unlink", path, err)
		}
	}
	d.fs.removed(n)
	d.displace(name, n)
	return 0
}

// resolve returns the node of a name that is to be removed or renamed: the one that the kernel was given, else what
// is there now.
func (d *dir) resolve(op, name, path string) (node, syscall.Errno) {
	if n := d.known(name); n != nil {
		return n, 0
	}
	asked := time.Now()
	e, err := d.fs.opts.Names.Lookup(d.fs.ctx, path, true)
	if err != nil {
		return nil, d.fs.errno(op, path, err)
	}
	return d.adopt(name, path, e, asked), 0
}

// storedInfo returns the object of a node. It is false for a file that was made here and never stored.
func storedInfo(n node) (object.Info, bool) {
	e := n.base()
	e.mu.Lock()
	defer e.mu.Unlock()
	f, ok := n.(*file)
	return e.info, !ok || !f.fresh
}

// completeLocal fetches what is missing of an open file whose object is about to go: its handles read on. io is held
// exclusively.
func (f *file) completeLocal(path string) syscall.Errno {
	f.mu.Lock()
	open := f.handles > 0 && f.data != nil
	data := f.data
	if open {
		data.Acquire()
	}
	f.mu.Unlock()
	if !open {
		return 0
	}
	defer data.Release()
	size := data.Size()
	if size == 0 || len(data.Missing(0, size)) == 0 {
		return 0
	}
	err := f.fs.opts.Engine.Fetch(f.fs.ctx, data, 0, size)
	if object.Is(err, object.KindNotFound, object.KindChanged) {
		return 0 // the version is gone already, and with it what its handles could have read
	}
	if err != nil {
		return f.fs.errno("unlink", path, err)
	}
	return 0
}

// removed gives up what a removed or replaced node has unsent: it has no name to go to.
func (f *FS) removed(n node) {
	r, ok := n.(*file)
	if !ok {
		return
	}
	r.mu.Lock()
	data, unsent := r.data, r.unsent
	r.unlinked = true
	if unsent {
		r.markSentLocked()
	}
	if data != nil {
		data.Acquire()
	}
	r.mu.Unlock()
	if data == nil {
		return
	}
	if unsent {
		if err := f.opts.Engine.Abandon(f.ctx, data); err != nil {
			f.log.Warn("upload of a removed file not ended", "key", data.Target().Key, "err", err)
		}
		if err := data.Drop(); err != nil {
			f.log.Warn("cannot drop the bytes of a removed file", "err", err)
		}
	}
	data.Release()
	r.mu.Lock()
	r.letGoLocked()
	r.mu.Unlock()
}

// removeAny removes what has the key, as unlink(2) does with a name. It asks for the version that it knows, so that
// a request that is sent again after its answer was lost does not hit what someone made since; what turns out to be
// another version is asked for anew.
func (f *FS) removeAny(key string, info object.Info) error {
	var err error
	for range removals {
		err = f.store.Delete(f.ctx, key, onlyThis(info))
		if object.Is(err, object.KindNotFound) {
			return nil
		}
		if !object.Is(err, object.KindChanged) {
			return err
		}
		info, err = f.store.Head(f.ctx, key)
		if object.Is(err, object.KindNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return err
}

// removeVersion removes one version and leaves any other alone, as far as an ETag tells them apart.
func (f *FS) removeVersion(key string, info object.Info) error {
	return ignoreGone(f.store.Delete(f.ctx, key, onlyThis(info)))
}

// onlyThis is the condition that says this version. Empty objects have one ETag for all, so there it says nothing.
func onlyThis(info object.Info) object.DeleteOptions {
	if info.Empty() {
		return object.DeleteOptions{}
	}
	return object.DeleteOptions{IfMatch: info.ETag}
}

func ignoreGone(err error) error {
	if object.Is(err, object.KindNotFound, object.KindChanged) {
		return nil
	}
	return err
}

// Rmdir removes an empty directory.
func (d *dir) Rmdir(_ context.Context, name string) syscall.Errno {
	if d.fs.opts.ReadOnly {
		return syscall.EROFS
	}
	path, unlock, errno := d.claim(name)
	if errno != 0 {
		return errno
	}
	defer unlock()
	n, errno := d.resolve("rmdir", name, path)
	if errno != 0 {
		return errno
	}
	r, ok := n.(*dir)
	if !ok {
		return syscall.ENOTDIR
	}
	if errno := r.mustBeEmpty("rmdir", path); errno != 0 {
		return errno
	}
	if errno := d.keepMarker(); errno != 0 {
		return errno
	}
	if err := d.fs.store.Delete(d.fs.ctx, r.markerObject(path), object.DeleteOptions{}); ignoreGone(err) != nil {
		return d.fs.errno("rmdir", path, err)
	}
	d.displace(name, n)
	d.fs.opts.Names.Forget(path)
	return 0
}

// mustBeEmpty asks S3 whether anything is in d, and looks for files that are not stored yet.
func (d *dir) mustBeEmpty(op, path string) syscall.Errno {
	if len(d.unstored()) > 0 {
		return syscall.ENOTEMPTY
	}
	has, err := d.fs.opts.Names.HasChildren(d.fs.ctx, path, "")
	if err != nil {
		return d.fs.errno(op, path, err)
	}
	if has {
		return syscall.ENOTEMPTY
	}
	return 0
}

// unstored returns the files of d that were made here and are in no object yet, by name.
func (d *dir) unstored() map[string]*file {
	d.fs.tree.RLock()
	files := map[string]*file{}
	for name, n := range d.kids {
		if f, ok := n.(*file); ok {
			files[name] = f
		}
	}
	d.fs.tree.RUnlock()
	for name, f := range files {
		f.mu.Lock()
		if !f.fresh || !f.busyLocked() {
			delete(files, name)
		}
		f.mu.Unlock()
	}
	return files
}
