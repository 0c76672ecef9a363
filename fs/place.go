package fs

import (
	"strings"
	"syscall"
)

// A place is where a node stands in the tree. All places are guarded by FS.tree.
type place struct {
	parent *dir // nil for the root and for a node without a name
	name   string
	gone   bool // removed or replaced: the node lives on without a name
}

// maxKey is the longest key of S3 in bytes (Amazon S3 user guide, "Object key naming").
const maxKey = 1024

// maxName is what the kernel takes as one name, in bytes (FUSE_NAME_MAX is larger, NAME_MAX is not).
const maxName = 255

// path returns the key of a node without a trailing slash, "" for the root. It is false for a node without a name.
func (e *entry) path() (string, bool) {
	e.fs.tree.RLock()
	defer e.fs.tree.RUnlock()
	return e.pathLocked()
}

func (e *entry) pathLocked() (string, bool) {
	var names []string
	for at := e; at.place.parent != nil || at.place.gone; at = &at.place.parent.entry {
		if at.place.gone {
			return "", false
		}
		names = append(names, at.place.name)
	}
	for i, j := 0, len(names)-1; i < j; i, j = i+1, j-1 {
		names[i], names[j] = names[j], names[i]
	}
	return strings.Join(names, "/"), true
}

// leave takes a node's name away.
func (e *entry) leave() {
	e.fs.tree.Lock()
	e.place = place{gone: true}
	e.fs.tree.Unlock()
}

// nameless tells whether the node was removed or replaced.
func (e *entry) nameless() bool {
	_, ok := e.path()
	return !ok
}

// child returns the key that name has in d. EINVAL and ENAMETOOLONG are for names that no key can hold, ESTALE is for
// a directory that is gone.
func (d *dir) child(name string) (string, syscall.Errno) {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return "", syscall.EINVAL
	}
	at, ok := d.path()
	if !ok {
		return "", syscall.ENOENT
	}
	key := name
	if at != "" {
		key = at + "/" + name
	}
	// The marker of a directory has one byte more.
	if len(name) > maxName || len(key)+1 > maxKey-d.fs.opts.PrefixLen {
		return "", syscall.ENAMETOOLONG
	}
	return key, 0
}

// markerKey is the key of the object that stands for a directory.
func markerKey(path string) string { return path + "/" }
