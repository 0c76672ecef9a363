package fs

import (
	"context"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/sentient-agi/sentientfs/internal/metacache"
	"github.com/sentient-agi/sentientfs/internal/object"
)

// Lookup finds the node of a name.
func (d *dir) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	path, errno := d.child(name)
	if errno != 0 {
		return nil, errno
	}
	n, errno := d.find(ctx, name, path)
	if errno != 0 {
		if errno == syscall.ENOENT && d.fs.opts.NegativeTTL(path) == 0 {
			// A time of our own switches the kernel's cache of missing names off for this one.
			out.SetEntryTimeout(1)
		}
		return nil, errno
	}
	d.fs.fillEntry(n, path, out)
	return d.inode(ctx, n), 0
}

// find returns the node that name stands for now.
func (d *dir) find(ctx context.Context, name, path string) (node, syscall.Errno) {
	forced := false
	if n := d.known(name); n != nil {
		if f, ok := n.(*file); ok && f.busy() {
			return n, 0
		}
		forced = n.base().forced()
	}
	asked := time.Now()
	if a, ok := d.fs.takeAnswer(ctx, path); ok {
		n := d.adopt(name, path, metacache.Entry{Name: name, Info: a.info}, a.asked)
		if f, ok := n.(*file); ok {
			f.mu.Lock()
			f.verdict.pid, _ = caller(ctx)
			f.verdict.asked = a.asked
			f.mu.Unlock()
		}
		return n, 0
	}
	e, err := d.fs.opts.Names.Lookup(d.fs.ctx, path, forced)
	if err != nil {
		if object.Is(err, object.KindNotFound) {
			if n := d.known(name); n != nil {
				if f, ok := n.(*file); ok && (f.busy() || f.storedAfter(asked)) {
					return n, 0 // created or stored here while the question was on its way
				}
				d.displace(name, n)
			}
		}
		return nil, d.fs.errno("lookup", path, err)
	}
	return d.adopt(name, path, e, asked), 0
}

// known returns the node that was given for name, nil if there is none.
func (d *dir) known(name string) node {
	d.fs.tree.RLock()
	n := d.kids[name]
	d.fs.tree.RUnlock()
	if n == nil {
		n = asNode(d.GetChild(name))
	}
	if n != nil && n.base().placedIn(d, name) {
		return n
	}
	return nil
}

func (e *entry) placedIn(d *dir, name string) bool {
	e.fs.tree.RLock()
	defer e.fs.tree.RUnlock()
	return e.place.parent == d && e.place.name == name
}

// adopt returns the node for what was found under name by a question asked at that time: the node that is there, if it
// stands for this version or for a file that this machine writes, else a new one in its place.
func (d *dir) adopt(name, path string, e metacache.Entry, asked time.Time) node {
	old := d.known(name)
	if old != nil && d.fs.stands(old, path, e, asked) {
		return old
	}
	n := d.fs.newNode(e, asked)
	if !d.put(name, n, old) { // another request was faster
		if now := d.known(name); now != nil && d.fs.stands(now, path, e, asked) {
			return now
		}
		d.put(name, n, d.known(name))
	}
	return n
}

// stands tells whether n is the node for what was found, and lets it know what was found.
func (f *FS) stands(n node, path string, e metacache.Entry, asked time.Time) bool {
	switch n := n.(type) {
	case *dir:
		if e.Dir {
			n.know(e, asked)
		}
		return e.Dir
	case *file:
		return n.refresh(path, e, asked)
	}
	return n.base().sameAs(e, asked)
}

// sameAs tells whether a link, fifo or socket is the one that was found, and takes over its attributes: the kernel
// binds a socket to its inode, so that a new node for new attributes would cut it off.
func (e *entry) sameAs(found metacache.Entry, asked time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if found.Dir || !e.info.SameContent(found.Info) {
		return false
	}
	if found.Info.Metadata == nil { // not told: what is known holds while the object was not touched
		e.seen = asked
		return e.info.SameObject(found.Info)
	}
	a := e.fs.attrOf(found.Info, false)
	if a.mode&syscall.S_IFMT != e.attr.mode&syscall.S_IFMT {
		return false
	}
	if a.mode&syscall.S_IFMT != syscall.S_IFLNK {
		a.size = 0
	}
	if a.ctime.Before(e.attr.ctime) {
		a.ctime = e.attr.ctime
	}
	e.info, e.attr, e.seen = found.Info, a, asked
	return true
}

// newNode makes the node of a name that was found.
func (f *FS) newNode(e metacache.Entry, asked time.Time) node {
	if e.Dir {
		return f.newDir(e, asked)
	}
	a := f.attrOf(e.Info, false)
	var n node
	switch a.mode & syscall.S_IFMT {
	case syscall.S_IFLNK:
		n = &symlink{}
	case syscall.S_IFIFO, syscall.S_IFSOCK:
		a.size = 0
		n = &special{}
	default:
		n = &file{}
	}
	b := n.base()
	b.fs, b.info, b.attr, b.seen = f, e.Info, a, asked
	return n
}

// put gives name to n, which takes it from old. It is false, and does nothing, if another node has the name or if old
// is a file that got a writer meanwhile.
func (d *dir) put(name string, n, old node) bool {
	if f, ok := old.(*file); ok {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.busyLocked() {
			return false
		}
	}
	d.fs.tree.Lock()
	defer d.fs.tree.Unlock()
	if now := d.kids[name]; now != nil && now != old {
		return false
	}
	if old != nil {
		old.base().place = place{gone: true}
	}
	d.setKidLocked(name, n)
	return true
}

// setKidLocked gives name to n. FS.tree is held.
func (d *dir) setKidLocked(name string, n node) {
	if d.kids == nil {
		d.kids = map[string]node{}
	}
	d.kids[name] = n
	n.base().place = place{parent: d, name: name}
}

// displace takes its name from a node whose object is gone or replaced. A file that is written here keeps it.
func (d *dir) displace(name string, n node) {
	if f, ok := n.(*file); ok {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.busyLocked() {
			return
		}
	}
	d.fs.tree.Lock()
	defer d.fs.tree.Unlock()
	if d.kids[name] == n {
		delete(d.kids, name)
	}
	n.base().place = place{gone: true}
}

// inode returns the inode of n, made now if n has none.
func (d *dir) inode(ctx context.Context, n node) *fusefs.Inode {
	e := n.base()
	e.fs.tree.Lock()
	e.forgotten = false
	e.fs.tree.Unlock()
	e.fs.pruner.given(n)
	e.mu.Lock() // two requests may have been given one new node
	defer e.mu.Unlock()
	return d.NewInode(ctx, n, fusefs.StableAttr{Mode: e.attr.mode & syscall.S_IFMT, Ino: d.fs.nextIno()})
}

// An answer is what an open found instead of the version of its node. It serves the lookup with which the kernel
// tries again, and no other: that lookup is part of the same open.
type answer struct {
	info  object.Info
	asked time.Time
}

type answerKey struct {
	pid  uint32
	path string
}

// answerLife is how long an answer waits for the kernel's second lookup, which comes at once.
const answerLife = 2 * time.Second

func (f *FS) leaveAnswer(ctx context.Context, path string, info object.Info, asked time.Time) {
	pid, ok := caller(ctx)
	if !ok {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for k, a := range f.answers {
		if time.Since(a.asked) > answerLife {
			delete(f.answers, k)
		}
	}
	f.answers[answerKey{pid, path}] = answer{info, asked}
}

func (f *FS) takeAnswer(ctx context.Context, path string) (answer, bool) {
	pid, ok := caller(ctx)
	if !ok {
		return answer{}, false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	k := answerKey{pid, path}
	a, ok := f.answers[k]
	delete(f.answers, k)
	return a, ok && time.Since(a.asked) <= answerLife
}

// caller returns the thread that a request comes from.
func caller(ctx context.Context) (uint32, bool) {
	c, ok := fuse.FromContext(ctx)
	if !ok {
		return 0, false
	}
	return c.Pid, c.Pid != 0
}
