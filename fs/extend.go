package fs

import (
	"time"

	"github.com/sentient-agi/sentientfs/internal/object"
	"github.com/sentient-agi/sentientfs/internal/transfer"
)

// extends tells whether the object new says of itself that it is old with something appended. Only sentientfs writes
// this, in the request that stores the append on condition that the object still is what it extends.
func extends(old, new object.Info) bool {
	return new.Size >= old.Size && transfer.Extends(new.Metadata, old.ETag, old.Size)
}

// extendLocked makes a longer version the node's own, if it is the node's with something appended: a reader at the end
// goes on into the tail. The handles read the new version from now on, whose first bytes are the same.
func (f *file) extendLocked(path string, info object.Info, asked time.Time) bool {
	if !extends(f.info, info) || f.unlinked || f.failed {
		return false
	}
	old := f.data
	f.data = nil
	was := f.info
	f.info = info
	if f.handles > 0 {
		if _, err := f.attachLocked(path); err != nil {
			f.log().Warn("cannot follow an append", "path", path, "err", err)
			f.data, f.info = old, was
			return false
		}
	}
	if old != nil {
		old.Release()
	}
	f.seeLocked(info, asked)
	return true
}

// dropPagesFrom makes the kernel forget the page in which the old end lay: it has zeros behind it. No lock is held.
func (f *file) dropPagesFrom(size int64) {
	const page = 4096
	if errno := f.NotifyContent(size&^(page-1), 0); errno != 0 {
		f.log().Debug("pages not dropped", "errno", errno)
	}
}
