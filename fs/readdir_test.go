package fs

import (
	"fmt"
	"slices"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/sentient-agi/sentientfs/internal/object"
	"github.com/sentient-agi/sentientfs/internal/object/faultstore"
	"github.com/sentient-agi/sentientfs/internal/object/memstore"
)

func (m *machine) opendir(d *dir) *dirHandle {
	m.t.Helper()
	fh, _, errno := d.OpendirHandle(ctx, 0)
	m.want("opendir", errno, 0)
	h := fh.(*dirHandle)
	m.t.Cleanup(func() { h.Releasedir(ctx, 0) })
	return h
}

// entries reads to the end.
func (m *machine) entries(h *dirHandle) (list []fuse.DirEntry) {
	m.t.Helper()
	for {
		e, errno := h.Readdirent(ctx)
		m.want("readdir", errno, 0)
		if e == nil {
			return list
		}
		list = append(list, *e)
	}
}

func names(list []fuse.DirEntry) (out []string) {
	for _, e := range list {
		out = append(out, e.Name)
	}
	return out
}

func TestReaddir(t *testing.T) {
	m := newMachine(t, memstore.New(memstore.Options{}), nil)
	put(t, m.bucket, "b", "body", nil)
	put(t, m.bucket, "large", string(make([]byte, linkMax)), nil)
	put(t, m.bucket, "d/x", "", nil)
	put(t, m.bucket, "/odd", "", nil)
	m.write(m.root, "zz-unsent", "x")
	m.write(m.root, "a-unsent", "x")
	_, h := m.write(m.root, "stored", "x")
	m.want("close", h.Flush(ctx), 0)

	var list []fuse.DirEntry
	if n := m.requests(func() { list = m.entries(m.opendir(m.root)) }); n != 1 {
		t.Errorf("%d requests, want the LIST", n)
	}
	want := []string{".", "..", "b", "d", "large", "stored", "a-unsent", "zz-unsent"}
	if diff := cmp.Diff(want, names(list)); diff != "" {
		t.Error(diff)
	}
	for name, mode := range map[string]uint32{"b": 0, "d": syscall.S_IFDIR, "large": syscall.S_IFREG, "stored": syscall.S_IFREG} {
		i := slices.Index(names(list), name)
		if list[i].Mode != mode {
			t.Errorf("%s has type %o, want %o", name, list[i].Mode, mode)
		}
	}
}

func TestReaddirSeeks(t *testing.T) {
	m := newMachine(t, memstore.New(memstore.Options{}), nil)
	for i := range 2*dirBatch + 7 {
		put(t, m.bucket, fmt.Sprintf("f%04d", i), "", nil)
	}
	m.write(m.root, "f0003-unsent", "x")
	all := m.entries(m.opendir(m.root))
	if len(all) != 2*dirBatch+7+3 {
		t.Fatalf("%d entries", len(all))
	}
	h := m.opendir(m.root)
	for _, i := range []int{0, 1, len(all) - 1, 5, dirBatch + 1, len(all) - 2, dirBatch + 2, 2} {
		if errno := h.Seekdir(ctx, all[i].Off); errno != 0 {
			t.Fatal(errno)
		}
		rest := m.entries(h)
		if diff := cmp.Diff(names(all[i+1:]), names(rest)); diff != "" {
			t.Fatalf("behind entry %d:\n%s", i, diff)
		}
	}
}

// READDIRPLUS asks for the metadata of what it does not know, once.
func TestReaddirPlus(t *testing.T) {
	m := newMachine(t, memstore.New(memstore.Options{}), nil)
	put(t, m.bucket, "exec", "body", map[string]string{"mode": "33261"})
	put(t, m.bucket, "link", "exec", map[string]string{"mode": "41471"})
	put(t, m.bucket, "d/", "", map[string]string{"mode": "16832"})
	f, _ := m.write(m.root, "unsent", "12345")
	plus := func() map[string]fuse.Attr {
		h, got := m.opendir(m.root), map[string]fuse.Attr{}
		for {
			e, errno := h.Readdirent(ctx)
			m.want("readdir", errno, 0)
			if e == nil {
				return got
			}
			if e.Name == "." || e.Name == ".." {
				continue
			}
			var out fuse.EntryOut
			in, errno := h.Lookup(ctx, e.Name, &out)
			m.want("lookup of "+e.Name, errno, 0)
			if e.Name == "unsent" && asNode(in) != node(f) {
				t.Error("the unsent file has another node")
			}
			got[e.Name] = out.Attr
		}
	}
	if n := m.requests(func() { plus() }); n != 4 {
		t.Errorf("%d requests, want a LIST and three HEADs", n)
	}
	var got map[string]fuse.Attr
	if n := m.requests(func() { got = plus() }); n > 2 {
		t.Errorf("%d requests the second time, want a LIST and the marker's HEAD", n)
	}
	for name, mode := range map[string]uint32{"exec": 0o100755, "link": 0o120777, "d": 0o040700, "unsent": 0o100644} {
		if got[name].Mode != mode {
			t.Errorf("%s has mode %o, want %o", name, got[name].Mode, mode)
		}
	}
	if got["unsent"].Size != 5 {
		t.Errorf("the unsent file has size %d", got["unsent"].Size)
	}
}

// A listing that fails is an error, never a shorter one.
func TestReaddirFails(t *testing.T) {
	m := newMachine(t, memstore.New(memstore.Options{}), nil)
	for i := range 1500 {
		put(t, m.bucket, fmt.Sprintf("f%04d", i), "", nil)
	}
	m.wire.Add(faultstore.Rule{Op: faultstore.List, Skip: 1, Err: faultstore.Fail(object.KindDenied)})
	fh, _, errno := m.root.OpendirHandle(ctx, 0)
	m.want("opendir", errno, 0)
	h := fh.(*dirHandle)
	defer h.Releasedir(ctx, 0)
	for range 2000 {
		e, errno := h.Readdirent(ctx)
		if errno != 0 {
			m.want("readdir", errno, syscall.EACCES)
			return
		}
		if e == nil {
			t.Fatal("the listing ended")
		}
	}
}
