package fs

import (
	"testing"

	"github.com/sentient-agi/sentientfs/internal/object/memstore"
)

// A file that is stored between the listing and its end is in the directory all the same.
func TestReaddirWhileAFileIsStored(t *testing.T) {
	m := newMachine(t, memstore.New(memstore.Options{}), nil)
	_, h := m.write(m.root, "f", "text")
	dh, _, errno := m.root.OpendirHandle(ctx, 0)
	m.want("opendir", errno, 0)
	d := dh.(*dirHandle)
	defer d.Releasedir(ctx, 0)
	for range 2 { // "." and "..": the listing is taken when the first name is wanted
		_, errno := d.Readdirent(ctx)
		m.want("readdir", errno, 0)
	}
	if _, err := d.listing.Read(ctx, 0, 1); err == nil {
		t.Fatal("the file is in the listing before it is stored")
	}
	m.want("close", h.Flush(ctx), 0)
	h.Release(ctx)
	e, errno := d.Readdirent(ctx)
	m.want("readdir", errno, 0)
	if e == nil || e.Name != "f" {
		t.Errorf("the directory has %v, want f", e)
	}
}
