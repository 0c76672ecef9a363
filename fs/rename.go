package fs

import (
	"context"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"

	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/object"
)

var _ fusefs.NodeRenamer = (*dir)(nil)

// onePut is the size in bytes up to which a file is stored in one piece (transfer.Options.PartSize).
const onePut = 8 << 20

// renameNoReplace is RENAME_NOREPLACE of renameat2(2), the one flag that is honoured: to exchange two names takes more
// than one request can do.
const renameNoReplace = 1

// A move is one rename: what moves, from where, to where.
type move struct {
	fs        *FS
	from, to  *dir
	name, new string // in from and to
	src, dst  string // paths
	n         node   // what moves
	over      node   // what is known to have the new name; nil if nothing is
	noReplace bool
}

// Rename is rename(2). The destination is complete before the source goes.
func (d *dir) Rename(_ context.Context, name string, newParent fusefs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	to, ok := newParent.(*dir)
	switch {
	case d.fs.opts.ReadOnly:
		return syscall.EROFS
	case !ok:
		return syscall.EXDEV
	case flags&^renameNoReplace != 0:
		return syscall.EINVAL
	}
	m := &move{fs: d.fs, from: d, to: to, name: name, new: newName, noReplace: flags&renameNoReplace != 0}
	unlock, errno := m.claim()
	if errno != 0 {
		return errno
	}
	defer unlock()
	if m.src == m.dst {
		return 0
	}
	m.over = to.known(newName)
	if errno := m.check(); errno != 0 {
		return errno
	}
	if _, ok := m.n.(*dir); ok {
		return m.dir()
	}
	return m.file()
}

// claim finds what moves and locks both names, for a directory with all that is below.
func (m *move) claim() (unlock func(), errno syscall.Errno) {
	for {
		if errno := m.paths(&m.src, &m.dst); errno != 0 {
			return nil, errno
		}
		if m.n, errno = m.from.resolve("rename", m.name, m.src); errno != 0 {
			return nil, errno
		}
		if _, ok := m.n.(*dir); ok {
			unlock = m.fs.names.lockTrees(m.src, m.dst)
		} else {
			unlock = m.fs.names.lock(m.src, m.dst)
		}
		var src, dst string
		if errno := m.paths(&src, &dst); errno == 0 && src == m.src && dst == m.dst && m.from.known(m.name) == m.n {
			return unlock, 0
		}
		unlock()
	}
}

func (m *move) paths(src, dst *string) (errno syscall.Errno) {
	if *src, errno = m.from.child(m.name); errno != 0 {
		return errno
	}
	*dst, errno = m.to.child(m.new)
	return errno
}

// check refuses what rename(2) refuses for the types of what is known.
func (m *move) check() syscall.Errno {
	_, isDir := m.n.(*dir)
	_, overDir := m.over.(*dir)
	switch {
	case isDir && isBelow(m.dst, m.src):
		return syscall.EINVAL
	case isBelow(m.src, m.dst):
		return syscall.ENOTEMPTY
	case m.over == nil:
		return 0
	case m.noReplace:
		return syscall.EEXIST
	case isDir && !overDir:
		return syscall.ENOTDIR
	case !isDir && overDir:
		return syscall.EISDIR
	}
	return 0
}

// file renames anything but a directory.
func (m *move) file() syscall.Errno {
	unlock, errno := m.stop()
	if errno != 0 {
		return errno
	}
	defer unlock()
	old, stored := storedInfo(m.n)
	remove := m.fs.removeVersion
	sent := false
	if f, ok := m.n.(*file); ok {
		if sent, errno = m.unsent(f); errno != 0 {
			return errno
		}
	}
	if sent { // what it replaced under its old name goes, whatever version that was
		remove = m.fs.removeAny
	} else { // the bytes are in an object, which moves
		old, stored = storedInfo(m.n)
		if errno := m.copy(old); errno != 0 {
			return errno
		}
	}
	if m.from != m.to {
		if errno := m.from.keepMarker(); errno != 0 {
			return errno
		}
	}
	if stored {
		if err := remove(m.src, old); err != nil {
			return m.fs.errno("rename", m.src, err)
		}
	}
	m.place()
	return 0
}

// stop keeps writers out of the files that take part, and completes the local copy of an open one that goes.
func (m *move) stop() (unlock func(), errno syscall.Errno) {
	f, isFile := m.n.(*file)
	over, overFile := m.over.(*file)
	if isFile {
		f.io.Lock()
	}
	if overFile {
		over.io.Lock()
	}
	unlock = func() {
		if overFile {
			over.io.Unlock()
		}
		if isFile {
			f.io.Unlock()
		}
	}
	if overFile {
		if errno := over.completeLocal(m.dst); errno != 0 {
			unlock()
			return nil, errno
		}
	}
	return unlock, 0
}

// unsent stores a file that has unsent bytes. A new one of up to one part goes to its new name at once, which costs
// one PUT; sent is true then. All others are stored where they are, since what they change or extend is there, and are
// moved then.
func (m *move) unsent(f *file) (sent bool, errno syscall.Errno) {
	f.mu.Lock()
	failed, unsent, size, data := f.failed, f.unsent, f.attr.size, f.data
	f.mu.Unlock()
	if failed {
		return false, syscall.ESTALE
	}
	if !unsent {
		return false, 0
	}
	if size <= onePut && !m.noReplace && data != nil && replaces(data) {
		return true, f.storeAs("rename", m.dst, false)
	}
	return false, f.storeLocked("rename")
}

// replaces tells whether the bytes of a file are all its own, so that no version of the old name counts for them.
func replaces(data *content.File) bool {
	if _, started := data.Upload(); started {
		return false
	}
	i := data.Target().Intent
	return i == content.IntentNew || i == content.IntentReplace
}

// copy makes the object of the new name. The source must be the version that is known; when it is another one, ESTALE
// makes the kernel look the name up again and try once more.
func (m *move) copy(old object.Info) syscall.Errno {
	info, err := m.fs.copyObject(m.dst, m.src, old, m.noReplace)
	if object.Is(err, object.KindExists) {
		return syscall.EEXIST
	}
	if object.Is(err, object.KindChanged, object.KindNotFound) {
		m.fs.opts.Names.Forget(m.src)
		return syscall.ESTALE
	}
	if err != nil {
		return m.fs.errno("rename", m.src, err)
	}
	m.fs.moved(m.n, m.dst, info)
	return 0
}

// copyObject copies one version of src to dst: with fresh only where nothing is, else whatever is there.
func (f *FS) copyObject(dst, src string, info object.Info, fresh bool) (object.Info, error) {
	return f.store.Copy(f.ctx, dst, src, object.CopyOptions{SourceETag: info.ETag, Source: &info, IfNoneMatch: fresh})
}

// moved takes over the version that a node has under its new key.
func (f *FS) moved(n node, dst string, info object.Info) {
	now := time.Now()
	e := n.base()
	e.mu.Lock()
	defer e.mu.Unlock()
	if info.Metadata == nil {
		info.Metadata = e.info.Metadata
	}
	info.Key = dst
	e.info, e.seen = info, now
	e.attr.ctime = now
	r, ok := n.(*file)
	if !ok {
		return
	}
	r.storedAt, r.checked = now, now
	if r.data == nil {
		return
	}
	if err := r.data.Rebase(r.versionLocked(dst)); err != nil {
		f.log.Warn("what is local of a renamed file cannot be used", "path", dst, "err", err)
	}
}

// place gives the node its new name, and takes it from what had it.
func (m *move) place() {
	if over := m.to.known(m.new); over != nil && over != m.n {
		m.fs.removed(over)
		over.base().leave()
	}
	m.fs.tree.Lock()
	defer m.fs.tree.Unlock()
	if m.from.kids[m.name] == m.n {
		delete(m.from.kids, m.name)
	}
	m.to.setKidLocked(m.new, m.n)
}
