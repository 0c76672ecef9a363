package fs

import (
	"context"
	"syscall"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// A special is a fifo or a socket: an empty object whose metadata says so. The kernel does what they are for.
type special struct{ entry }

var (
	_ fusefs.NodeGetattrer   = (*special)(nil)
	_ fusefs.NodeOnForgetter = (*special)(nil)
	_ fusefs.NodeMknoder     = (*dir)(nil)
)

// Mknod makes a fifo, a socket or an empty file. Devices are refused: what a bucket says must not reach hardware.
func (d *dir) Mknod(ctx context.Context, name string, mode, _ uint32, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	switch mode & syscall.S_IFMT {
	case 0:
		mode |= syscall.S_IFREG
	case syscall.S_IFREG:
	case syscall.S_IFIFO, syscall.S_IFSOCK:
		if !d.fs.opts.PosixMetadata {
			return nil, syscall.EOPNOTSUPP // there is no place to say what it is
		}
	default:
		return nil, syscall.EPERM
	}
	return d.makeNew(ctx, "mknod", name, mode&(syscall.S_IFMT|0o7777), nil, out)
}

// Getattr tells the attributes; see entry.getattr.
func (s *special) Getattr(_ context.Context, _ fusefs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	return s.getattr(s, out)
}

// OnForget drops the node from its parent: the kernel does not know it any more.
func (s *special) OnForget() { forgotten(s, true) }
