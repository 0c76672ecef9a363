package metacache

import (
	"strings"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// maxKey is S3's limit for a key, in bytes.
const maxKey = 1024

// maxName is what Linux and macOS take as one name, in bytes.
const maxName = 255

// usableName tells whether name can stand in a directory.
func usableName(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= maxName && !strings.ContainsAny(name, "/\x00")
}

// usablePath tells whether every element of path can stand in a directory.
func usablePath(path string) bool {
	for name := range strings.SplitSeq(path, "/") {
		if !usableName(name) {
			return false
		}
	}
	return true
}

// pathOf is the path that the object key makes.
func pathOf(key string) string { return strings.TrimSuffix(key, "/") }

// split cuts path into its directory, "" being the root, and its name.
func split(path string) (dir, name string) {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i], path[i+1:]
	}
	return "", path
}

// below is the prefix of all keys in dir.
func below(dir string) string {
	if dir == "" {
		return ""
	}
	return dir + "/"
}

// entryOf is what an object makes of its path.
func entryOf(info object.Info) Entry {
	path := pathOf(info.Key)
	_, name := split(path)
	dir := path != info.Key || oldMarker(info)
	return Entry{Name: name, Dir: dir, Marker: dir, Info: info}
}

// oldMarker tells whether info is a directory in the form that s3fs wrote before 2014 and other tools still do.
func oldMarker(info object.Info) bool {
	if !info.Empty() {
		return false
	}
	t, _, _ := strings.Cut(info.ContentType, ";")
	return t == "application/x-directory" || t == "httpd/unix-directory"
}
