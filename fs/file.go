package fs

import (
	"context"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/metacache"
	"github.com/sentient-agi/sentientfs/internal/object"
)

// A file is a regular file: one version of an object, or one that this machine writes.
type file struct {
	entry
	// io is held shared by whoever changes bytes or attributes that are sent with them, and exclusively while they are
	// stored, removed or renamed: what is sent is one state of the file.
	io       sync.RWMutex
	retrying atomic.Bool // an attempt that nobody waits for is under way

	// The rest is guarded by entry.mu.
	data      *content.File // the local bytes; nil when nothing holds them
	handles   int           // open handles
	writers   int           // those of them that may write
	unsent    bool          // there are changes that no object has yet
	fresh     bool          // made here and never stored: no object has this name because of us
	unlinked  bool          // removed here; what is open lives on
	failed    bool          // its last store met another machine's change; the journal keeps the bytes
	checked   time.Time     // when an open last found the version to be the present one
	timed     bool          // its time was set, and it was not written since
	whole     bool          // closed by a writer, and not written since
	storedAt  time.Time     // when its bytes or attributes last changed in the bucket because of us
	dirtied   time.Time     // since when there is something unsent
	moved     bool          // the kernel has pages from movedFrom on that are not the file's any more
	movedFrom int64
	verdict   verdict // what this node's lookup found, for the open that it is a part of
}

// A verdict tells an open that its thread's own lookup just found the version.
type verdict struct {
	pid   uint32
	asked time.Time
}

var (
	_ fusefs.NodeGetattrer   = (*file)(nil)
	_ fusefs.NodeOnForgetter = (*file)(nil)
)

// busy tells whether this machine is writing the file, so that its own version is what it shows.
func (f *file) busy() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.busyLocked()
}

func (f *file) busyLocked() bool {
	return !f.failed && !f.unlinked && (f.writers > 0 || f.unsent)
}

func (f *file) storedAfter(t time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.storedAt.After(t)
}

// version is how the local store knows what the node stands for. entry.mu is held.
func (f *file) versionLocked(path string) content.Version {
	return content.Version{Key: path, ETag: f.info.ETag, Size: f.info.Size, LastModified: f.info.LastModified}
}

// refresh tells whether the file still stands for its name when a question asked at that time found e, and takes over
// what it found of the same version. A version that extends ours by a proven append becomes ours.
func (f *file) refresh(path string, e metacache.Entry, asked time.Time) bool {
	if e.Dir {
		return f.busy()
	}
	f.mu.Lock()
	if f.busyLocked() || f.storedAt.After(asked) {
		f.mu.Unlock()
		return true
	}
	if f.info.SameContent(e.Info) && f.isRegular(e.Info) {
		f.seeLocked(e.Info, asked)
		f.mu.Unlock()
		return true
	}
	old := f.info.Size
	grown := f.extendLocked(path, e.Info, asked)
	f.mu.Unlock()
	if grown {
		f.dropPagesFrom(old)
	}
	return grown
}

func (f *file) isRegular(info object.Info) bool {
	return f.fs.attrOf(info, false).mode&syscall.S_IFMT == syscall.S_IFREG
}

// seeLocked takes over what is newly known of the version that the node stands for.
func (f *file) seeLocked(info object.Info, asked time.Time) {
	if info.Metadata == nil {
		if !f.info.SameObject(info) && f.fs.opts.PosixMetadata && f.info.Metadata != nil {
			return // its attributes changed and are not told: what we have stays until they are
		}
		info.Metadata = f.info.Metadata
	}
	f.info, f.seen = info, asked
	ctime := f.attr.ctime
	f.attr = f.fs.attrOf(info, false)
	if f.attr.ctime.Before(ctime) {
		f.attr.ctime = ctime
	}
}

// Getattr tells the attributes. Those of a file that nobody here writes are asked for again when they are older than
// their time-out; a handle on a version that is not there any more keeps its attributes.
func (f *file) Getattr(ctx context.Context, fh fusefs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	path, named := f.path()
	ttl := f.fs.opts.StatTTL(path)
	f.mu.Lock()
	ask := named && !f.busyLocked() && time.Since(f.seen) > ttl
	open := f.handles > 0
	f.mu.Unlock()
	if ask {
		if errno := f.reask(path); errno != 0 && !(open && errno == syscall.ESTALE) {
			return errno
		}
	}
	f.mu.Lock()
	f.attr.fill(&out.Attr)
	if f.unlinked {
		out.Nlink = 0
	}
	f.mu.Unlock()
	out.SetTimeout(ttl)
	return 0
}

// reask asks what the name stands for now. ESTALE if it is another version, so that the kernel looks it up again.
func (f *file) reask(path string) syscall.Errno {
	asked := time.Now()
	e, err := f.fs.opts.Names.Lookup(f.fs.ctx, path, false)
	if err != nil {
		if object.Is(err, object.KindNotFound) {
			if f.busy() || f.storedAfter(asked) {
				return 0
			}
			return syscall.ESTALE
		}
		return f.fs.errno("getattr", path, err)
	}
	if !f.refresh(path, e, asked) {
		return syscall.ESTALE
	}
	return 0
}

// OnForget drops the node from its parent, unless it has bytes that are not stored: the kernel does not know it any more.
func (f *file) OnForget() { forgotten(f, !f.busy()) }

// attachLocked makes sure that the local bytes are held, and returns them. entry.mu is held, and the caller has a
// handle or holds io.
func (f *file) attachLocked(path string) (*content.File, error) {
	if f.data != nil {
		return f.data, nil
	}
	d, err := f.fs.opts.Content.Version(f.versionLocked(path))
	if err != nil {
		return nil, err
	}
	f.data = d
	return d, nil
}

// letGoLocked gives the local bytes back when nobody needs them. entry.mu is held.
func (f *file) letGoLocked() {
	if f.data == nil || f.handles > 0 || f.unsent {
		return
	}
	f.data.Release()
	f.data = nil
}
