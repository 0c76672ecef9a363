//go:build linux && !sandbox

package model

import (
	"errors"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// A pair is a folder in the mount and its like in a plain one.
type pair struct{ mount, plain string }

// names are few, so that operations meet each other.
var names = rapid.SampledFrom([]string{"a", "b", "ä b+%&", strings.Repeat("n", 255)})

var paths = rapid.Custom(func(t *rapid.T) string {
	return filepath.Join(rapid.SliceOfN(names, 1, 3).Draw(t, "names")...)
})

var data = rapid.SliceOfN(rapid.Byte(), 0, 100)

// do does the same in both folders, whose root it gets, and compares what comes of it.
func (p *pair) do(t *rapid.T, what string, op func(root string) (any, error)) {
	t.Helper()
	want, wantErr := op(p.plain)
	got, gotErr := op(p.mount)
	if errnoOf(gotErr) != errnoOf(wantErr) {
		t.Fatalf("%s: %v, the plain folder says %v", what, gotErr, wantErr)
	}
	if diff := cmp.Diff(want, got); wantErr == nil && diff != "" {
		t.Fatalf("%s (-plain +mount):\n%s", what, diff)
	}
}

// errnoOf returns the errno of err. ENOTEMPTY and EEXIST both say that a folder is not empty.
func errnoOf(err error) syscall.Errno {
	var no syscall.Errno
	if err == nil {
		return 0
	}
	if !errors.As(err, &no) {
		return syscall.Errno(0xffff) // none of the kernel's
	}
	if no == syscall.ENOTEMPTY {
		return syscall.EEXIST
	}
	return no
}

// on makes an action of an operation on one path.
func (p *pair) on(what string, op func(t *rapid.T) func(path string) (any, error)) func(*rapid.T) {
	return func(t *rapid.T) {
		path := paths.Draw(t, "path")
		do := op(t)
		p.do(t, what+" "+path, func(root string) (any, error) { return do(filepath.Join(root, path)) })
	}
}

func (p *pair) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"create":  p.on("create", create(os.O_CREATE|os.O_EXCL)),
		"replace": p.on("replace", create(os.O_CREATE|os.O_TRUNC)),
		"append":  p.on("append", create(os.O_APPEND)),
		"write":   p.on("write", writeAt),
		"truncate": p.on("truncate", func(t *rapid.T) func(string) (any, error) {
			size := rapid.Int64Range(0, 200).Draw(t, "size")
			return func(path string) (any, error) { return nil, os.Truncate(path, size) }
		}),
		"read":   p.on("read", simple(func(path string) (any, error) { return os.ReadFile(path) })),
		"mkdir":  p.on("mkdir", simple(func(path string) (any, error) { return nil, os.Mkdir(path, 0o750) })),
		"rmdir":  p.on("rmdir", simple(func(path string) (any, error) { return nil, unix.Rmdir(path) })),
		"unlink": p.on("unlink", simple(func(path string) (any, error) { return nil, unix.Unlink(path) })),
		"list":   p.on("list", simple(list)),
		"stat":   p.on("stat", simple(func(path string) (any, error) { return stat(path) })),
		"symlink": p.on("symlink", func(t *rapid.T) func(string) (any, error) {
			target := paths.Draw(t, "target")
			return func(path string) (any, error) { return nil, os.Symlink(target, path) }
		}),
		"chmod": p.on("chmod", func(t *rapid.T) func(string) (any, error) {
			mode := os.FileMode(rapid.IntRange(0, 0o777).Draw(t, "mode")) | 0o700
			return func(path string) (any, error) { return nil, os.Chmod(path, mode) }
		}),
		"utimes": p.on("utimes", func(t *rapid.T) func(string) (any, error) {
			mtime := old.Add(time.Duration(rapid.Int64Range(0, 1e9).Draw(t, "ns")))
			return func(path string) (any, error) { return nil, os.Chtimes(path, time.Now(), mtime) }
		}),
		"rename":           p.rename(0),
		"rename noreplace": p.rename(unix.RENAME_NOREPLACE),
		"":                 p.compareTrees,
	}
}

// old is when no file of this test was written: a time at or soon behind it was set on purpose.
var old = time.Unix(1_000_000_000, 0)

func simple(op func(path string) (any, error)) func(*rapid.T) func(string) (any, error) {
	return func(*rapid.T) func(string) (any, error) { return op }
}

func create(flags int) func(*rapid.T) func(string) (any, error) {
	return func(t *rapid.T) func(string) (any, error) {
		body := data.Draw(t, "data")
		return func(path string) (any, error) {
			f, err := os.OpenFile(path, os.O_WRONLY|flags, 0o640)
			if err != nil {
				return nil, err
			}
			_, err = f.Write(body)
			return nil, errors.Join(err, f.Close())
		}
	}
}

func writeAt(t *rapid.T) func(string) (any, error) {
	body, off := data.Draw(t, "data"), rapid.Int64Range(0, 150).Draw(t, "offset")
	return func(path string) (any, error) {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		_, err = f.WriteAt(body, off)
		return nil, errors.Join(err, f.Close())
	}
}

func (p *pair) rename(flags uint) func(*rapid.T) {
	return func(t *rapid.T) {
		from, to := paths.Draw(t, "from"), paths.Draw(t, "to")
		p.do(t, "rename "+from+" to "+to, func(root string) (any, error) {
			return nil, unix.Renameat2(unix.AT_FDCWD, filepath.Join(root, from), unix.AT_FDCWD, filepath.Join(root, to), flags)
		})
	}
}

func list(path string) (any, error) {
	entries, err := os.ReadDir(path)
	var found []string
	for _, e := range entries {
		found = append(found, e.Name()+" "+e.Type().String())
	}
	sort.Strings(found)
	return found, err
}

// A fact is what both folders must agree on for one name.
type fact struct {
	Mode   os.FileMode
	Size   int64     // of files and links
	Mtime  time.Time // of files, if it was set on purpose
	Target string
	Body   string
}

func stat(path string) (fact, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return fact{}, err
	}
	f := fact{Mode: info.Mode()}
	if !info.IsDir() {
		f.Size = info.Size()
	}
	if info.Mode().IsRegular() && info.ModTime().Before(old.Add(time.Hour)) {
		f.Mtime = info.ModTime()
	}
	if info.Mode()&os.ModeSymlink != 0 {
		f.Target, err = os.Readlink(path)
	}
	return f, err
}

// tree returns the facts of everything below root by its path. What cannot be read is there with the error.
func tree(root string) map[string]any {
	found := map[string]any{}
	_ = filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		name, _ := filepath.Rel(root, path)
		if err != nil {
			found[name] = errnoOf(err)
			return nil
		}
		f, err := stat(path)
		if err == nil && info.Mode().IsRegular() {
			var body []byte
			body, err = os.ReadFile(path)
			f.Body = string(body)
		}
		found[name] = f
		if err != nil {
			found[name] = errnoOf(err)
		}
		return nil
	})
	return found
}

func (p *pair) compareTrees(t *rapid.T) {
	if diff := cmp.Diff(tree(p.plain), tree(p.mount)); diff != "" {
		t.Fatalf("the trees differ (-plain +mount):\n%s", diff)
	}
}
