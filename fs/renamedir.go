package fs

import (
	"errors"
	"strings"
	"syscall"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// dir renames a directory: all is copied, then the sources go. Other machines see it grow under the new name and then
// shrink under the old one; each file is at every moment under at least one of them.
func (m *move) dir() syscall.Errno {
	d := m.n.(*dir)
	if over, ok := m.over.(*dir); ok {
		if errno := over.mustBeEmpty("rename", m.dst); errno != 0 {
			return errno
		}
	}
	files, release, errno := d.settle()
	defer release()
	if errno != 0 {
		return errno
	}
	t, err := m.fs.newTreeMove(m.src, m.dst)
	if err != nil {
		return m.fs.errno("rename", m.src, err)
	}
	if errno := m.objects(t, d, files); errno != 0 {
		return errno
	}
	m.place()
	m.fs.opts.Names.Forget(m.src)
	m.fs.opts.Names.Forget(m.dst)
	return 0
}

// objects moves the objects. What cannot be copied is undone; what cannot be deleted is left to the next start, which
// has the record.
func (m *move) objects(t *treeMove, d *dir, files []*file) syscall.Errno {
	made, errno := m.copies(t, d)
	if errno != 0 {
		if err := t.undo(false); err != nil {
			m.fs.log.Warn("rename not undone, tried again at the next start", "from", m.src, "to", m.dst, "err", err)
			t.close()
			return errno
		}
		m.ended(t)
		return errno
	}
	if err := t.deletes(); err != nil {
		// The record may say either now. With all sources and all copies there, both are right.
		t.close()
		return m.fs.errno("rename", m.src, err)
	}
	old := d.markerObject(m.src)
	for _, f := range files {
		m.follow(f)
	}
	err := t.deleteAll(true)
	if err == nil && old != t.Src {
		err = ignoreGone(m.fs.store.Delete(m.fs.ctx, old, object.DeleteOptions{}))
	}
	if err != nil {
		m.fs.log.Warn("rename not finished, tried again at the next start", "from", m.src, "to", m.dst, "err", err)
		t.close()
		return m.fs.treeErrno(m.src, err)
	}
	d.marked(made, made.Metadata)
	m.ended(t)
	return 0
}

// copies makes all of the destination, its marker first, and returns that.
func (m *move) copies(t *treeMove, d *dir) (made object.Info, errno syscall.Errno) {
	made, errno = m.marker(t, d)
	if errno == 0 {
		errno = m.fs.treeErrno(m.src, t.copyAll())
	}
	if errno == 0 && m.from != m.to {
		errno = m.from.keepMarker()
	}
	return made, errno
}

func (m *move) ended(t *treeMove) {
	if err := t.remove(); err != nil {
		m.fs.log.Warn("record of a rename not removed", "from", m.src, "to", m.dst, "err", err)
	}
}

// treeErrno is errno for what a directory rename adds to it.
func (f *FS) treeErrno(path string, err error) syscall.Errno {
	switch {
	case errors.Is(err, syscall.ENAMETOOLONG):
		return syscall.ENAMETOOLONG
	case object.Is(err, object.KindExists): // someone is filling the destination
		return syscall.ENOTEMPTY
	}
	return f.errno("rename", path, err)
}

// settle keeps writers away from all files below d that this mount knows, and stores what they have unsent. Those that
// met another machine's change stay what they are.
func (d *dir) settle() (files []*file, release func(), errno syscall.Errno) {
	files = d.filesBelow(nil)
	for _, f := range files {
		f.io.Lock()
	}
	release = func() {
		for _, f := range files {
			f.io.Unlock()
		}
	}
	for _, f := range files {
		f.mu.Lock()
		store := f.unsent && !f.failed && !f.unlinked
		f.mu.Unlock()
		if store {
			if errno := f.storeLocked("rename"); errno != 0 {
				return files, release, errno
			}
		}
	}
	return files, release, 0
}

func (d *dir) filesBelow(files []*file) []*file {
	d.fs.tree.RLock()
	defer d.fs.tree.RUnlock()
	return d.filesBelowLocked(files)
}

func (d *dir) filesBelowLocked(files []*file) []*file {
	for _, n := range d.kids {
		switch n := n.(type) {
		case *dir:
			files = n.filesBelowLocked(files)
		case *file:
			files = append(files, n)
		}
	}
	return files
}

// marker makes the marker of the destination, which reserves the name. Where one is there, the directory must be empty.
func (m *move) marker(t *treeMove, d *dir) (made object.Info, errno syscall.Errno) {
	src, dst := d.markerObject(m.src), markerKey(m.dst)
	s := slot{}
	info, err := m.fs.store.Head(m.fs.ctx, src)
	switch {
	case err == nil:
		if src == t.Src {
			s.Source = fingerprint("", info)
		}
		made, err = m.fs.copyObject(dst, src, info, true)
	case object.Is(err, object.KindNotFound):
		d.mu.Lock()
		meta := m.fs.newMetadata(d.attr)
		d.mu.Unlock()
		made, err = m.fs.store.Put(m.fs.ctx, dst, object.Bytes(nil),
			object.PutOptions{Metadata: meta, ContentType: markerType, IfNoneMatch: true})
		if made.Metadata == nil {
			made.Metadata = meta
		}
	}
	switch {
	case object.Is(err, object.KindExists, object.KindChanged):
		made, errno = m.markerOver(src, info)
	case err == nil:
		s.Copy = fingerprint("", made)
	default:
		errno = m.fs.errno("rename", m.dst, err)
	}
	if errno != 0 {
		return made, errno
	}
	return made, m.fs.errno("rename", m.dst, t.copied(s))
}

// markerOver gives the marker of an empty directory that is renamed over the attributes of the one that moves. It is
// not ours to remove if the rename is undone.
func (m *move) markerOver(src string, info object.Info) (made object.Info, errno syscall.Errno) {
	if m.noReplace {
		return made, syscall.EEXIST
	}
	has, err := m.fs.opts.Names.HasChildren(m.fs.ctx, m.dst, "")
	if err == nil && has {
		return made, syscall.ENOTEMPTY
	}
	if err == nil && info.ETag != "" {
		made, err = m.fs.copyObject(markerKey(m.dst), src, info, false)
	} else if err == nil {
		made, err = m.fs.store.Head(m.fs.ctx, markerKey(m.dst))
	}
	return made, m.fs.errno("rename", m.dst, err)
}

// follow makes an open file go on with the copy of its version.
func (m *move) follow(f *file) {
	path, named := f.path()
	f.mu.Lock()
	held, info := f.data != nil, f.info
	f.mu.Unlock()
	if !named || !held {
		return
	}
	dst := m.dst + strings.TrimPrefix(path, m.src)
	now, err := m.fs.store.Head(m.fs.ctx, dst)
	if err != nil {
		m.fs.log.Warn("open file does not follow the rename of its directory", "path", path, "err", err)
		return
	}
	same := now.SameContent(info) || now.Size == info.Size && now.CRC64NVME != nil && info.CRC64NVME != nil &&
		*now.CRC64NVME == *info.CRC64NVME
	if same {
		m.fs.moved(f, dst, now)
	}
}
