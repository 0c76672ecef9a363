package fs

import (
	"context"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/sentient-agi/sentientfs/internal/metacache"
)

// A dir is a directory: a marker object, or only a common prefix of keys, or both.
type dir struct {
	entry
	marker bool            // a marker object is known to be there; guarded by entry.mu
	kids   map[string]node // nodes that were given for names of this directory; guarded by FS.tree
}

var (
	_ fusefs.NodeLookuper    = (*dir)(nil)
	_ fusefs.NodeGetattrer   = (*dir)(nil)
	_ fusefs.NodeOnForgetter = (*dir)(nil)
)

// newDir makes the node of a directory.
func (f *FS) newDir(e metacache.Entry, asked time.Time) *dir {
	d := &dir{entry: entry{fs: f}}
	d.know(e, asked)
	return d
}

// know takes over what a listing or a lookup told of a directory.
func (d *dir) know(e metacache.Entry, asked time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e.Marker && e.Info.Metadata == nil && d.info.SameObject(e.Info) {
		e.Info.Metadata = d.info.Metadata
	}
	old := d.attr
	d.info, d.marker, d.seen = e.Info, e.Marker, asked
	d.attr = d.fs.attrOf(e.Info, true)
	if d.attr.mtime.IsZero() { // only a prefix, which has no time of its own
		d.attr.mtime = old.mtime
		if old.mtime.IsZero() {
			d.attr.mtime = asked
		}
	}
}

// Getattr tells the attributes of the directory; they are asked for again when they are older than their time-out.
func (d *dir) Getattr(ctx context.Context, _ fusefs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	path, named := d.path()
	ttl := d.fs.opts.TypeTTL(path)
	d.mu.Lock()
	fresh := time.Since(d.seen) <= ttl
	d.mu.Unlock()
	if named && path != "" && !fresh {
		asked := time.Now()
		e, err := d.fs.opts.Names.Lookup(d.fs.ctx, path, false)
		switch {
		case err == nil && e.Dir:
			d.know(e, asked)
		case err == nil:
			return syscall.ESTALE // a file now: the kernel looks the name up again
		default:
			if errno := d.fs.errno("getattr", path, err); errno != syscall.ENOENT {
				return errno
			}
			return syscall.ESTALE
		}
	}
	d.mu.Lock()
	d.attr.fill(&out.Attr)
	d.mu.Unlock()
	out.SetTimeout(ttl)
	return 0
}

// OnForget drops the node from its parent: the kernel does not know it any more.
func (d *dir) OnForget() { forgotten(d, true) }

// forgotten notes that the kernel does not know a node any more, and takes it out of its parent's table if drop says
// that nothing else needs it; then the parent, if the kernel forgot that before. A directory stays as long as something
// below has bytes that are not stored: its next lookup must find them.
func forgotten(n node, drop bool) {
	e := n.base()
	e.fs.tree.Lock()
	defer e.fs.tree.Unlock()
	e.forgotten = true
	if drop {
		dropLocked(n)
	}
}

// unneeded takes a node that was kept for its bytes alone out of its parent's table, if the kernel forgot it.
func unneeded(n node) {
	e := n.base()
	e.fs.tree.Lock()
	defer e.fs.tree.Unlock()
	dropLocked(n)
}

func dropLocked(n node) {
	for e := n.base(); ; {
		p := e.place.parent
		if p == nil || !e.forgotten || p.kids[e.place.name] != n {
			return
		}
		if d, ok := n.(*dir); ok && len(d.kids) > 0 {
			return
		}
		delete(p.kids, e.place.name)
		n, e = p, &p.entry
	}
}
