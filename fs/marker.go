package fs

import (
	"context"
	"strings"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// markerType is the Content-Type of markers, by which s3fs knows them too.
const markerType = "application/x-directory"

// markerObject is the key of d's marker: "path/", or the key without a slash that other tools wrote long ago.
func (d *dir) markerObject(path string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.marker && d.info.Key != "" && !strings.HasSuffix(d.info.Key, "/") {
		return path
	}
	return markerKey(path)
}

// keepMarker sees that d has a marker, before a child that may be its last one goes: a directory that is only a
// prefix of keys would go with it, and `rm d/*; touch d/x` would fail.
func (d *dir) keepMarker() syscall.Errno {
	path, named := d.path()
	if !named || path == "" {
		return 0
	}
	d.mu.Lock()
	has, a := d.marker, d.attr
	d.mu.Unlock()
	if has {
		return 0
	}
	info, err := d.fs.store.Put(d.fs.ctx, markerKey(path), object.Bytes(nil), object.PutOptions{
		Metadata: d.fs.newMetadata(a), ContentType: markerType, IfNoneMatch: true})
	if object.Is(err, object.KindExists, object.KindChanged) {
		d.mu.Lock()
		d.marker = true
		d.mu.Unlock()
		return 0
	}
	if err != nil {
		return d.fs.errno("keep directory", path, err)
	}
	d.marked(info, d.fs.newMetadata(a))
	return 0
}

// marked takes over the marker that was stored with meta.
func (d *dir) marked(info object.Info, meta map[string]string) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if info.Metadata == nil {
		info.Metadata = meta
	}
	d.info, d.marker, d.seen = info, true, now
	mtime := d.attr.mtime
	d.attr = d.fs.attrOf(info, true)
	if d.attr.mtime.IsZero() {
		d.attr.mtime = mtime
	}
	d.attr.ctime = now
}

// born returns the attributes of something new that is made by the caller of a request.
func (f *FS) born(ctx context.Context, mode uint32) attr {
	now := time.Now()
	a := attr{mode: mode, uid: f.opts.UID, gid: f.opts.GID, mtime: now, ctime: now}
	if c, ok := fuse.FromContext(ctx); ok && f.opts.PreserveOwner {
		a.uid, a.gid = c.Uid, c.Gid
	}
	return a
}

// newMetadata returns the metadata of a new object, nil where none is kept.
func (f *FS) newMetadata(a attr) map[string]string {
	if !f.opts.PosixMetadata {
		return nil
	}
	return withAttr(nil, a)
}
