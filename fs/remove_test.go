package fs

import (
	"context"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/sentient-agi/sentientfs/internal/object"
	"github.com/sentient-agi/sentientfs/internal/object/faultstore"
	"github.com/sentient-agi/sentientfs/internal/object/memstore"
)

// beforeDelete lets another machine write to "a" just before the machine's request arrives.
func beforeDelete(t *testing.T, m *machine) func(context.Context) error {
	return func(context.Context) error {
		put(t, m.bucket, "a", "theirs", nil)
		return nil
	}
}

func TestUnlinkKeepsTheDirectory(t *testing.T) {
	m := newMachine(t, memstore.New(memstore.Options{}), nil)
	put(t, m.bucket, "d/f", "1", nil)
	put(t, m.bucket, "d/g", "2", nil)
	d := m.lookup(m.root, "d").(*dir)
	m.lookup(d, "f")
	m.lookup(d, "g")
	m.want("unlink", d.Unlink(ctx, "f"), 0)
	if n := m.requests(func() { m.want("unlink of the last", d.Unlink(ctx, "g"), 0) }); n != 1 {
		t.Errorf("%d requests, want the delete", n)
	}
	if diff := cmp.Diff(map[string]string{"d/": ""}, contents(t, m.bucket)); diff != "" {
		t.Error(diff)
	}
	m.want("unlink again", d.Unlink(ctx, "g"), syscall.ENOENT)
	m.want("unlink of a directory", m.root.Unlink(ctx, "d"), syscall.EISDIR)
	m.want("rmdir", m.root.Rmdir(ctx, "d"), 0)
	if got := contents(t, m.bucket); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
	_, errno := m.root.Lookup(ctx, "d", &fuse.EntryOut{})
	m.want("lookup", errno, syscall.ENOENT)
}

func TestUnlinkOpenFile(t *testing.T) {
	m := newMachine(t, memstore.New(memstore.Options{}), nil)
	put(t, m.bucket, "f", "still here", nil)
	f := m.lookup(m.root, "f").(*file)
	fh, _, errno := f.Open(ctx, syscall.O_RDONLY)
	m.want("open", errno, 0)
	m.want("unlink", m.root.Unlink(ctx, "f"), 0)
	if got := m.read(fh.(*handle)); got != "still here" {
		t.Errorf("read %q", got)
	}
	in := &fuse.SetAttrIn{}
	in.Valid, in.Mode = fuse.FATTR_MODE, 0o600
	var out fuse.AttrOut
	if n := m.requests(func() { m.want("fchmod", f.Setattr(ctx, nil, in, &out), 0) }); n != 0 || out.Mode&0o777 != 0o600 || out.Nlink != 0 {
		t.Errorf("fchmod: %d requests, mode %o, %d links", n, out.Mode, out.Nlink)
	}
}

// A file that was never stored goes without a request, and its bytes are not stored later.
func TestUnlinkUnsent(t *testing.T) {
	m := newMachine(t, memstore.New(memstore.Options{}), nil)
	_, h := m.write(m.root, "f", "unsent")
	n := m.requests(func() {
		m.want("unlink", m.root.Unlink(ctx, "f"), 0)
		m.want("close", h.Flush(ctx), 0)
		h.Release(ctx)
	})
	if n != 0 || len(contents(t, m.bucket)) != 0 || len(m.opts.Content.Records()) != 0 {
		t.Errorf("%d requests, bucket %v, journal %v", n, contents(t, m.bucket), m.opts.Content.Records())
	}
	if files, _ := m.Pending(); files != 0 {
		t.Errorf("%d files pending", files)
	}
}

// rm removes what is there, also when it just changed.
func TestUnlinkOfWhatChanged(t *testing.T) {
	m := newMachine(t, memstore.New(memstore.Options{}), nil)
	put(t, m.bucket, "a", "mine", nil)
	m.lookup(m.root, "a")
	m.wire.Add(faultstore.Rule{Op: faultstore.Delete, Times: 1, Before: beforeDelete(t, m)})
	m.want("unlink", m.root.Unlink(ctx, "a"), 0)
	if got := contents(t, m.bucket); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
}

// A request that fails leaves the file where it is.
func TestUnlinkFails(t *testing.T) {
	m := newMachine(t, memstore.New(memstore.Options{}), nil)
	f, h := m.write(m.root, "f", "one")
	m.want("close", h.Flush(ctx), 0)
	_, errno := h.Write(ctx, []byte("two"), 3)
	m.want("write", errno, 0)
	m.wire.Add(faultstore.Rule{Op: faultstore.Delete, Times: 1, Err: faultstore.Fail(object.KindDenied)})
	m.want("unlink", m.root.Unlink(ctx, "f"), syscall.EACCES)
	m.want("close", h.Flush(ctx), 0)
	if got := contents(t, m.bucket)["f"]; got != "onetwo" || m.lookup(m.root, "f") != node(f) {
		t.Errorf("f is %q", got)
	}
}

func TestRmdir(t *testing.T) {
	m := newMachine(t, memstore.New(memstore.Options{}), nil)
	d := m.mkdir(m.root, "d")
	_, h := m.write(d, "f", "unsent")
	m.want("rmdir with an unsent file", m.root.Rmdir(ctx, "d"), syscall.ENOTEMPTY)
	m.want("close", h.Flush(ctx), 0)
	m.want("rmdir with a file", m.root.Rmdir(ctx, "d"), syscall.ENOTEMPTY)
	m.want("unlink", d.Unlink(ctx, "f"), 0)
	put(t, m.bucket, "d/theirs", "", nil)
	m.want("rmdir with another machine's file", m.root.Rmdir(ctx, "d"), syscall.ENOTEMPTY)
	if err := m.bucket.Delete(ctx, "d/theirs", object.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	m.want("rmdir", m.root.Rmdir(ctx, "d"), 0)
	m.want("rmdir of nothing", m.root.Rmdir(ctx, "d"), syscall.ENOENT)
	put(t, m.bucket, "file", "", nil)
	m.want("rmdir of a file", m.root.Rmdir(ctx, "file"), syscall.ENOTDIR)
}

func TestMkdirIsHonest(t *testing.T) {
	m := newMachine(t, memstore.New(memstore.Options{}), nil)
	if n := m.requests(func() { m.mkdir(m.root, "d") }); n != 1 {
		t.Errorf("%d requests, want the PUT", n)
	}
	put(t, m.bucket, "theirs/", "", nil)
	_, errno := m.root.Mkdir(ctx, "theirs", 0o755, &fuse.EntryOut{})
	m.want("mkdir", errno, syscall.EEXIST)
	_, errno = m.root.Symlink(ctx, "x", "d/e", &fuse.EntryOut{})
	m.want("a name with a slash", errno, syscall.EINVAL)
	info, err := m.bucket.Head(ctx, "d/")
	if err != nil || info.Metadata[metaMode] != "16877" || info.Metadata[metaUID] != "1000" {
		t.Errorf("the marker has %v, %v", info.Metadata, err)
	}
}
