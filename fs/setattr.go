package fs

import (
	"context"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// killSuid is FATTR_KILL_SUIDGID (linux/fuse.h): with HANDLE_KILLPRIV_V2 the kernel leaves it to us to take the setuid
// and setgid bits from a file whose owner or size changes.
const killSuid = 1 << 11

var (
	_ fusefs.NodeSetattrer = (*dir)(nil)
	_ fusefs.NodeSetattrer = (*file)(nil)
	_ fusefs.NodeSetattrer = (*symlink)(nil)
	_ fusefs.NodeSetattrer = (*special)(nil)
)

// Setattr is chmod(2), chown(2) and utimensat(2) of a directory.
func (d *dir) Setattr(_ context.Context, _ fusefs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if errno := d.fs.setattr(d, in); errno != 0 {
		return errno
	}
	d.fs.tell(d, out)
	return 0
}

// Setattr is chmod(2), chown(2), utimensat(2) and truncate(2) of a file.
func (f *file) Setattr(ctx context.Context, fh fusefs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if size, ok := in.GetSize(); ok {
		if f.fs.opts.ReadOnly {
			return syscall.EROFS
		}
		if errno := f.setSize(ctx, fh, int64(size)); errno != 0 {
			return errno
		}
	}
	if errno := f.fs.setattr(f, in); errno != 0 {
		return errno
	}
	f.fs.tell(f, out)
	return 0
}

// Setattr is lchown(2) and utimensat(2) of a link.
func (s *symlink) Setattr(_ context.Context, _ fusefs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if errno := s.fs.setattr(s, in); errno != 0 {
		return errno
	}
	s.fs.tell(s, out)
	return 0
}

// Setattr is chmod(2), chown(2) and utimensat(2) of a fifo or socket.
func (s *special) Setattr(_ context.Context, _ fusefs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if errno := s.fs.setattr(s, in); errno != 0 {
		return errno
	}
	s.fs.tell(s, out)
	return 0
}

// tell answers with the attributes that a node has now, without asking.
func (f *FS) tell(n node, out *fuse.AttrOut) {
	e := n.base()
	path, named := e.path()
	ttl := f.opts.StatTTL(path)
	_, isDir := n.(*dir)
	if isDir {
		ttl = f.opts.TypeTTL(path)
	}
	e.mu.Lock()
	e.attr.fill(&out.Attr)
	e.mu.Unlock()
	out.Ino = e.StableAttr().Ino // go-fuse sets it for GETATTR only, and the kernel takes what is here
	if !named {
		out.Nlink = 0
	}
	out.SetTimeout(ttl)
}

// setattr changes the attributes that in asks for, but for the size. There is no time of access to set.
func (f *FS) setattr(n node, in *fuse.SetAttrIn) syscall.Errno {
	w := wanted(in, time.Now())
	if w.nothing() {
		return 0
	}
	if f.opts.PosixMetadata {
		return f.changeMetadata("setattr", n, func(meta map[string]string, a *attr) (bool, syscall.Errno) {
			return w.apply(meta, a, f.opts.PreserveOwner), 0
		})
	}
	return f.changeMetadata("setattr", n, w.applyBare)
}

// A wish is what a SETATTR asks for; nil is no change.
type wish struct {
	mode, uid, gid *uint32
	mtime          *time.Time
	now            bool // mtime is the present time
	kill           bool // take setuid and setgid
}

func wanted(in *fuse.SetAttrIn, now time.Time) (w wish) {
	if m, ok := in.GetMode(); ok {
		w.mode = &m
	}
	if id, ok := in.GetUID(); ok {
		w.uid = &id
	}
	if id, ok := in.GetGID(); ok {
		w.gid = &id
	}
	switch {
	case in.Valid&fuse.FATTR_MTIME_NOW != 0:
		w.mtime, w.now = &now, true
	case in.Valid&fuse.FATTR_MTIME != 0:
		t := time.Unix(int64(in.Mtime), int64(in.Mtimensec))
		w.mtime = &t
	}
	w.kill = in.Valid&killSuid != 0
	return w
}

func (w *wish) nothing() bool {
	return w.mode == nil && w.uid == nil && w.gid == nil && w.mtime == nil && !w.kill
}

// apply makes the changes in what is stored and what is shown, and tells whether there are any: a value that is shown or
// stored already is none. An owner that is not shown is stored all the same, for mounts with --preserve-owner.
func (w *wish) apply(meta map[string]string, a *attr, showOwner bool) (changed bool) {
	set := func(key, value string) bool {
		if meta[key] == value {
			return false
		}
		meta[key], changed = value, true
		return true
	}
	mode := a.mode
	if w.mode != nil {
		mode = mode&syscall.S_IFMT | *w.mode&0o7777
	}
	if w.kill {
		mode = killed(mode)
	}
	if mode != a.mode && set(metaMode, formatUint(mode)) {
		a.mode = mode
	}
	for _, o := range []struct {
		key   string
		want  *uint32
		shown *uint32
	}{{metaUID, w.uid, &a.uid}, {metaGID, w.gid, &a.gid}} {
		if o.want != nil && *o.want != *o.shown && set(o.key, formatUint(*o.want)) && showOwner {
			*o.shown = *o.want
		}
	}
	if w.mtime != nil && !w.mtime.Equal(a.mtime) && set(metaMtime, formatTime(*w.mtime)) {
		a.mtime = *w.mtime
	}
	return changed
}

// killed is mode without what lets a file run as its owner or group. Without execution for the group its setgid bit
// means something else, and stays.
func killed(mode uint32) uint32 {
	if mode&syscall.S_IFMT != syscall.S_IFREG {
		return mode
	}
	mode &^= syscall.S_ISUID
	if mode&0o010 != 0 {
		mode &^= syscall.S_ISGID
	}
	return mode
}

// applyBare is apply where no metadata is kept: the present time can be set, as every copy of an object onto itself
// does, and whatever else would change something is refused.
func (w *wish) applyBare(_ map[string]string, a *attr) (changed bool, errno syscall.Errno) {
	switch {
	case w.mode != nil && *w.mode&0o7777 != a.mode&0o7777,
		w.uid != nil && *w.uid != a.uid,
		w.gid != nil && *w.gid != a.gid,
		w.mtime != nil && !w.now && !w.mtime.Equal(a.mtime):
		return false, syscall.EOPNOTSUPP
	}
	if w.now {
		a.mtime = *w.mtime
	}
	return w.now, 0
}
