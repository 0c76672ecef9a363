package fs

import (
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/sentient-agi/sentientfs/internal/object"
	"github.com/sentient-agi/sentientfs/internal/object/faultstore"
	"github.com/sentient-agi/sentientfs/internal/object/memstore"
)

// A directory that the kernel forgot comes back with what is not stored below it.
func TestForgottenDirectoryKeepsUnsentFiles(t *testing.T) {
	m := newMachine(t, memstore.New(memstore.Options{}), nil)
	in, errno := m.root.Mkdir(ctx, "d", 0o755, &fuse.EntryOut{})
	m.want("mkdir", errno, 0)
	m.root.AddChild("d", in, true)
	d := asNode(in).(*dir)
	f, h := m.write(d, "f", "unsent")
	m.wire.Add(faultstore.Rule{Op: faultstore.Put, Times: 1, Err: faultstore.Fail(object.KindDenied)})
	if errno := h.Flush(ctx); errno == 0 {
		t.Fatal("the close did not fail")
	}
	d.RmChild("f")
	f.OnForget()
	m.root.RmChild("d")
	d.OnForget()
	if m.lookup(m.root, "d") != node(d) || m.lookup(d, "f") != node(f) {
		t.Error("the file with unsent bytes is not found")
	}
	f.OnForget()
	d.OnForget()
	m.want("close", h.Flush(ctx), 0) // stored now, and forgotten with its directory
	m.tree.Lock()
	defer m.tree.Unlock()
	if len(d.kids) != 0 || len(m.root.kids) != 0 {
		t.Errorf("kept: %v, %v", d.kids, m.root.kids)
	}
}
