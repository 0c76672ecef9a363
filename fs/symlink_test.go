package fs

import (
	"path"
	"strings"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/sentient-agi/sentientfs/internal/object/memstore"
)

func TestSymlinkPolicy(t *testing.T) {
	for _, c := range []struct {
		target string
		depth  int
		want   bool
	}{
		{"a", 0, true},
		{"a/b", 0, true},
		{"./a", 0, true},
		{"../a", 1, true},
		{"../a", 0, false},
		{"./../a", 1, true},
		{"../../a", 2, true},
		{"../../a", 1, false},
		{"..", 1, true},
		{"..", 0, false},
		{"a/..", 5, false},
		{"a/../b", 5, false},
		{"../a/../b", 5, false},
		{"a/./..", 5, false},
		{"/etc/passwd", 5, false},
		{"//a", 5, false},
		{"..//..//a", 2, true},
		{"..//..//a", 1, false},
		{"...", 0, true},
		{"..a", 0, true},
		{"a..", 0, true},
		{"", 5, false},
		{"..\x00", 0, false},
		{"a\x00/..", 5, false},
	} {
		if got := SymlinksInside.allows(c.target, c.depth); got != c.want {
			t.Errorf("inside, %q at depth %d: %v, want %v", c.target, c.depth, got, c.want)
		}
		if !SymlinksAll.allows(c.target, c.depth) || SymlinksNone.allows(c.target, c.depth) {
			t.Errorf("%q: all refuses it or none allows it", c.target)
		}
	}
	if SymlinkPolicy("").allows("/a", 0) {
		t.Error("a policy that nobody set allows an absolute target")
	}
}

// FuzzSymlinkInside: whatever is allowed stays inside, even if each name on the way is a link that was allowed too.
func FuzzSymlinkInside(f *testing.F) {
	f.Add("../a/b", uint8(1))
	f.Add("a/../../b", uint8(3))
	f.Fuzz(func(t *testing.T, target string, depth uint8) {
		if !SymlinksInside.allows(target, int(depth)) {
			return
		}
		at := "/root" + strings.Repeat("/d", int(depth))
		if got := path.Join(at, target); got != "/root" && !strings.HasPrefix(got, "/root/") {
			t.Errorf("%q at depth %d leads to %s", target, depth, got)
		}
		names := strings.TrimLeft(target, "./")
		for _, part := range strings.Split(names, "/") {
			if part == ".." {
				t.Errorf("%q at depth %d has .. behind a name", target, depth)
			}
		}
	})
}

func TestSymlinkIsStoredAsItIs(t *testing.T) {
	m := newMachine(t, memstore.New(memstore.Options{}), nil)
	sub := m.mkdir(m.root, "sub")
	for target, want := range map[string]syscall.Errno{"../f": 0, "/etc/passwd": syscall.EACCES, "../../f": syscall.EACCES} {
		in, errno := sub.Symlink(ctx, target, "l"+path.Base(target), &fuse.EntryOut{})
		m.want("symlink to "+target, errno, 0)
		got, errno := asNode(in).(*symlink).Readlink(ctx)
		m.want("readlink of "+target, errno, want)
		if errno == 0 && string(got) != target {
			t.Errorf("the link leads to %q, want %q", got, target)
		}
		m.want("unlink", sub.Unlink(ctx, "l"+path.Base(target)), 0)
	}
	put(t, m.bucket, "theirs", "sub/f", map[string]string{"mode": "41471"})
	l := m.lookup(m.root, "theirs").(*symlink)
	if got, errno := l.Readlink(ctx); errno != 0 || string(got) != "sub/f" {
		t.Errorf("another machine's link leads to %q, %v", got, errno)
	}
	put(t, m.bucket, "long", strings.Repeat("x", maxTarget+1), map[string]string{"mode": "41471"})
	_, errno := m.lookup(m.root, "long").(*symlink).Readlink(ctx)
	m.want("readlink of 4096 bytes", errno, syscall.ENAMETOOLONG)
}

// A socket is bound to its inode: new attributes must not give its name to another node.
func TestSpecialKeepsItsNode(t *testing.T) {
	m := newMachine(t, memstore.New(memstore.Options{}), nil)
	in, errno := m.root.Mknod(ctx, "sock", syscall.S_IFSOCK|0o600, 0, &fuse.EntryOut{})
	m.want("mknod", errno, 0)
	put(t, m.bucket, "sock", "", map[string]string{"mode": "49663"}) // chmod 0777 elsewhere
	m.opts.Names.Forget("sock")
	if n := m.lookup(m.root, "sock"); n != asNode(in) {
		t.Error("the socket got another node")
	}
	if got := asNode(in).base().attr.mode & 0o7777; got != 0o777 {
		t.Errorf("mode %o, want 777", got)
	}
	_, errno = m.root.Mknod(ctx, "dev", syscall.S_IFBLK|0o600, 1, &fuse.EntryOut{})
	m.want("mknod of a device", errno, syscall.EPERM)
}
