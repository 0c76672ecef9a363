package transfer

import (
	"bytes"
	"errors"
	"testing"

	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/object"
)

// conflicted makes a machine whose journal has a change in place of an object that someone else replaced meanwhile.
func conflicted(t *testing.T, was, theirs []byte, whole bool) (*machine, *content.File) {
	m := newMachine(t, newBucket())
	put(t, m.mem, "k", was)
	f := m.version("k")
	if whole {
		m.read(f)
	}
	m.intend(f, content.IntentEdit)
	m.write(f, []byte("XY"), 3)
	if theirs == nil {
		_ = m.mem.Delete(bg, "k", object.DeleteOptions{})
	} else {
		put(t, m.mem, "k", theirs)
	}
	if whole { // a crash forgets what was fetched and not written
		return m, f
	}
	return m, m.crash()
}

func TestRestore(t *testing.T) {
	small, large := []byte("0123456789"), pattern(6*testPart, 3)
	for _, c := range []struct {
		name        string
		was, theirs []byte
		local       bool // all of the base was read before
		opts        RestoreOptions
		fails       object.Kind
		gone        bool // the error is ErrBaseGone
		at          string
	}{
		{name: "over what is theirs, unasked", was: small, theirs: []byte("theirs"), local: true, fails: object.KindChanged},
		{name: "over what is theirs", was: small, theirs: []byte("theirs"), local: true, opts: RestoreOptions{Overwrite: true}, at: "k"},
		{name: "over what is theirs, in parts", was: large, theirs: []byte("theirs"), local: true, opts: RestoreOptions{Overwrite: true}, at: "k"},
		{name: "where it was removed", was: small, local: true, opts: RestoreOptions{Overwrite: true}, at: "k"},
		{name: "without the base", was: large, theirs: []byte("theirs"), opts: RestoreOptions{Overwrite: true}, fails: object.KindNotFound, gone: true},
		{name: "beside it", was: small, theirs: []byte("theirs"), local: true, opts: RestoreOptions{Key: "d/k2"}, at: "d/k2"},
		{name: "beside it, in parts", was: large, theirs: []byte("theirs"), local: true, opts: RestoreOptions{Key: "k2"}, at: "k2"},
		{name: "where a third is", was: small, theirs: []byte("theirs"), local: true, opts: RestoreOptions{Key: "third"}, fails: object.KindExists},
		{name: "over a third", was: small, theirs: []byte("theirs"), local: true, opts: RestoreOptions{Key: "third", Overwrite: true}, at: "third"},
		{name: "of an unchanged base", was: large, theirs: large, opts: RestoreOptions{Overwrite: true}, at: "k"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, f := conflicted(t, c.was, c.theirs, c.local)
			put(t, m.mem, "third", []byte("third"))
			err := m.Restore(bg, f, c.opts)
			if c.fails != 0 {
				wantKind(t, err, c.fails)
				if errors.Is(err, ErrBaseGone) != c.gone {
					t.Errorf("error %v", err)
				}
				if c.theirs != nil {
					wantObject(t, m.mem, "k", c.theirs)
				}
				wantObject(t, m.mem, "third", []byte("third"))
				if !f.Dirty() {
					t.Error("the journal forgot it")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := bytes.Clone(c.was)
			copy(want[3:], "XY")
			wantObject(t, m.mem, c.at, want)
			if c.at != "k" {
				wantObject(t, m.mem, "k", c.theirs)
			}
			m.wantClean(f)
			wantNoUploads(t, m.mem)
		})
	}
}

// An append that goes to another name has what it was appended to with it.
func TestRestoreOfAnAppendElsewhere(t *testing.T) {
	m := newMachine(t, newBucket())
	put(t, m.mem, "log", []byte("one "))
	m.appendTo("log", []byte("two"))
	f := m.crash()
	if err := m.Restore(bg, f, RestoreOptions{Key: "saved"}); err != nil {
		t.Fatal(err)
	}
	wantObject(t, m.mem, "saved", []byte("one two"))
	wantObject(t, m.mem, "log", []byte("one "))
	m.wantClean(f)
}
