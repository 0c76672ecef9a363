package fs

import (
	"log/slog"
	"sync"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	fusefs "github.com/hanwen/go-fuse/v2/fs"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// An entry is what all nodes have: a place, attributes and the object behind them. The node types dir, file, symlink
// and special embed it.
type entry struct {
	fusefs.Inode
	fs     *FS
	place  place // guarded by FS.tree
	queued bool  // for the pruner, which guards it
	// forgotten says that the kernel does not know the node; guarded by FS.tree.
	forgotten bool

	mu   sync.Mutex
	attr attr
	// info is the object as this mount last saw it. Its Key is where it was seen: after a rename of a parent the
	// place tells the key. For a directory it is the marker's.
	info object.Info
	// seen is when info was last known to be true, for the attribute time-outs.
	seen time.Time
	// granted is until when the kernel may use the name without asking. A LOOKUP before that was forced.
	granted time.Time
}

// A node is any of the node types.
type node interface {
	fusefs.InodeEmbedder
	base() *entry
}

func (e *entry) base() *entry { return e }

// asNode returns the node behind an inode, nil if there is none.
func asNode(in *fusefs.Inode) node {
	if in == nil {
		return nil
	}
	n, _ := in.Operations().(node)
	return n
}

// fillEntry writes the attributes of n and how long the kernel may keep them and the name.
func (f *FS) fillEntry(n node, path string, out *fuse.EntryOut) {
	e := n.base()
	ttl := f.opts.StatTTL(path)
	nameTTL := ttl
	if _, ok := n.(*dir); ok {
		nameTTL = f.opts.TypeTTL(path)
	}
	now := time.Now()
	e.mu.Lock()
	age := max(now.Sub(e.seen), 0)
	if f, ok := n.(*file); ok && f.busyLocked() {
		age = 0 // our own version: nobody knows better
	}
	e.attr.fill(&out.Attr)
	nameTTL = max(nameTTL-age, 0)
	e.granted = now.Add(nameTTL)
	e.mu.Unlock()
	out.SetEntryTimeout(nameTTL)
	out.SetAttrTimeout(max(ttl-age, 0))
}

// forced tells whether a LOOKUP of this name must have been forced, since the kernel still could have used what it has.
func (e *entry) forced() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return time.Now().Before(e.granted)
}

func (e *entry) log() *slog.Logger { return e.fs.log }
