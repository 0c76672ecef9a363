package fs

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
)

const (
	// userSpace is the one namespace that is kept.
	userSpace = "user."
	// etagAttr tells the version of the object, as goofys does. It is not in the list, since cp -a and rsync -X would
	// try to set it elsewhere.
	etagAttr = "s3.etag"

	// The flags of setxattr(2).
	xattrCreate  = 1
	xattrReplace = 2
)

var (
	_ fusefs.NodeGetxattrer    = (*file)(nil)
	_ fusefs.NodeSetxattrer    = (*file)(nil)
	_ fusefs.NodeRemovexattrer = (*file)(nil)
	_ fusefs.NodeListxattrer   = (*file)(nil)
	_ fusefs.NodeGetxattrer    = (*dir)(nil)
	_ fusefs.NodeSetxattrer    = (*dir)(nil)
	_ fusefs.NodeRemovexattrer = (*dir)(nil)
	_ fusefs.NodeListxattrer   = (*dir)(nil)
)

// An xattrSet are the extended attributes of one object by name, with their namespace.
type xattrSet map[string][]byte

// decodeXattrs reads what s3fs keeps under the metadata key "xattr": a percent-encoded JSON object of names and
// base64 (s3fs-fuse, src/s3fs.cpp, build_xattrs). ok is false for anything else, which must then not be written over.
func decodeXattrs(s string) (set xattrSet, ok bool) {
	set = xattrSet{}
	if s == "" {
		return set, true
	}
	plain, err := url.PathUnescape(s)
	if err != nil {
		return nil, false
	}
	if err := json.Unmarshal([]byte(plain), &set); err != nil || set == nil {
		return nil, false
	}
	return set, true
}

// encode writes the set as s3fs does, byte for byte where it can: its reader does not know JSON's escapes.
func (x xattrSet) encode() string {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, name := range slices.Sorted(maps.Keys(x)) {
		if i > 0 {
			b.WriteByte(',')
		}
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(name) // a string and a Buffer never fail
		b.Truncate(b.Len() - 1)
		b.WriteString(`:"` + base64.StdEncoding.EncodeToString(x[name]) + `"`)
	}
	b.WriteByte('}')
	return percentEncode(b.String())
}

// percentEncode leaves what s3fs leaves: letters, digits and "/.-_~".
func percentEncode(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("/.-_~", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteString(string([]byte{'%', hex[c>>4], hex[c&15]}))
		}
	}
	return b.String()
}

// Getxattr is getxattr(2).
func (f *file) Getxattr(_ context.Context, name string, dest []byte) (uint32, syscall.Errno) {
	return f.fs.getxattr(f, name, dest)
}

// Setxattr is setxattr(2).
func (f *file) Setxattr(_ context.Context, name string, value []byte, flags uint32) syscall.Errno {
	return f.fs.setxattr(f, name, value, flags)
}

// Removexattr is removexattr(2).
func (f *file) Removexattr(_ context.Context, name string) syscall.Errno {
	return f.fs.removexattr(f, name)
}

// Listxattr is listxattr(2).
func (f *file) Listxattr(_ context.Context, dest []byte) (uint32, syscall.Errno) {
	return f.fs.listxattr(f, dest)
}

// Getxattr is getxattr(2).
func (d *dir) Getxattr(_ context.Context, name string, dest []byte) (uint32, syscall.Errno) {
	return d.fs.getxattr(d, name, dest)
}

// Setxattr is setxattr(2).
func (d *dir) Setxattr(_ context.Context, name string, value []byte, flags uint32) syscall.Errno {
	return d.fs.setxattr(d, name, value, flags)
}

// Removexattr is removexattr(2).
func (d *dir) Removexattr(_ context.Context, name string) syscall.Errno {
	return d.fs.removexattr(d, name)
}

// Listxattr is listxattr(2).
func (d *dir) Listxattr(_ context.Context, dest []byte) (uint32, syscall.Errno) {
	return d.fs.listxattr(d, dest)
}

// unkept answers for names that are not kept: security attributes are asked for all the time and never there.
func unkept(name string) syscall.Errno {
	if strings.HasPrefix(name, "security.") {
		return syscall.ENODATA
	}
	return syscall.EOPNOTSUPP
}

func (f *FS) getxattr(n node, name string, dest []byte) (uint32, syscall.Errno) {
	if name == etagAttr {
		info, stored := storedInfo(n)
		if !stored || info.ETag == "" {
			return 0, syscall.ENODATA
		}
		return give([]byte(info.ETag), dest)
	}
	if !strings.HasPrefix(name, userSpace) {
		return 0, unkept(name)
	}
	set, errno := f.xattrs(n)
	if errno != 0 {
		return 0, errno
	}
	value, ok := set[name]
	if !ok {
		return 0, syscall.ENODATA
	}
	return give(value, dest)
}

func (f *FS) listxattr(n node, dest []byte) (uint32, syscall.Errno) {
	set, errno := f.xattrs(n)
	if errno != 0 {
		return 0, errno
	}
	var b []byte
	for _, name := range slices.Sorted(maps.Keys(set)) {
		if strings.HasPrefix(name, userSpace) {
			b = append(append(b, name...), 0)
		}
	}
	return give(b, dest)
}

// give copies an answer. For one that does not fit it tells the size, which the kernel's question without room wants.
func give(answer, dest []byte) (uint32, syscall.Errno) {
	if len(dest) < len(answer) {
		return uint32(len(answer)), syscall.ERANGE
	}
	return uint32(copy(dest, answer)), 0
}

// xattrs returns what is stored, asked for where it is not known. What nobody can read counts as nothing.
func (f *FS) xattrs(n node) (xattrSet, syscall.Errno) {
	if !f.opts.PosixMetadata {
		return nil, 0
	}
	e := n.base()
	path, _ := e.path()
	e.mu.Lock()
	meta, known := e.info.Metadata, e.info.Metadata != nil || !hasObject(n) || path == ""
	if r, ok := n.(*file); ok && r.fresh {
		known = true
	}
	e.mu.Unlock()
	if !known {
		asked := time.Now()
		found, err := f.opts.Names.Lookup(f.ctx, path, true)
		if err != nil {
			return nil, f.errno("getxattr", path, err)
		}
		if !f.stands(n, path, found, asked) {
			return nil, syscall.ESTALE
		}
		meta = found.Info.Metadata
	}
	set, _ := decodeXattrs(meta[metaXattr])
	return set, 0
}

// setxattr sets one attribute, with the metadata of the object as a whole.
func (f *FS) setxattr(n node, name string, value []byte, flags uint32) syscall.Errno {
	if errno := f.settable(name); errno != 0 {
		return errno
	}
	value = bytes.Clone(value) // the kernel's buffer is used again
	return f.changeXattrs(n, func(set xattrSet) (bool, syscall.Errno) {
		old, there := set[name]
		switch {
		case there && flags&xattrCreate != 0:
			return false, syscall.EEXIST
		case !there && flags&xattrReplace != 0:
			return false, syscall.ENODATA
		case there && bytes.Equal(old, value):
			return false, 0
		}
		set[name] = value
		return true, 0
	})
}

func (f *FS) removexattr(n node, name string) syscall.Errno {
	if !strings.HasPrefix(name, userSpace) {
		return unkept(name)
	}
	return f.changeXattrs(n, func(set xattrSet) (bool, syscall.Errno) {
		if _, there := set[name]; !there {
			return false, syscall.ENODATA
		}
		delete(set, name)
		return true, 0
	})
}

// settable refuses names that cannot be kept.
func (f *FS) settable(name string) syscall.Errno {
	switch {
	case !strings.HasPrefix(name, userSpace) || !f.opts.PosixMetadata:
		return syscall.EOPNOTSUPP
	case name == userSpace || !utf8.ValidString(name): // JSON has no bytes
		return syscall.EINVAL
	}
	return 0
}

func (f *FS) changeXattrs(n node, change func(xattrSet) (bool, syscall.Errno)) syscall.Errno {
	return f.changeMetadata("setxattr", n, func(meta map[string]string, _ *attr) (bool, syscall.Errno) {
		set, ok := decodeXattrs(meta[metaXattr])
		if !ok {
			return false, syscall.EIO
		}
		changed, errno := change(set)
		if !changed || errno != 0 {
			return false, errno
		}
		if len(set) == 0 {
			delete(meta, metaXattr)
		} else {
			meta[metaXattr] = set.encode()
		}
		return true, 0
	})
}
