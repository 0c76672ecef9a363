package fs

import (
	"context"
	"syscall"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

var _ fusefs.NodeTmpfiler = (*dir)(nil)

// Tmpfile makes a file without a name, for open(2) with O_TMPFILE. It stays on this machine, like one that was removed
// while it is open, and nothing of it is sent or journaled: as link() is EPERM it never gets a name.
func (d *dir) Tmpfile(ctx context.Context, flags, mode uint32, out *fuse.EntryOut) (
	*fusefs.Inode, fusefs.FileHandle, uint32, syscall.Errno) {
	if d.fs.opts.ReadOnly {
		return nil, nil, 0, syscall.EROFS
	}
	path, named := d.path()
	if !named {
		return nil, nil, 0, syscall.ENOENT
	}
	f, errno := d.newFile(ctx, path, flags&^syscall.O_EXCL, mode)
	if errno != 0 {
		return nil, nil, 0, errno
	}
	f.unlinked, f.place = true, place{gone: true}
	if err := f.data.Drop(); err != nil {
		return nil, nil, 0, d.fs.errno("tmpfile", path, err)
	}
	h, errno := f.newHandle(path, false, flags)
	if errno != 0 {
		return nil, nil, 0, errno
	}
	d.fs.fillEntry(f, path, out)
	out.Nlink = 0
	return d.inode(ctx, f), h, 0, 0
}
