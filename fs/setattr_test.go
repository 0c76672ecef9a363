package fs

import (
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hanwen/go-fuse/v2/fuse"
	"pgregory.net/rapid"

	"github.com/sentient-agi/sentientfs/internal/object"
	"github.com/sentient-agi/sentientfs/internal/object/faultstore"
	"github.com/sentient-agi/sentientfs/internal/object/memstore"
	"github.com/sentient-agi/sentientfs/internal/transfer"
)

func TestTimesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := time.Unix(rapid.Int64Range(-1<<40, 1<<40).Draw(t, "sec"), rapid.Int64Range(0, 1e9-1).Draw(t, "nsec"))
		got, ok := parseTime(formatTime(want))
		if !ok || !got.Equal(want) {
			t.Fatalf("%v became %v through %q", want, got, formatTime(want))
		}
	})
	for text, want := range map[string]time.Time{"1700000000": time.Unix(1700000000, 0), "1.5": time.Unix(1, 5e8),
		"1.000000001": time.Unix(1, 1), "1.1234567899": time.Unix(1, 123456789)} {
		if got, ok := parseTime(text); !ok || !got.Equal(want) {
			t.Errorf("%q is %v, %v; want %v", text, got, ok, want)
		}
	}
	for _, bad := range []string{"", "x", "1.x", ".5", "1e9", "1.-5"} {
		if got, ok := parseTime(bad); ok {
			t.Errorf("%q is %v", bad, got)
		}
	}
}

func TestAttrRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := &FS{opts: Options{PosixMetadata: true, PreserveOwner: true, FileMode: 0o644, DirMode: 0o755}}
		typ := rapid.SampledFrom([]uint32{syscall.S_IFREG, syscall.S_IFIFO, syscall.S_IFSOCK, syscall.S_IFDIR}).Draw(t, "type")
		want := attr{mode: typ | rapid.Uint32Range(0, 0o7777).Draw(t, "mode"), uid: rapid.Uint32().Draw(t, "uid"),
			gid: rapid.Uint32().Draw(t, "gid"), mtime: time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "s"), 5)}
		got := f.attrOf(object.Info{Metadata: withAttr(nil, want)}, typ == syscall.S_IFDIR)
		if got.mode != want.mode || got.uid != want.uid || got.gid != want.gid || !got.mtime.Equal(want.mtime) {
			t.Fatalf("%+v became %+v", want, got)
		}
	})
}

func chmod(mode uint32) *fuse.SetAttrIn {
	in := &fuse.SetAttrIn{}
	in.Valid, in.Mode = fuse.FATTR_MODE, mode
	return in
}

func utimes(t time.Time) *fuse.SetAttrIn {
	in := &fuse.SetAttrIn{}
	in.Valid, in.Mtime, in.Mtimensec = fuse.FATTR_MTIME|fuse.FATTR_ATIME, uint64(t.Unix()), uint32(t.Nanosecond())
	return in
}

func chown(uid, gid uint32) *fuse.SetAttrIn {
	in := &fuse.SetAttrIn{}
	in.Valid, in.Owner = fuse.FATTR_UID|fuse.FATTR_GID, fuse.Owner{Uid: uid, Gid: gid}
	return in
}

func TestSetattrOfStored(t *testing.T) {
	m := newMachine(t, memstore.New(memstore.Options{}), nil)
	put(t, m.bucket, "f", "body", map[string]string{"foreign": "stays", "uid": "33"})
	f := m.lookup(m.root, "f").(*file)
	var out fuse.AttrOut
	set := func(in *fuse.SetAttrIn) func() {
		return func() { m.want("setattr", f.Setattr(ctx, nil, in, &out), 0) }
	}
	if n := m.requests(set(chmod(0o644))); n != 0 {
		t.Errorf("a chmod to what is shown cost %d requests", n)
	}
	if n := m.requests(set(chown(1000, 1000))); n != 0 {
		t.Errorf("a chown to what is shown cost %d requests", n)
	}
	if n := m.requests(set(chmod(0o751))); n != 1 || out.Mode != 0o100751 || out.Ino != f.StableAttr().Ino {
		t.Errorf("chmod: %d requests, mode %o, inode %d", n, out.Mode, out.Ino)
	}
	when := time.Unix(1700000000, 123456789)
	set(utimes(when))()
	set(chown(7, 1000))()
	if out.Uid != 1000 {
		t.Errorf("it shows the owner %d", out.Uid)
	}
	info, err := m.bucket.Head(ctx, "f")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"foreign": "stays", "uid": "7", "gid": "1000", "mode": "33257", "mtime": "1700000000.123456789"}
	if diff := cmp.Diff(want, info.Metadata); diff != "" {
		t.Error(diff)
	}
	if n := m.requests(set(utimes(when))); n != 0 {
		t.Errorf("the same time cost %d requests", n)
	}
	if m.lookup(m.root, "f") != node(f) {
		t.Error("the file got another node")
	}
}

// What another machine made meanwhile is not touched: ESTALE, and the kernel looks it up.
func TestSetattrMeetsOthers(t *testing.T) {
	m := newMachine(t, memstore.New(memstore.Options{}), nil)
	put(t, m.bucket, "f", "mine", nil)
	f := m.lookup(m.root, "f").(*file)
	put(t, m.bucket, "f", "theirs", map[string]string{"mode": "33261"})
	var out fuse.AttrOut
	m.want("chmod", f.Setattr(ctx, nil, chmod(0o600), &out), syscall.ESTALE)
	if info, err := m.bucket.Head(ctx, "f"); err != nil || info.Metadata["mode"] != "33261" {
		t.Errorf("the object has %v, %v", info.Metadata, err)
	}
	if m.lookup(m.root, "f") == node(f) {
		t.Error("the new version has the old node")
	}

	// A chmod of another machine is not undone by a touch here.
	g := put(t, m.bucket, "g", "same", map[string]string{"mode": "33188"})
	n := m.lookup(m.root, "g").(*file)
	m.wire.Add(faultstore.Rule{Op: faultstore.Copy, Times: 1, Err: faultstore.Fail(object.KindChanged)})
	put(t, m.bucket, "g", "same", map[string]string{"mode": "33261"})
	m.want("utimes", n.Setattr(ctx, nil, utimes(time.Unix(5, 0)), &out), 0)
	if info, err := m.bucket.Head(ctx, "g"); err != nil || !info.SameContent(g) || info.Metadata["mode"] != "33261" || info.Metadata["mtime"] != "5" {
		t.Errorf("the object has %v, %v", info.Metadata, err)
	}
}

func TestSetattrOfUnsent(t *testing.T) {
	m := newMachine(t, memstore.New(memstore.Options{}), nil)
	f, h := m.write(m.root, "f", "body")
	var out fuse.AttrOut
	n := m.requests(func() {
		m.want("chmod", f.Setattr(ctx, h, chmod(0o751), &out), 0)
		m.want("chown", f.Setattr(ctx, h, chown(7, 8), &out), 0)
		m.want("utimes", f.Setattr(ctx, h, utimes(time.Unix(9, 0)), &out), 0)
		m.want("close", h.Flush(ctx), 0)
	})
	if n != 1 {
		t.Errorf("%d requests, want the PUT", n)
	}
	info, err := m.bucket.Head(ctx, "f")
	delete(info.Metadata, transfer.MetaWrite)
	want := map[string]string{"uid": "7", "gid": "8", "mode": "33257", "mtime": "9"}
	if err != nil || cmp.Diff(want, info.Metadata) != "" {
		t.Errorf("%s %v", cmp.Diff(want, info.Metadata), err)
	}
}

func TestSetattrOfDirectory(t *testing.T) {
	m := newMachine(t, memstore.New(memstore.Options{}), nil)
	put(t, m.bucket, "d/f", "", nil)
	d := m.lookup(m.root, "d").(*dir)
	var out fuse.AttrOut
	m.want("chmod without marker", d.Setattr(ctx, nil, chmod(0o700), &out), 0)
	m.want("chmod with marker", d.Setattr(ctx, nil, chmod(0o1770), &out), 0)
	if out.Mode != 0o041770 {
		t.Errorf("mode %o", out.Mode)
	}
	if info, err := m.bucket.Head(ctx, "d/"); err != nil || info.Metadata["mode"] != "17400" {
		t.Errorf("the marker has %v, %v", info.Metadata, err)
	}
	m.want("times of the root", m.root.Setattr(ctx, nil, utimes(time.Unix(5, 0)), &out), 0)
	m.want("mode of the root", m.root.Setattr(ctx, nil, chmod(0o700), &out), syscall.EPERM)
	m.want("same mode of the root", m.root.Setattr(ctx, nil, chmod(0o755), &out), 0)
	if out.Mtime != 5 {
		t.Errorf("the root's time is %d", out.Mtime)
	}
}

// Without metadata a change is refused rather than forgotten, and touch works.
func TestSetattrWithoutMetadata(t *testing.T) {
	now := time.Unix(1000, 0)
	bucket := memstore.New(memstore.Options{Now: func() time.Time { return now }})
	m := newMachine(t, bucket, func(o *Options) { o.PosixMetadata = false })
	put(t, m.bucket, "f", "body", map[string]string{"foreign": "stays"})
	f := m.lookup(m.root, "f").(*file)
	var out fuse.AttrOut
	m.want("chmod to what is shown", f.Setattr(ctx, nil, chmod(0o644), &out), 0)
	m.want("chmod", f.Setattr(ctx, nil, chmod(0o600), &out), syscall.EOPNOTSUPP)
	m.want("chown", f.Setattr(ctx, nil, chown(0, 0), &out), syscall.EOPNOTSUPP)
	m.want("utimes", f.Setattr(ctx, nil, utimes(time.Unix(5, 0)), &out), syscall.EOPNOTSUPP)
	now = time.Unix(2000, 0)
	touch := &fuse.SetAttrIn{}
	touch.Valid = fuse.FATTR_MTIME | fuse.FATTR_MTIME_NOW
	m.want("touch", f.Setattr(ctx, nil, touch, &out), 0)
	info, err := m.bucket.Head(ctx, "f")
	if err != nil || cmp.Diff(map[string]string{"foreign": "stays"}, info.Metadata) != "" || out.Mtime != 2000 {
		t.Errorf("after touch: time %d, %v, %v", out.Mtime, info.Metadata, err)
	}
	_, errno := m.root.Symlink(ctx, "f", "l", &fuse.EntryOut{})
	m.want("symlink", errno, syscall.EOPNOTSUPP)
}
