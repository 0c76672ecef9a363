package fs

import (
	"context"
	"syscall"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

var _ fusefs.NodeLinker = (*dir)(nil)

// Link is always refused: an object has one key. EPERM is what link(2) has for filesystems without hard links, and
// what makes git and rsync copy instead.
func (d *dir) Link(context.Context, fusefs.InodeEmbedder, string, *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	return nil, syscall.EPERM
}
