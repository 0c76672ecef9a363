package fs

import (
	"context"
	"syscall"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// What df shows. A bucket has no end, and installers want to see room: 1 PiB in blocks of 4 KiB and 10⁹ files, as
// goofys says. The local disk is no measure, since what is stored does not stay there.
const (
	statBlock  = 4096 // bytes
	statBlocks = 1 << 50 / statBlock
	statFiles  = 1e9
)

var (
	_ fusefs.NodeStatfser = (*dir)(nil)
	_ fusefs.NodeStatfser = (*file)(nil)
	_ fusefs.NodeStatfser = (*symlink)(nil)
	_ fusefs.NodeStatfser = (*special)(nil)
)

// Statfs is statfs(2). It asks nothing, so that it also answers while S3 does not.
func (e *entry) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	*out = fuse.StatfsOut{
		Blocks: statBlocks, Bfree: statBlocks, Bavail: statBlocks,
		Files: statFiles, Ffree: statFiles,
		Bsize: statBlock, Frsize: statBlock, NameLen: maxName,
	}
	return 0
}
