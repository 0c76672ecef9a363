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

var _ fusefs.NodeMkdirer = (*dir)(nil)

// Mkdir makes a directory: its marker is in S3 when it returns, on condition that there was none.
func (d *dir) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	return d.makeNew(ctx, "mkdir", name, syscall.S_IFDIR|mode&0o7777, nil, out)
}

// makeNew puts the object of something new, on condition that nothing has its key, and gives its node the name. The
// kernel has just looked the name up and found nothing of another type there.
func (d *dir) makeNew(ctx context.Context, op, name string, mode uint32, body []byte, out *fuse.EntryOut) (
	*fusefs.Inode, syscall.Errno) {
	if d.fs.opts.ReadOnly {
		return nil, syscall.EROFS
	}
	path, unlock, errno := d.claim(name)
	if errno != 0 {
		return nil, errno
	}
	defer unlock()
	if f, ok := d.known(name).(*file); ok && f.busy() {
		return nil, syscall.EEXIST
	}
	asked := time.Now()
	e, errno := d.putNew(op, path, body, d.fs.born(ctx, mode))
	if errno != 0 {
		return nil, errno
	}
	e.Name = name
	n := d.fs.newNode(e, asked)
	if l, ok := n.(*symlink); ok {
		l.target = body
	}
	if !d.put(name, n, d.known(name)) {
		return nil, syscall.EEXIST
	}
	d.fs.fillEntry(n, path, out)
	return d.inode(ctx, n), 0
}

// putNew puts the object of something new.
func (d *dir) putNew(op, path string, body []byte, a attr) (metacache.Entry, syscall.Errno) {
	key, contentType := path, ""
	isDir := a.mode&syscall.S_IFMT == syscall.S_IFDIR
	if isDir {
		key, contentType = markerKey(path), markerType
	}
	meta := d.fs.newMetadata(a)
	info, err := d.fs.store.Put(d.fs.ctx, key, object.Bytes(body),
		object.PutOptions{Metadata: meta, ContentType: contentType, IfNoneMatch: true})
	if object.Is(err, object.KindExists, object.KindChanged) {
		d.fs.opts.Names.Forget(path)
		return metacache.Entry{}, syscall.EEXIST
	}
	if err != nil {
		return metacache.Entry{}, d.fs.errno(op, path, err)
	}
	if info.Metadata == nil {
		info.Metadata = meta
	}
	return metacache.Entry{Dir: isDir, Marker: isDir, Info: info}, 0
}
