package fs

// A symlink is a symbolic link: an object whose metadata says so and whose body is the target.
type symlink struct {
	entry
	target []byte // guarded by entry.mu; nil until read
}

// SymlinkPolicy says which links are followed (promise P9).
type SymlinkPolicy string

// The policies: what a sandbox wrote may only point to what lies in the mount, to anything, or nowhere.
const (
	SymlinksInside SymlinkPolicy = "inside"
	SymlinksAll    SymlinkPolicy = "all"
	SymlinksNone   SymlinkPolicy = "none"
)
