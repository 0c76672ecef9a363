package fs

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sentient-agi/sentientfs/internal/object"
	"github.com/sentient-agi/sentientfs/internal/object/faultstore"
	"github.com/sentient-agi/sentientfs/internal/object/memstore"
)

func TestRenameFile(t *testing.T) {
	m := newMachine(t, memstore.New(memstore.Options{}), nil)
	put(t, m.bucket, "a", "body", map[string]string{"mode": "33261"})
	put(t, m.bucket, "b", "other", nil)
	n, over := m.lookup(m.root, "a"), m.lookup(m.root, "b").(*file)
	fh, _, errno := over.Open(ctx, syscall.O_RDONLY)
	m.want("open", errno, 0)
	sub := m.mkdir(m.root, "sub")
	if n := m.requests(func() { m.want("rename", m.root.Rename(ctx, "a", m.root, "b", 0), 0) }); n != 2 {
		t.Errorf("%d requests, want a copy and a delete", n)
	}
	if got := m.read(fh.(*handle)); got != "other" {
		t.Errorf("who has the replaced file open reads %q", got)
	}
	if got := m.lookup(m.root, "b"); got != n {
		t.Error("the new name has another node")
	}
	m.want("rename to a directory", m.root.Rename(ctx, "b", sub, "c", 0), 0)
	if diff := cmp.Diff(map[string]string{"sub/": "", "sub/c": "body"}, contents(t, m.bucket)); diff != "" {
		t.Error(diff)
	}
	if info, err := m.bucket.Head(ctx, "sub/c"); err != nil || info.Metadata["mode"] != "33261" {
		t.Errorf("it has %v, %v", info.Metadata, err)
	}
	m.want("rename of nothing", m.root.Rename(ctx, "none", m.root, "x", 0), syscall.ENOENT)
}

// A new file that is renamed before its upload costs one PUT.
func TestRenameUnsent(t *testing.T) {
	m := newMachine(t, memstore.New(memstore.Options{}), nil)
	f, h := m.write(m.root, "tmp", "bytes")
	n := m.requests(func() {
		m.want("rename", m.root.Rename(ctx, "tmp", m.root, "final", 0), 0)
		m.want("close", h.Flush(ctx), 0)
	})
	if n != 1 {
		t.Errorf("%d requests, want the PUT", n)
	}
	if path, _ := f.path(); path != "final" {
		t.Errorf("the file's path is %q", path)
	}
	if diff := cmp.Diff(map[string]string{"final": "bytes"}, contents(t, m.bucket)); diff != "" {
		t.Error(diff)
	}
}

// What an unsent change extends is settled where it is, before the name goes.
func TestRenameUnsentChange(t *testing.T) {
	m := newMachine(t, memstore.New(memstore.Options{}), nil)
	put(t, m.bucket, "log", "one ", nil)
	f := m.lookup(m.root, "log").(*file)
	fh, _, errno := f.Open(ctx, syscall.O_WRONLY|syscall.O_APPEND)
	m.want("open", errno, 0)
	put(t, m.bucket, "log", "one two ", nil)
	_, errno = fh.(*handle).Write(ctx, []byte("three"), 4)
	m.want("write", errno, 0)
	m.want("rename", m.root.Rename(ctx, "log", m.root, "log.1", 0), 0)
	if diff := cmp.Diff(map[string]string{"log.1": "one two three"}, contents(t, m.bucket)); diff != "" {
		t.Error(diff)
	}
}

// RENAME_NOREPLACE is honest though another machine made the new name after the kernel asked.
func TestRenameNoReplace(t *testing.T) {
	m := newMachine(t, memstore.New(memstore.Options{}), nil)
	put(t, m.bucket, "a", "mine", map[string]string{"mode": "33261"})
	a := m.lookup(m.root, "a")
	put(t, m.bucket, "b", "theirs", nil)
	m.want("rename", m.root.Rename(ctx, "a", m.root, "b", renameNoReplace), syscall.EEXIST)
	if diff := cmp.Diff(map[string]string{"a": "mine", "b": "theirs"}, contents(t, m.bucket)); diff != "" {
		t.Error(diff)
	}
	_, h := m.write(m.root, "new", "unsent")
	m.want("rename", m.root.Rename(ctx, "new", m.root, "b", renameNoReplace), syscall.EEXIST)
	m.want("close", h.Flush(ctx), 0)
	m.want("rename", m.root.Rename(ctx, "a", m.root, "c", renameNoReplace), 0)
	if got := m.lookup(m.root, "c"); got != a {
		t.Error("the new name has another node")
	}
	want := map[string]string{"b": "theirs", "c": "mine", "new": "unsent"}
	if diff := cmp.Diff(want, contents(t, m.bucket)); diff != "" {
		t.Error(diff)
	}
}

// The destination is complete before the source goes, and what someone puts in its place meanwhile stays.
func TestRenameMeetsOthers(t *testing.T) {
	m := newMachine(t, memstore.New(memstore.Options{}), nil)
	put(t, m.bucket, "a", "mine", nil)
	m.lookup(m.root, "a")
	m.wire.Add(faultstore.Rule{Op: faultstore.Delete, Key: "a", Times: 1, Before: beforeDelete(t, m)})
	m.want("rename", m.root.Rename(ctx, "a", m.root, "b", 0), 0)
	if diff := cmp.Diff(map[string]string{"a": "theirs", "b": "mine"}, contents(t, m.bucket)); diff != "" {
		t.Error(diff)
	}

	put(t, m.bucket, "c", "old", nil)
	m.lookup(m.root, "c")
	put(t, m.bucket, "c", "new", nil)
	m.want("rename of what changed", m.root.Rename(ctx, "c", m.root, "d", 0), syscall.ESTALE)
	m.lookup(m.root, "c") // the kernel asks again and tries once more
	m.want("rename", m.root.Rename(ctx, "c", m.root, "d", 0), 0)
	if got := contents(t, m.bucket)["d"]; got != "new" {
		t.Errorf("d is %q", got)
	}
}

// A rename that cannot remove the source says so, and nothing is lost.
func TestRenameFails(t *testing.T) {
	for _, op := range []string{faultstore.Copy, faultstore.Delete} {
		m := newMachine(t, memstore.New(memstore.Options{}), nil)
		put(t, m.bucket, "a", "mine", nil)
		m.lookup(m.root, "a")
		m.wire.Add(faultstore.Rule{Op: op, Err: faultstore.Fail(object.KindDenied)})
		m.want(fmt.Sprintf("rename without %s", op), m.root.Rename(ctx, "a", m.root, "b", 0), syscall.EACCES)
		if got := contents(t, m.bucket)["a"]; got != "mine" {
			t.Errorf("without %s: a is %q", op, got)
		}
		m.lookup(m.root, "a")
	}
}
