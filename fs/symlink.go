package fs

import (
	"context"
	"io"
	"strings"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// A symlink is a symbolic link: an object whose metadata says so and whose body is the target.
type symlink struct {
	entry
	target []byte // guarded by entry.mu; nil until read
}

var (
	_ fusefs.NodeGetattrer   = (*symlink)(nil)
	_ fusefs.NodeOnForgetter = (*symlink)(nil)
	_ fusefs.NodeReadlinker  = (*symlink)(nil)
	_ fusefs.NodeSymlinker   = (*dir)(nil)
)

// SymlinkPolicy says which links are followed (promise P9).
type SymlinkPolicy string

// The policies: what a sandbox wrote may only point to what lies in the mount, to anything, or nowhere.
const (
	SymlinksInside SymlinkPolicy = "inside"
	SymlinksAll    SymlinkPolicy = "all"
	SymlinksNone   SymlinkPolicy = "none"
)

// maxTarget is the longest target in bytes: a page with the zero at its end (Linux, PATH_MAX).
const maxTarget = 4095

// allows tells whether a link that lies depth folders below the root of the mount may be followed to target. Under
// SymlinksInside it may not if the target is absolute, has ".." behind a name, as the name may be another link that
// leads anywhere, or begins with more ".." than there are folders. A zero byte ends the target for the kernel, so that
// it would follow something else than what was looked at.
func (p SymlinkPolicy) allows(target string, depth int) bool {
	switch p {
	case SymlinksAll:
		return true
	case SymlinksNone:
		return false
	}
	if target == "" || target[0] == '/' || strings.ContainsRune(target, 0) {
		return false
	}
	ups, named := 0, false
	for part := range strings.SplitSeq(target, "/") {
		switch part {
		case "", ".":
		case "..":
			if ups++; named || ups > depth {
				return false
			}
		default:
			named = true
		}
	}
	return true
}

// Symlink makes a symbolic link. Its target is stored as it is; whether it is followed is decided where it is read.
func (d *dir) Symlink(ctx context.Context, target, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	if !d.fs.opts.PosixMetadata {
		return nil, syscall.EOPNOTSUPP // there is no place to say that it is a link
	}
	if len(target) > maxTarget {
		return nil, syscall.ENAMETOOLONG
	}
	return d.makeNew(ctx, "symlink", name, syscall.S_IFLNK|0o777, []byte(target), out)
}

// Readlink tells the target, if the policy lets it be followed: EACCES if not.
func (s *symlink) Readlink(context.Context) ([]byte, syscall.Errno) {
	path, _ := s.path()
	target, errno := s.read(path)
	if errno != 0 {
		return nil, errno
	}
	if !s.fs.opts.Symlinks.allows(string(target), strings.Count(path, "/")) {
		s.log().Debug("link not followed", "path", path, "policy", s.fs.opts.Symlinks)
		return nil, syscall.EACCES
	}
	return target, 0
}

// read returns the body of the version that the node stands for.
func (s *symlink) read(path string) ([]byte, syscall.Errno) {
	s.mu.Lock()
	target, info := s.target, s.info
	s.mu.Unlock()
	if target != nil {
		return target, 0
	}
	if info.Size > maxTarget {
		return nil, syscall.ENAMETOOLONG
	}
	body, err := s.fs.store.Get(s.fs.ctx, path, object.GetOptions{IfMatch: info.ETag})
	if object.Is(err, object.KindNotFound) {
		return nil, syscall.ESTALE
	}
	if err != nil {
		return nil, s.fs.errno("readlink", path, err)
	}
	defer body.Close()
	target, err = io.ReadAll(io.LimitReader(body, maxTarget+1))
	if err != nil {
		return nil, s.fs.errno("readlink", path, err)
	}
	if len(target) > maxTarget {
		return nil, syscall.ENAMETOOLONG
	}
	s.mu.Lock()
	if s.info.SameContent(info) {
		s.target = target
	}
	s.mu.Unlock()
	return target, 0
}

// Getattr tells the attributes; see entry.getattr.
func (s *symlink) Getattr(_ context.Context, _ fusefs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	return s.getattr(s, out)
}

// OnForget drops the node from its parent: the kernel does not know it any more.
func (s *symlink) OnForget() { forgotten(s, true) }

// getattr answers GETATTR for n, a symlink or special: asked again when it is older than its time-out, ESTALE if
// something else has the name now.
func (e *entry) getattr(n node, out *fuse.AttrOut) syscall.Errno {
	path, named := e.path()
	ttl := e.fs.opts.StatTTL(path)
	e.mu.Lock()
	old := time.Since(e.seen) > ttl
	e.mu.Unlock()
	if named && old {
		asked := time.Now()
		found, err := e.fs.opts.Names.Lookup(e.fs.ctx, path, false)
		switch {
		case object.Is(err, object.KindNotFound):
			return syscall.ESTALE
		case err != nil:
			return e.fs.errno("getattr", path, err)
		case !e.fs.stands(n, path, found, asked):
			return syscall.ESTALE
		}
	}
	e.mu.Lock()
	e.attr.fill(&out.Attr)
	e.mu.Unlock()
	if !named {
		out.Nlink = 0
	}
	out.SetTimeout(ttl)
	return 0
}
