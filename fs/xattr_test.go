package fs

import (
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sentient-agi/sentientfs/internal/object/memstore"
)

// What s3fs writes for user.test=hello and user.a=<empty>: build_xattrs makes the text, urlEncode escapes it.
const fromS3fs = "%7B%22user.a%22%3A%22%22%2C%22user.test%22%3A%22aGVsbG8%3D%22%7D"

func TestXattrsAreThoseOfS3fs(t *testing.T) {
	want := xattrSet{"user.test": []byte("hello"), "user.a": {}}
	got, ok := decodeXattrs(fromS3fs)
	if !ok || cmp.Diff(want, got) != "" {
		t.Errorf("decoded %v, %v: %s", got, ok, cmp.Diff(want, got))
	}
	if got := want.encode(); got != fromS3fs {
		t.Errorf("encoded\n%s, want\n%s", got, fromS3fs)
	}
	for _, bad := range []string{"%", "%7B", "null", "[]", `{"user.a":"!"}`, `{"user.a":1}`} {
		if set, ok := decodeXattrs(bad); ok {
			t.Errorf("decoded %q as %v", bad, set)
		}
	}
}

func TestXattrsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := xattrSet(rapid.MapOf(rapid.String(), rapid.SliceOf(rapid.Byte())).Draw(t, "set"))
		text := want.encode()
		for _, c := range []byte(text) {
			if c <= ' ' || c > '~' {
				t.Fatalf("%q is not for a header", text)
			}
		}
		got, ok := decodeXattrs(text)
		if !ok || cmp.Diff(map[string][]byte(want), map[string][]byte(got)) != "" {
			t.Fatalf("%v became %v", want, got)
		}
	})
}

func FuzzDecodeXattrs(f *testing.F) {
	f.Add(fromS3fs)
	f.Fuzz(func(t *testing.T, s string) {
		set, ok := decodeXattrs(s)
		if !ok {
			return
		}
		again, ok := decodeXattrs(set.encode())
		if !ok || len(again) != len(set) {
			t.Errorf("%q became %v and then %v", s, set, again)
		}
	})
}

func TestXattrs(t *testing.T) {
	m := newMachine(t, memstore.New(memstore.Options{}), nil)
	put(t, m.bucket, "f", "body", map[string]string{"foreign": "stays"})
	f := m.lookup(m.root, "f").(*file)
	buf := make([]byte, 4096)

	_, errno := f.Getxattr(ctx, "user.a", buf)
	m.want("get of none", errno, syscall.ENODATA)
	m.want("set", f.Setxattr(ctx, "user.a", []byte("one"), 0), 0)
	m.want("set with create", f.Setxattr(ctx, "user.a", nil, xattrCreate), syscall.EEXIST)
	m.want("set with replace", f.Setxattr(ctx, "user.b", nil, xattrReplace), syscall.ENODATA)
	m.want("set of another", f.Setxattr(ctx, "user.b", []byte("two"), xattrCreate), 0)
	if n := m.requests(func() { m.want("set of the same", f.Setxattr(ctx, "user.b", []byte("two"), 0), 0) }); n != 0 {
		t.Errorf("setting what is there cost %d requests", n)
	}
	n, errno := f.Getxattr(ctx, "user.a", buf)
	m.want("get", errno, 0)
	if string(buf[:n]) != "one" {
		t.Errorf("got %q", buf[:n])
	}
	n, errno = f.Getxattr(ctx, "user.a", nil)
	if n != 3 || errno != syscall.ERANGE {
		t.Errorf("get without room: %d, %v", n, errno)
	}
	n, errno = f.Listxattr(ctx, buf)
	m.want("list", errno, 0)
	if got := string(buf[:n]); got != "user.a\x00user.b\x00" {
		t.Errorf("list %q", got)
	}
	m.want("remove", f.Removexattr(ctx, "user.b"), 0)
	m.want("remove again", f.Removexattr(ctx, "user.b"), syscall.ENODATA)
	m.want("too much", f.Setxattr(ctx, "user.big", make([]byte, 2048), 0), syscall.ENOSPC)
	m.want("other namespace", f.Setxattr(ctx, "trusted.a", nil, 0), syscall.EOPNOTSUPP)
	_, errno = f.Getxattr(ctx, "security.capability", buf)
	m.want("capabilities", errno, syscall.ENODATA)
	m.want("no text", f.Setxattr(ctx, "user.\xff", nil, 0), syscall.EINVAL)

	info, err := m.bucket.Head(ctx, "f")
	if err != nil {
		t.Fatal(err)
	}
	if info.Metadata["foreign"] != "stays" || !strings.Contains(info.Metadata[metaXattr], "user.a") || info.Metadata[metaMtime] == "" {
		t.Errorf("the object has %v", info.Metadata)
	}
	n, _ = f.Getxattr(ctx, etagAttr, buf)
	if string(buf[:n]) != info.ETag {
		t.Errorf("s3.etag is %q, want %q", buf[:n], info.ETag)
	}
}

// On a file with unsent bytes an attribute rides the PUT.
func TestXattrRidesThePut(t *testing.T) {
	m := newMachine(t, memstore.New(memstore.Options{}), nil)
	f, h := m.write(m.root, "f", "body")
	n := m.requests(func() {
		m.want("set", f.Setxattr(ctx, "user.a", []byte("1"), 0), 0)
		m.want("close", h.Flush(ctx), 0)
	})
	if n != 1 {
		t.Errorf("%d requests, want the PUT", n)
	}
	info, err := m.bucket.Head(ctx, "f")
	if err != nil || info.Metadata[metaXattr] != (xattrSet{"user.a": []byte("1")}).encode() {
		t.Errorf("the object has %v, %v", info.Metadata, err)
	}
}
