package fs

import (
	"context"
	"io"
	"slices"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/sentient-agi/sentientfs/internal/metacache"
)

const (
	// dirBatch is how many names are taken from a listing at a time, and how many metadata questions may go out for
	// one answer of READDIRPLUS.
	dirBatch = 512
	// nodesMax is the position behind which READDIRPLUS gives no nodes: one costs the kernel and us about 440 bytes
	// each for as long as the kernel likes (measured, Linux 6.18).
	nodesMax = 20000
	// linkMax is the size in bytes below which an object may be a link: no target is longer (PATH_MAX).
	linkMax = 4096
)

// A dirHandle reads one directory. Position 0 is ".", 1 is "..", then come the names of the bucket and at last those
// that only this machine has; the offset of an entry is the position behind it. go-fuse serializes the calls.
type dirHandle struct {
	d       *dir
	path    string
	asked   time.Time
	listing *metacache.Listing

	pos   int               // of the next entry
	batch []metacache.Entry // entries of the listing from position first on
	first int
	known bool // the batch has its metadata
	last  int  // position in the listing of the entry that was read last, -1 for others

	local map[string]*file // files that may be in no listing
	read  int              // how many names of the listing were compared with local
	tail  []string         // names of local that the listing did not have; nil before its end was seen
}

var (
	_ fusefs.NodeOpendirHandler = (*dir)(nil)
	_ fusefs.FileReaddirenter   = (*dirHandle)(nil)
	_ fusefs.FileLookuper       = (*dirHandle)(nil)
	_ fusefs.FileSeekdirer      = (*dirHandle)(nil)
	_ fusefs.FileReleasedirer   = (*dirHandle)(nil)
	_ fusefs.FileFsyncdirer     = (*dirHandle)(nil)
)

// OpendirHandle lists the directory.
func (d *dir) OpendirHandle(context.Context, uint32) (fusefs.FileHandle, uint32, syscall.Errno) {
	path, named := d.path()
	if !named {
		return nil, 0, syscall.ENOENT
	}
	h := &dirHandle{d: d, path: path, asked: time.Now(), last: -1, local: d.unstored()}
	var err error
	if h.listing, err = d.fs.opts.Names.OpenDir(d.fs.ctx, path); err != nil {
		return nil, 0, d.fs.errno("opendir", path, err)
	}
	if !h.listing.Exists() && len(h.local) == 0 { // removed elsewhere: the kernel looks the name up again
		h.listing.Close()
		return nil, 0, syscall.ESTALE
	}
	return h, 0, 0
}

// Readdirent returns the next entry, nil at the end. It is never a shorter listing where S3 failed.
func (h *dirHandle) Readdirent(context.Context) (*fuse.DirEntry, syscall.Errno) {
	h.last = -1
	if h.pos < 2 {
		e := &fuse.DirEntry{Name: [...]string{".", ".."}[h.pos], Mode: syscall.S_IFDIR, Off: uint64(h.pos) + 1}
		h.pos++
		return e, 0
	}
	at := h.pos - 2
	ok, errno := h.load(at)
	if errno != 0 {
		return nil, errno
	}
	if !ok {
		return h.localEntry(at), 0
	}
	e := h.batch[at-h.first]
	h.last = at
	h.pos++
	out := &fuse.DirEntry{Name: e.Name, Mode: h.typeOf(e), Off: uint64(h.pos)}
	if n := h.d.known(e.Name); n != nil {
		out.Ino = n.base().StableAttr().Ino
	}
	return out, 0
}

// localEntry returns an entry behind the end of the listing, nil at the end of all.
func (h *dirHandle) localEntry(at int) *fuse.DirEntry {
	i := at - h.read
	if i < 0 || i >= len(h.tail) {
		return nil
	}
	h.pos++
	return &fuse.DirEntry{Name: h.tail[i], Mode: syscall.S_IFREG, Off: uint64(h.pos)}
}

// load sees that the entry at a position of the listing is in the batch. It is false behind the end.
func (h *dirHandle) load(at int) (bool, syscall.Errno) {
	if at >= h.first && at < h.first+len(h.batch) {
		return true, 0
	}
	if h.tail != nil && at >= h.read {
		return false, 0
	}
	for h.read < at { // a seek beyond what was read: which names were there must be known for the end
		if end, errno := h.fetch(h.read); end || errno != 0 {
			return false, errno
		}
	}
	end, errno := h.fetch(at)
	return !end, errno
}

// fetch takes the batch from a position. end is true where nothing is.
func (h *dirHandle) fetch(at int) (end bool, errno syscall.Errno) {
	batch, err := h.listing.Read(h.d.fs.ctx, at, dirBatch)
	if err == io.EOF {
		h.ended()
		return true, 0
	}
	if err != nil {
		return false, h.d.fs.errno("readdir", h.path, err)
	}
	h.batch, h.first, h.known = batch, at, false
	if end := at + len(batch); end > h.read {
		for _, e := range batch {
			delete(h.local, e.Name)
		}
		h.read = end
	}
	return false, 0
}

// ended fixes the names behind the listing when its end is seen.
func (h *dirHandle) ended() {
	if h.tail != nil {
		return
	}
	h.tail = []string{}
	for name, f := range h.local {
		if f.placedIn(h.d, name) { // also one that was stored since, behind the listing's back
			h.tail = append(h.tail, name)
		}
	}
	slices.Sort(h.tail)
}

// typeOf returns the type of an entry, 0 where only the metadata would tell: the caller then asks for it if it cares.
func (h *dirHandle) typeOf(e metacache.Entry) uint32 {
	if e.Dir {
		return syscall.S_IFDIR
	}
	o := &h.d.fs.opts
	if o.PosixMetadata && e.Info.Metadata == nil && e.Info.Size < linkMax {
		if n := h.d.known(e.Name); n != nil {
			return n.base().StableAttr().Mode & syscall.S_IFMT
		}
		return 0
	}
	return h.d.fs.attrOf(e.Info, false).mode & syscall.S_IFMT
}

// Lookup returns the node of the entry that was read last, for READDIRPLUS. The metadata of its whole batch is asked
// for at once. ENOENT gives the entry no node, and the kernel looks the name up if somebody wants it.
func (h *dirHandle) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	path, errno := h.d.child(name)
	if errno != 0 || h.last >= nodesMax {
		return nil, syscall.ENOENT
	}
	n := h.d.known(name)
	if f, ok := n.(*file); !ok || !f.busy() {
		if n = h.listed(name, path); n == nil {
			return nil, syscall.ENOENT
		}
	}
	h.d.fs.fillEntry(n, path, out)
	return h.d.inode(ctx, n), 0
}

// listed returns the node of the listing's entry that was read last, nil if what is known of it does not do for one.
func (h *dirHandle) listed(name, path string) node {
	if h.last < 0 {
		return nil
	}
	posix := h.d.fs.opts.PosixMetadata
	if posix && !h.known {
		full, err := h.listing.Metadata(h.d.fs.ctx, h.first, len(h.batch))
		if err != nil && err != io.EOF {
			h.d.fs.errno("readdir", h.path, err)
			return nil
		}
		if len(full) == len(h.batch) {
			h.batch = full
		}
		h.known = true
	}
	e := h.batch[h.last-h.first]
	if e.Name != name || posix && e.Info.Metadata == nil && (!e.Dir || e.Marker) {
		return nil
	}
	return h.d.adopt(name, path, e, h.asked)
}

// Seekdir goes to the entry behind the one that had this offset.
func (h *dirHandle) Seekdir(_ context.Context, off uint64) syscall.Errno {
	if off > 1<<40 {
		return syscall.EINVAL
	}
	h.pos = int(off)
	return 0
}

// Releasedir is closedir(3).
func (h *dirHandle) Releasedir(context.Context, uint32) { h.listing.Close() }

// Fsyncdir has nothing to wait for: what changes names returns when S3 has done it.
func (h *dirHandle) Fsyncdir(context.Context, uint32) syscall.Errno { return 0 }
