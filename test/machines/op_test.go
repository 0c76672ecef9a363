//go:build linux && !sandbox

package machines

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A kind is what an operation does.
type kind string

const (
	create    kind = "create"    // O_EXCL
	overwrite kind = "overwrite" // O_CREAT and O_TRUNC
	appendTo  kind = "append"
	inPlace   kind = "in place"
	truncate  kind = "truncate"
	chmod     kind = "chmod"
	read      kind = "read"
	unlink    kind = "unlink"
	rename    kind = "rename"
	renameDir kind = "rename dir"
	mkdir     kind = "mkdir"
	rmdir     kind = "rmdir"
	symlink   kind = "symlink"
	readlink  kind = "readlink"
	list      kind = "list"
)

// An op is one operation of one machine, and after do what came of it.
type op struct {
	kind     kind
	path, to string // to: of a rename
	data     string // what is written; the target of a link
	at       int64  // where data goes in place; the size of a truncation
	mode     os.FileMode

	opened     bool // the open succeeded
	err        syscall.Errno
	got        string   // what was read
	names      []string // what was listed
	start, end time.Duration
}

func (o *op) String() string {
	s := fmt.Sprintf("%s %s", o.kind, o.path)
	switch o.kind {
	case rename, renameDir:
		s += " to " + o.to
	case create, overwrite, appendTo, symlink:
		s += " " + brief(o.data)
	case inPlace:
		s += fmt.Sprintf(" at %d %s", o.at, brief(o.data))
	case truncate:
		s += fmt.Sprintf(" to %d bytes", o.at)
	case chmod:
		s += fmt.Sprintf(" %o", o.mode)
	}
	switch {
	case o.err != 0 && o.opened:
		s += ": close " + o.err.Error()
	case o.err != 0:
		s += ": " + o.err.Error()
	case o.kind == list:
		s += fmt.Sprintf(": %q", o.names)
	case o.kind == read || o.kind == readlink:
		s += ": " + brief(o.got)
	default:
		s += ": ok"
	}
	return fmt.Sprintf("%s [%v-%v]", s, o.start.Round(time.Microsecond), o.end.Round(time.Microsecond))
}

func brief(s string) string {
	if len(s) > 48 {
		return fmt.Sprintf("%q… (%d bytes)", s[:48], len(s))
	}
	return fmt.Sprintf("%q", s)
}

// do does the operation below a folder. Times are since begin.
func (o *op) do(root string, begin time.Time) {
	o.start = time.Since(begin)
	err := o.try(filepath.Join(root, o.path), filepath.Join(root, o.to))
	o.end = time.Since(begin)
	if err != nil && !errors.As(err, &o.err) {
		o.err = syscall.Errno(0xffff) // none of the kernel's: a violation
	}
}

func (o *op) try(path, to string) error {
	switch o.kind {
	case create:
		return o.write(path, os.O_CREATE|os.O_EXCL)
	case overwrite:
		return o.write(path, os.O_CREATE|os.O_TRUNC)
	case appendTo:
		return o.write(path, os.O_APPEND)
	case inPlace:
		return o.write(path, 0)
	case read:
		return o.read(path)
	case truncate:
		return os.Truncate(path, o.at)
	case chmod:
		return os.Chmod(path, o.mode)
	case unlink:
		return unix.Unlink(path)
	case rename, renameDir:
		return os.Rename(path, to)
	case mkdir:
		return os.Mkdir(path, 0o755)
	case rmdir:
		return unix.Rmdir(path)
	case symlink:
		return os.Symlink(o.data, path)
	case readlink:
		got, err := os.Readlink(path)
		o.got = got
		return err
	case list:
		return o.list(path)
	}
	return fmt.Errorf("no such operation: %s", o.kind)
}

func (o *op) write(path string, flags int) error {
	if flags&(os.O_CREATE|os.O_APPEND) == 0 {
		flags |= os.O_RDWR
	} else {
		flags |= os.O_WRONLY
	}
	f, err := os.OpenFile(path, flags|unix.O_NOFOLLOW, 0o644)
	if err != nil {
		return err
	}
	o.opened = true
	if o.kind == inPlace {
		_, err = f.WriteAt([]byte(o.data), o.at)
	} else {
		_, err = io.WriteString(f, o.data)
	}
	return errors.Join(err, f.Close())
}

func (o *op) read(path string) error {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	o.opened = true
	b, err := io.ReadAll(f)
	o.got = string(b)
	return err
}

func (o *op) list(path string) error {
	entries, err := os.ReadDir(path)
	for _, e := range entries {
		o.names = append(o.names, e.Name())
	}
	return err
}

// paths are all names that the operation may change, its own and those below.
func (o *op) paths() []string {
	switch o.kind {
	case read, readlink, list:
		return nil
	case rename, renameDir:
		return []string{o.path, o.to}
	}
	return []string{o.path}
}

// touches tells whether the operation may change path or whether it is there.
func (o *op) touches(path string) bool {
	for _, p := range o.paths() {
		if p == path || strings.HasPrefix(p, path+"/") || strings.HasPrefix(path, p+"/") {
			return true
		}
	}
	return false
}

// A tree is what one machine shows, or the bucket: the files by path ("L" and the target for links, "F" and the bytes
// for others), the folders, and the modes of files.
type tree struct {
	files map[string]string
	dirs  map[string]bool
	modes map[string]os.FileMode
}

// look walks a mount. What cannot be read is a file whose content is the error.
func look(root string) tree {
	t := tree{files: map[string]string{}, dirs: map[string]bool{}, modes: map[string]os.FileMode{}}
	t.walk(root, "")
	return t
}

func (t tree) walk(root, dir string) {
	entries, err := os.ReadDir(filepath.Join(root, dir))
	if err != nil {
		t.files[dir] = "cannot list: " + err.Error()
		return
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case e.IsDir():
			t.dirs[path] = true
			t.walk(root, path)
		case e.Type()&os.ModeSymlink != 0:
			o := op{kind: readlink, path: path}
			o.do(root, time.Now())
			t.put(path, "L", &o)
		default:
			o := op{kind: read, path: path}
			o.do(root, time.Now())
			t.put(path, "F", &o)
			if st, err := os.Lstat(filepath.Join(root, path)); err == nil {
				t.modes[path] = st.Mode().Perm()
			}
		}
	}
}

func (t tree) put(path, sort string, o *op) {
	if t.files[path] = sort + o.got; o.err != 0 {
		t.files[path] = "cannot read: " + o.err.Error()
	}
}

// lines describes a tree for a message.
func (t tree) lines() string {
	var out []string
	for p, c := range t.files {
		out = append(out, fmt.Sprintf("%s %s", p, brief(c)))
	}
	for d := range t.dirs {
		out = append(out, d+"/")
	}
	sort.Strings(out)
	return strings.Join(out, "\n\t")
}
