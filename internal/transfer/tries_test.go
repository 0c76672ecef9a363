package transfer

import (
	"bytes"
	"testing"

	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/object"
	"github.com/sentient-agi/sentientfs/internal/object/faultstore"
)

// lose lets the store of f be carried out and its answer be lost, as if the process had died before it came.
func (m *machine) lose(f *content.File, op string) {
	m.t.Helper()
	m.store.Add(faultstore.Rule{Op: op, Lost: faultstore.Fail(object.KindUnavailable)},
		// The engine asks at once what became of it: that must not be answered either.
		faultstore.Rule{Op: faultstore.Head, Err: faultstore.Fail(object.KindUnavailable)},
		faultstore.Rule{Op: faultstore.Abort, Err: faultstore.Fail(object.KindUnavailable)})
	_, err := m.Store(bg, f)
	wantKind(m.t, err, object.KindUnavailable)
	m.store.Clear()
}

// What a killed process had stored is no conflict of the next one, whatever it was, and what was written after it is
// stored over it.
func TestReplayOfALostAnswer(t *testing.T) {
	small, large := []byte("0123456789"), pattern(10*testPart, 3)
	edit := func(m *machine) *content.File { return m.edit("k", []byte("XY"), 3) }
	cut := func(m *machine) *content.File {
		f := m.version("k")
		m.intend(f, content.IntentEdit)
		if err := f.Truncate(f.Size() / 2); err != nil {
			m.t.Fatal(err)
		}
		return f
	}
	replace := func(m *machine) *content.File {
		f := m.version("k")
		m.intend(f, content.IntentReplace)
		if err := f.Truncate(0); err != nil {
			m.t.Fatal(err)
		}
		m.write(f, []byte("all new"), 0)
		return f
	}
	stream := func(m *machine) *content.File {
		f := m.create("k", nil)
		m.stream(f, large)
		return f
	}
	for _, c := range []struct {
		name  string
		was   []byte
		write func(*machine) *content.File
		op    string
	}{
		{"change in place", small, edit, faultstore.Put},
		{"truncation", small, cut, faultstore.Put},
		{"replacement", small, replace, faultstore.Put},
		{"change in place in parts", large, edit, faultstore.Complete},
		{"truncation in parts", large, cut, faultstore.Complete},
		{"new file in parts", nil, stream, faultstore.Complete},
	} {
		for _, later := range []string{"", "one more byte", "one cut off", "of someone else"} {
			t.Run(c.name+" "+later, func(t *testing.T) {
				m := newMachine(t, newBucket())
				if c.was != nil {
					put(t, m.mem, "k", c.was)
				}
				f := c.write(m)
				m.lose(f, c.op)
				want, _, _ := get(t, m.mem, "k")
				switch later {
				case "one more byte":
					m.write(f, []byte("Z"), 1)
					want[1] = 'Z'
				case "one cut off":
					if err := f.Truncate(f.Size() - 1); err != nil {
						t.Fatal(err)
					}
					want = want[:len(want)-1]
				case "of someone else":
					want = []byte("theirs")
					put(t, m.mem, "k", want)
				}
				r := m.crash()
				err := m.Replay(bg, r)
				wantObject(t, m.mem, "k", want)
				wantNoUploads(t, m.mem)
				if later == "of someone else" {
					if !object.Is(err, object.KindChanged, object.KindExists) {
						t.Fatalf("Replay over what someone else stored: %v", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				m.wantClean(r)
			})
		}
	}
}

// What was written between the moment at which a store looked at the file and its note in the journal may be in the
// object or not: it is stored again.
func TestReplayOfATryThatCannotBeTold(t *testing.T) {
	m := newMachine(t, newBucket())
	put(t, m.mem, "k", []byte("0123456789"))
	f := m.edit("k", []byte("X"), 0)
	gen := f.Generation()
	m.write(f, []byte("Y"), 5)
	if err := f.Tried(content.Try{Nonce: "n1", Gen: gen, Size: f.Size()}); err != nil {
		t.Fatal(err)
	}
	info, err := m.mem.Put(bg, "k", object.Bytes([]byte("X123456789")), object.PutOptions{Metadata: map[string]string{MetaWrite: "n1"}})
	if err != nil {
		t.Fatal(err)
	}
	r := m.crash()
	if err := m.Replay(bg, r); err != nil {
		t.Fatal(err)
	}
	now := wantObject(t, m.mem, "k", []byte("X1234Y6789"))
	if now.ETag == info.ETag {
		t.Error("nothing was stored")
	}
	m.wantClean(r)
}

// A tail that had arrived is not appended again, and what was written behind it goes behind it.
func TestReplayOfALostAppendWithMore(t *testing.T) {
	for _, base := range [][]byte{[]byte("base "), pattern(3*testPart, 5)} {
		m := newMachine(t, newBucket())
		put(t, m.mem, "k", base)
		f := m.appendTo("k", []byte("one "))
		op := faultstore.Put
		if len(base) > testPart {
			op = faultstore.Complete
		}
		m.lose(f, op)
		m.write(f, []byte("two"), f.Size())
		r := m.crash()
		if err := m.Replay(bg, r); err != nil {
			t.Fatal(err)
		}
		wantObject(t, m.mem, "k", append(bytes.Clone(base), "one two"...))
		m.wantClean(r)
		wantNoUploads(t, m.mem)
	}
}
