package fs

import (
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/sentient-agi/sentientfs/internal/object"
	"github.com/sentient-agi/sentientfs/internal/object/memstore"
)

// A directory that another machine removed is not an empty one, though the kernel still has its name.
func TestOpendirOfARemovedDirectory(t *testing.T) {
	bucket := memstore.New(memstore.Options{})
	m := newMachine(t, bucket, nil)
	in, errno := m.root.Mkdir(ctx, "d", 0o755, &fuse.EntryOut{})
	m.want("mkdir", errno, 0)
	m.root.AddChild("d", in, true)
	d := asNode(in).(*dir)
	h, _, errno := d.OpendirHandle(ctx, 0)
	m.want("opendir of an empty directory", errno, 0)
	h.(*dirHandle).Releasedir(ctx, 0)
	if err := bucket.Delete(ctx, "d/", object.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	_, _, errno = d.OpendirHandle(ctx, 0)
	m.want("opendir of a removed one", errno, syscall.ESTALE)
}
