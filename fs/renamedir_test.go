package fs

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sentient-agi/sentientfs/internal/object"
	"github.com/sentient-agi/sentientfs/internal/object/faultstore"
	"github.com/sentient-agi/sentientfs/internal/object/memstore"
)

// fillTree makes a directory "old" with everything that a bucket can have below one, and a neighbor.
func fillTree(t *testing.T, s object.Store) map[string]string {
	t.Helper()
	for i := range 40 {
		put(t, s, fmt.Sprintf("old/sub%d/f%d", i%3, i), fmt.Sprintf("body %d", i), map[string]string{"mode": "33261"})
	}
	put(t, s, "old/", "", map[string]string{"mode": "16832"})
	put(t, s, "old/sub1/", "", nil)
	put(t, s, "old/empty", "", nil)
	put(t, s, "old//odd", "a name that no directory shows", nil)
	put(t, s, "old-neighbor", "n", nil)
	return contents(t, s)
}

// renamed is what a bucket has after a rename of old to new.
func renamed(objects map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range objects {
		if rest, ok := strings.CutPrefix(k, "old/"); ok {
			k = "new/" + rest
		}
		out[k] = v
	}
	return out
}

func TestRenameDir(t *testing.T) {
	m := newMachine(t, memstore.New(memstore.Options{}), func(o *Options) { o.StateDir = t.TempDir() })
	before := fillTree(t, m.bucket)
	m.lookup(m.root, "old")
	m.want("rename", m.root.Rename(ctx, "old", m.root, "new", 0), 0)
	if diff := cmp.Diff(renamed(before), contents(t, m.bucket)); diff != "" {
		t.Error(diff)
	}
	info, err := m.bucket.Head(ctx, "new/sub0/f0")
	if err != nil || info.Metadata["mode"] != "33261" {
		t.Errorf("a file has the metadata %v, %v", info.Metadata, err)
	}
	if info, err := m.bucket.Head(ctx, "new/"); err != nil || info.Metadata["mode"] != "16832" {
		t.Errorf("the directory has the metadata %v, %v", info.Metadata, err)
	}
	if left, _ := filepath.Glob(filepath.Join(m.opts.StateDir, "*")); len(left) != 0 {
		t.Errorf("records left: %q", left)
	}
}

// TestRenameDirCrash stops the machine at every request of a rename and looks, after the next start, whether the
// directory is as a whole under one name, without touching what another machine made meanwhile.
func TestRenameDirCrash(t *testing.T) {
	points := 0
	for n := 0; ; n++ {
		bucket, state := memstore.New(memstore.Options{}), t.TempDir()
		before := fillTree(t, bucket)
		m := newMachine(t, bucket, func(o *Options) { o.StateDir = state })
		m.lookup(m.root, "old")
		m.wire.StopAt(n, true)
		stopped, done := m.wire.Stopped(), make(chan syscall.Errno, 1)
		go func() { done <- m.root.Rename(ctx, "old", m.root, "new", 0) }()
		finished := false
		select {
		case <-stopped:
			points++
		case errno := <-done:
			m.want("rename", errno, 0)
			finished = true
		}
		m.stop()

		strangers := map[string]string{"old/theirs": "1", "new/theirs": "2", "old/sub0/f0": "newer"}
		if finished {
			delete(strangers, "old/sub0/f0")
		}
		for k, v := range strangers {
			put(t, bucket, k, v, nil)
		}
		next := newMachine(t, bucket, func(o *Options) { o.StateDir = state })
		if err := next.RecoverRenames(ctx); err != nil {
			t.Fatalf("point %d: %v", n, err)
		}
		next.stop()
		checkWhole(t, n, before, contents(t, bucket), strangers)
		if left, _ := filepath.Glob(filepath.Join(state, "*")); len(left) != 0 {
			t.Errorf("point %d: records left: %q", n, left)
		}
		if finished {
			break
		}
	}
	if points < 80 {
		t.Errorf("only %d crash points", points)
	}
}

// checkWhole wants all of before under the old name or all of it under the new one, and the strangers as they are.
func checkWhole(t *testing.T, point int, before, after, strangers map[string]string) {
	t.Helper()
	for k, v := range strangers {
		if after[k] != v {
			t.Errorf("point %d: another machine's %q is %q now", point, k, after[k])
		}
		delete(after, k)
	}
	undone := maps.Clone(before)
	delete(undone, "old/sub0/f0") // written over by the other machine
	delete(after, "new/sub0/f0")  // its earlier version may stay as a copy, as nobody can tell whose it is
	finished := renamed(before)
	delete(finished, "new/sub0/f0")
	if cmp.Equal(undone, after) || cmp.Equal(finished, after) {
		return
	}
	t.Errorf("point %d is neither undone\n%s\nnor finished\n%s", point, cmp.Diff(undone, after), cmp.Diff(finished, after))
}

func TestRenameDirUndone(t *testing.T) {
	m := newMachine(t, memstore.New(memstore.Options{}), func(o *Options) { o.StateDir = t.TempDir() })
	before := fillTree(t, m.bucket)
	m.lookup(m.root, "old")
	m.wire.Add(faultstore.Rule{Op: faultstore.Copy, Key: "new/sub2/f5", Err: faultstore.Fail(object.KindDenied)})
	m.want("rename", m.root.Rename(ctx, "old", m.root, "new", 0), syscall.EACCES)
	if diff := cmp.Diff(before, contents(t, m.bucket)); diff != "" {
		t.Error(diff)
	}
	if _, ok := m.lookup(m.root, "old").(*dir); !ok {
		t.Error("the old name has no directory")
	}
}

func TestRenameDirRefused(t *testing.T) {
	m := newMachine(t, memstore.New(memstore.Options{}), nil)
	put(t, m.bucket, "a/x", "1", nil)
	put(t, m.bucket, "b/y", "2", nil)
	put(t, m.bucket, "f", "3", nil)
	m.mkdir(m.root, "empty")
	for _, name := range []string{"a", "b", "f", "empty"} {
		m.lookup(m.root, name)
	}
	a := m.lookup(m.root, "a").(*dir)
	m.want("over a full one", m.root.Rename(ctx, "a", m.root, "b", 0), syscall.ENOTEMPTY)
	m.want("over a file", m.root.Rename(ctx, "a", m.root, "f", 0), syscall.ENOTDIR)
	m.want("a file over it", m.root.Rename(ctx, "f", m.root, "a", 0), syscall.EISDIR)
	m.want("into itself", m.root.Rename(ctx, "a", a, "a", 0), syscall.EINVAL)
	m.want("not over an empty one", m.root.Rename(ctx, "a", m.root, "empty", renameNoReplace), syscall.EEXIST)
	m.want("exchange", m.root.Rename(ctx, "a", m.root, "b", 2), syscall.EINVAL)
	m.want("over an empty one", m.root.Rename(ctx, "a", m.root, "empty", 0), 0)
	put(t, m.bucket, "c/", "", nil) // by another machine, after the kernel asked
	m.want("over one that just came", m.root.Rename(ctx, "b", m.root, "c", renameNoReplace), syscall.EEXIST)
	if got := contents(t, m.bucket)["empty/x"]; got != "1" {
		t.Errorf("empty/x is %q", got)
	}
}

// Files below that are open or not stored yet go along.
func TestRenameDirWithOpenFiles(t *testing.T) {
	m := newMachine(t, memstore.New(memstore.Options{}), nil)
	old := m.mkdir(m.root, "old")
	sub := m.mkdir(old, "sub")
	f, h := m.write(sub, "f", "unsent")
	put(t, m.bucket, "old/g", "theirs", nil)
	g := m.lookup(old, "g").(*file)
	fh, _, errno := g.Open(ctx, syscall.O_RDONLY)
	m.want("open", errno, 0)
	m.want("rename", m.root.Rename(ctx, "old", m.root, "new", 0), 0)
	if path, ok := f.path(); path != "new/sub/f" || !ok {
		t.Errorf("the file's path is %q", path)
	}
	if got := m.read(fh.(*handle)); got != "theirs" {
		t.Errorf("the open file reads %q", got)
	}
	_, errno = h.Write(ctx, []byte("more"), 6)
	m.want("write", errno, 0)
	m.want("close", h.Flush(ctx), 0)
	want := map[string]string{"new/": "", "new/sub/": "", "new/sub/f": "unsentmore", "new/g": "theirs"}
	if diff := cmp.Diff(want, contents(t, m.bucket)); diff != "" {
		t.Error(diff)
	}
}

func TestIntentIsNotBelieved(t *testing.T) {
	dir := t.TempDir()
	in, err := newIntent(dir, "a/", "b/")
	if err != nil {
		t.Fatal(err)
	}
	in.close()
	good, err := os.ReadFile(in.path(".json"))
	if err != nil {
		t.Fatal(err)
	}
	if h, err := decodeIntent(good); err != nil || h.Src != "a/" || h.Dst != "b/" || h.Phase != phaseCopy {
		t.Errorf("read %+v, %v", h, err)
	}
	for i := range good {
		bad := append([]byte(nil), good...)
		bad[i] ^= 1
		if h, err := decodeIntent(bad); err == nil && h != in.intentHeader {
			t.Errorf("with byte %d changed it reads %+v", i, h)
		}
	}
	later := intent{intentHeader: in.intentHeader, dir: dir, id: "later"}
	later.Format++
	if err := later.save(); err != nil {
		t.Fatal(err)
	}
	list, err := openIntents(dir)
	if err == nil || len(list) != 1 || list[0].id != in.id {
		t.Errorf("opened %d records, %v", len(list), err)
	}
	list[0].close()
}

func FuzzDecodeIntent(f *testing.F) {
	f.Add([]byte(`{"crc32":"00000000","record":{}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := decodeIntent(b); err == nil && (h.Src == h.Dst || h.Phase == "") {
			t.Errorf("%q reads as %+v", b, h)
		}
	})
}
