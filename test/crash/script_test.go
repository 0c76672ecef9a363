//go:build linux && !sandbox

package crash

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// A step is one change of the workload.
type step struct {
	name string
	do   func(root string, a *acks) error
	// after are the states that the bucket may be in when the step was cut short, besides that before it; the last is
	// that of a step that is done.
	after func(tree) []tree
	path  string // the file that is written; "" if none is
}

// acks is what write(2) has taken of a step, in order.
type acks struct {
	mu    sync.Mutex
	taken []piece
}

type piece struct {
	at   int64
	data string
}

func (a *acks) add(at int64, data string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.taken = append(a.taken, piece{at, data})
}

// over lays what was taken over the content that was there.
func (a *acks) over(base string) (content string, any bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b := []byte(base)
	for _, p := range a.taken {
		if grow := int(p.at) + len(p.data) - len(b); grow > 0 {
			b = append(b, make([]byte, grow)...)
		}
		copy(b[p.at:], p.data)
	}
	return string(b), len(a.taken) > 0
}

// text is content that tells where it belongs.
func text(name string, size int) string {
	var b strings.Builder
	for b.Len() < size {
		fmt.Fprintf(&b, "%s at %d\n", name, b.Len())
	}
	return b.String()[:size]
}

const mib = 1 << 20

// writes is a step that writes data in pieces of a MiB into a file that is opened with flags.
func writes(name, path string, flags int, at int64, data string, result func(before string) string) step {
	return step{name: name, path: path,
		do: func(root string, a *acks) error {
			f, err := os.OpenFile(filepath.Join(root, path), flags, 0o644)
			if err != nil {
				return err
			}
			for off := 0; off < len(data) && err == nil; off += mib {
				piece := data[off:min(len(data), off+mib)]
				if flags&os.O_APPEND != 0 {
					_, err = f.WriteString(piece)
				} else {
					_, err = f.WriteAt([]byte(piece), at+int64(off))
				}
				if err == nil {
					a.add(at+int64(off), piece)
				}
			}
			if cerr := f.Close(); err == nil {
				err = cerr
			}
			return err
		},
		after: func(t tree) []tree {
			done := t.with(path, result(t[path]))
			if flags&os.O_CREATE != 0 { // an empty object takes the name while the writer is at work
				return []tree{t.with(path, ""), done}
			}
			return []tree{done}
		}}
}

// calls is a step of one system call.
func calls(name string, do func(root string) error, after func(tree) []tree) step {
	return step{name: name, do: func(root string, _ *acks) error { return do(root) }, after: after}
}

func same(t tree) []tree { return []tree{t} }

// script is the workload. Its parts are of 8 MiB.
func script() []step {
	big, tail := text("big", 17*mib+5), "appended\n"
	in := func(root string, names ...string) string { return filepath.Join(append([]string{root}, names...)...) }
	whole := func(s string) func(string) string { return func(string) string { return s } }
	list := []step{
		writes("create", "small", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0, "small content", whole("small content")),
		writes("stream three parts", "big", os.O_CREATE|os.O_WRONLY, 0, big, whole(big)),
		writes("append", "small", os.O_APPEND|os.O_WRONLY, 13, tail, func(s string) string { return s + tail }),
		writes("change within", "big", os.O_RDWR, 3*mib, "changed", func(s string) string {
			return s[:3*mib] + "changed" + s[3*mib+7:]
		}),
		calls("truncate", func(root string) error { return os.Truncate(in(root, "small"), 5) }, func(t tree) []tree {
			return []tree{t.with("small", t["small"][:5])}
		}),
		calls("rename", func(root string) error { return os.Rename(in(root, "small"), in(root, "moved")) }, func(t tree) []tree {
			both := t.with("moved", t["small"])
			return []tree{both, both.without("small")}
		}),
		calls("mkdir", func(root string) error { return os.MkdirAll(in(root, "d", "e"), 0o755) }, same),
	}
	for i := range 6 {
		path := fmt.Sprintf("d/f%d", i)
		if i%2 == 1 {
			path = fmt.Sprintf("d/e/f%d", i)
		}
		list = append(list, writes("create "+path, path, os.O_CREATE|os.O_WRONLY, 0, path, whole(path)))
	}
	return append(list,
		calls("rename a folder", func(root string) error { return os.Rename(in(root, "d"), in(root, "x")) }, func(t tree) []tree {
			return []tree{t.moved("d", "x")} // done or undone, nothing between
		}),
		writes("replace", "moved", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0, "replaced", whole("replaced")),
		calls("unlink", func(root string) error { return os.Remove(in(root, "x", "f0")) }, func(t tree) []tree {
			return []tree{t.without("x/f0")}
		}),
		calls("chmod", func(root string) error { return os.Chmod(in(root, "x", "f2"), 0o600) }, same),
		calls("symlink", func(root string) error { return os.Symlink("moved", in(root, "link")) }, func(t tree) []tree {
			return []tree{t.with("link", "-> moved")}
		}),
	)
}
