package fs

import (
	"io"
	"maps"
	"strconv"
	"syscall"
	"time"

	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/object"
)

const (
	// metadataMax is what S3 takes as keys and values together, in bytes (Amazon S3 user guide, "Working with object
	// metadata"). metadataSpare of them are kept for what later stores add: a mode, owners, a time and what an append
	// extends.
	metadataMax   = 2048
	metadataSpare = 256
	// metadataAge is how old what is known of an object may be when its metadata is replaced as a whole: a chmod of
	// another machine since would be undone.
	metadataAge = time.Second
	// changeTries is how often a change is tried again that met another one of the same object.
	changeTries = 4
)

// An edit is a change of a node's metadata. It changes meta, which is its own copy of what is stored, and the attributes
// that are shown; it is false if there is nothing to change. It may be called several times.
type edit func(meta map[string]string, a *attr) (changed bool, errno syscall.Errno)

// changeMetadata makes a change: of the local state where the node has unsent bytes or no name, since it rides the PUT
// or nobody else can see it; else of the object. A change that changes nothing costs no request.
func (f *FS) changeMetadata(op string, n node, change edit) syscall.Errno {
	if f.opts.ReadOnly {
		return syscall.EROFS
	}
	if done, errno := f.changeLocal(n, change); done {
		return errno
	}
	path, unlock, named := n.base().claim()
	if !named {
		_, errno := f.changeLocal(n, change)
		return errno
	}
	defer unlock()
	if path == "" {
		return f.changeRoot(change)
	}
	if r, ok := n.(*file); ok {
		r.io.Lock()
		defer r.io.Unlock()
		if done, errno := f.changeLocked(n, change); done { // written meanwhile
			return errno
		}
	}
	return f.changeStored(op, path, n, change)
}

// changeLocal makes a change that needs no request. done is false if it needs one.
func (f *FS) changeLocal(n node, change edit) (done bool, errno syscall.Errno) {
	if r, ok := n.(*file); ok {
		r.io.RLock()
		defer r.io.RUnlock()
	}
	return f.changeLocked(n, change)
}

// changeLocked is changeLocal for who holds io of a file.
func (f *FS) changeLocked(n node, change edit) (done bool, errno syscall.Errno) {
	e := n.base()
	nameless := e.nameless()
	e.mu.Lock()
	defer e.mu.Unlock()
	r, isFile := n.(*file)
	if isFile && r.failed {
		return true, syscall.ESTALE
	}
	local := nameless || isFile && (r.unsent || r.unlinked)
	if !local && f.opts.PosixMetadata && e.info.Metadata == nil && hasObject(n) {
		return false, 0 // what is stored is not known
	}
	meta, a := cloned(e.info.Metadata), e.attr
	changed, errno := change(meta, &a)
	if errno != 0 || !changed {
		return true, errno
	}
	if !local {
		return false, 0
	}
	if size(meta) > metadataMax-metadataSpare {
		return true, syscall.ENOSPC
	}
	a.ctime = time.Now()
	if isFile && !a.mtime.Equal(e.attr.mtime) {
		r.timed = true
	}
	e.info.Metadata, e.attr = meta, a
	if isFile && r.unsent {
		return true, r.journalLocked()
	}
	return true, 0
}

// hasObject tells whether a node has an object with metadata, which a directory may not have. entry.mu is held.
func hasObject(n node) bool {
	d, ok := n.(*dir)
	return !ok || d.marker
}

// journalLocked puts changed attributes into the journal of a file with unsent bytes. entry.mu is held.
func (f *file) journalLocked() syscall.Errno {
	if f.data == nil {
		return 0
	}
	t := f.data.Target()
	if t.Intent == content.IntentNone {
		return 0
	}
	if t.Metadata = f.metadataLocked(); !f.timed {
		t.Metadata = f.writingLocked()
	}
	return f.fs.errno("setattr", t.Key, f.data.SetTarget(t))
}

// changeRoot is for the root, which has no object: its time is kept while it is mounted, so that `rsync -a` to a mount
// point works, and nothing else can be changed.
func (f *FS) changeRoot(change edit) syscall.Errno {
	e := f.root.base()
	e.mu.Lock()
	defer e.mu.Unlock()
	meta, a := map[string]string{}, e.attr
	changed, errno := change(meta, &a)
	if errno != 0 || !changed {
		return errno
	}
	delete(meta, metaMtime)
	if len(meta) > 0 {
		return syscall.EPERM
	}
	e.attr.mtime, e.attr.ctime = a.mtime, time.Now()
	return 0
}

// changeStored makes a change of the object: a copy onto itself with other metadata, of the version that is known. One
// that turns out to have other content is ESTALE, so that the kernel looks the name up again.
func (f *FS) changeStored(op, path string, n node, change edit) syscall.Errno {
	e := n.base()
	e.mu.Lock()
	info, shown := e.info, e.attr
	if time.Since(e.seen) > metadataAge {
		info.Metadata = nil
	}
	e.mu.Unlock()
	d, isDir := n.(*dir)
	key := path
	if isDir {
		key = d.markerObject(path)
	}
	for range changeTries {
		stored := true
		if info.Metadata == nil || info.ContentType == "" {
			now, err := f.store.Head(f.ctx, key)
			switch {
			case isDir && object.Is(err, object.KindNotFound):
				stored = false
			case err == nil && (isDir || now.SameContent(info)):
				info = now
			case err == nil || object.Is(err, object.KindNotFound):
				f.opts.Names.Forget(path)
				return syscall.ESTALE
			default:
				return f.errno(op, path, err)
			}
		}
		done, errno := f.tryChange(op, key, n, info, shown, stored, change)
		if done {
			return errno
		}
		info.Metadata = nil
	}
	return syscall.ESTALE
}

// tryChange makes a change of one version. done is false if another version is there now.
func (f *FS) tryChange(op, key string, n node, info object.Info, shown attr, stored bool, change edit) (done bool, errno syscall.Errno) {
	d, isDir := n.(*dir)
	a := f.attrOf(info, isDir)
	if isDir && !stored {
		a = shown
		info = object.Info{}
	}
	meta := cloned(info.Metadata)
	changed, errno := change(meta, &a)
	if errno != 0 || !changed {
		return true, errno
	}
	if f.opts.PosixMetadata {
		fillIn(meta, a)
	}
	if size(meta) > metadataMax-metadataSpare {
		return true, syscall.ENOSPC
	}
	var got object.Info
	var err error
	if body := f.smallBody(key, n, info); body != nil {
		got, err = f.store.Put(f.ctx, key, body,
			object.PutOptions{Metadata: meta, ContentType: info.ContentType, IfMatch: info.ETag})
	} else if stored {
		got, err = f.store.Copy(f.ctx, key, key, object.CopyOptions{SourceETag: info.ETag, IfMatch: info.ETag,
			Metadata: meta, ContentType: info.ContentType, Source: &info})
	} else {
		got, err = f.store.Put(f.ctx, key, object.Bytes(nil),
			object.PutOptions{Metadata: meta, ContentType: markerType, IfNoneMatch: true})
	}
	if object.Is(err, object.KindChanged, object.KindNotFound, object.KindExists) {
		return false, 0
	}
	if err != nil {
		return true, f.errno(op, key, err)
	}
	if got.ContentType == "" {
		got.ContentType = info.ContentType
	}
	if got.Metadata = meta; isDir {
		d.marked(got, meta)
		return true, 0
	}
	f.changed(n, key, got)
	return true, 0
}

// smallMax is the size in bytes up to which a file is sent again for its metadata, where a copy on condition would take
// an upload of three requests.
const smallMax = 1 << 20

// smallBody returns the bytes of a small file that are all here, if the server honors a condition of PUT and ignores
// that of a copy; else nil.
func (f *FS) smallBody(path string, n node, info object.Info) object.Body {
	r, ok := n.(*file)
	if !ok || f.opts.Traits.CopyIfMatch || !f.opts.Traits.PutIfMatch || info.Empty() || info.Size > smallMax {
		return nil
	}
	data, err := r.hold(path)
	if err != nil {
		return nil
	}
	defer data.Release()
	if v, _, ok := data.Base(); !ok || v.ETag != info.ETag || data.Dirty() {
		return nil
	}
	bytes := make([]byte, info.Size)
	if n, err := data.ReadAt(bytes, 0); int64(n) != info.Size || err != nil && err != io.EOF {
		return nil
	}
	return object.Bytes(bytes)
}

// changed takes over the object that has the changed metadata.
func (f *FS) changed(n node, path string, info object.Info) {
	f.moved(n, path, info)
	e := n.base()
	e.mu.Lock()
	defer e.mu.Unlock()
	size := e.attr.size
	e.attr = f.attrOf(e.info, false)
	e.attr.size, e.attr.ctime = size, time.Now()
}

// fillIn stores of the attributes what is not stored yet: the copy gets a new time of modification, which must not show.
func fillIn(meta map[string]string, a attr) {
	for k, v := range withAttr(nil, a) {
		if _, ok := meta[k]; !ok {
			meta[k] = v
		}
	}
}

func cloned(meta map[string]string) map[string]string {
	if meta == nil {
		return map[string]string{}
	}
	return maps.Clone(meta)
}

// size is what S3 counts of metadata, in bytes.
func size(meta map[string]string) int {
	n := 0
	for k, v := range meta {
		n += len(k) + len(v)
	}
	return n
}

func formatUint(v uint32) string { return strconv.FormatUint(uint64(v), 10) }
