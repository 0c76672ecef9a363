package transfer

import (
	"bytes"
	"testing"
	"time"

	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/object"
	"github.com/sentient-agi/sentientfs/internal/object/faultstore"
	"github.com/sentient-agi/sentientfs/internal/object/memstore"
)

// crash ends the process and starts the next one, which finds what the first one left in the journal.
func (m *machine) crash() *content.File {
	m.t.Helper()
	m.stop()
	m.open()
	files := m.local.Recovered()
	if len(files) != 1 {
		m.t.Fatalf("%d files in the journal", len(files))
	}
	m.t.Cleanup(files[0].Release)
	return files[0]
}

func TestReplay(t *testing.T) {
	base, ours, theirs := []byte("base"), []byte("ours"), []byte("theirs")
	create := func(m *machine) { m.create("k", ours) }
	edit := func(m *machine) { m.edit("k", ours, 0) }
	appendTail := func(m *machine) { m.appendTo("k", ours) }
	replace := func(m *machine) {
		f := m.version("k")
		m.intend(f, content.IntentReplace)
		if err := f.Truncate(0); err != nil {
			m.t.Fatal(err)
		}
		m.write(f, ours, 0)
	}
	for _, c := range []struct {
		name  string
		was   []byte // in the bucket when it was written; nil for nothing
		write func(*machine)
		now   []byte // in the bucket when it is replayed
		want  []byte
		fails object.Kind // of the error, 0 for none
	}{
		{"new where nothing is", nil, create, nil, ours, 0},
		{"new where someone else's is", nil, create, theirs, theirs, object.KindExists},
		{"new that had arrived", nil, create, ours, ours, 0},
		{"edit of what is still there", base, edit, base, ours, 0},
		{"edit of what was changed", base, edit, theirs, theirs, object.KindChanged},
		{"edit of what was removed", base, edit, nil, nil, object.KindChanged},
		{"edit that had arrived", base, edit, ours, ours, 0},
		{"replacement of what is still there", base, replace, base, ours, 0},
		{"replacement of what was changed", base, replace, theirs, theirs, object.KindChanged},
		{"replacement of what was removed", base, replace, nil, ours, 0},
		{"append to what is still there", base, appendTail, base, []byte("baseours"), 0},
		{"append to what was changed", base, appendTail, theirs, []byte("theirsours"), 0},
		{"append to what was removed", base, appendTail, nil, ours, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t, newBucket())
			if c.was != nil {
				put(t, m.mem, "k", c.was)
			}
			c.write(m)
			switch {
			case c.now == nil:
				_ = m.mem.Delete(bg, "k", object.DeleteOptions{})
			case !bytes.Equal(c.now, c.was):
				put(t, m.mem, "k", c.now)
			}
			f := m.crash()
			err := m.Replay(bg, f)
			if c.fails != 0 {
				wantKind(t, err, c.fails)
				if _, failed := f.Failed(); !failed {
					t.Error("the conflict is not in the journal")
				}
			} else if err != nil {
				t.Fatal(err)
			} else {
				m.wantClean(f)
			}
			if data, _, _ := get(t, m.mem, "k"); !bytes.Equal(data, c.want) {
				t.Errorf("the bucket has %q, want %q", data, c.want)
			}
		})
	}
}

// All empty objects have one ETag. The lock file that someone made anew must survive a replay.
func TestReplayOverAnEmptyObject(t *testing.T) {
	for _, again := range []bool{false, true} {
		now := time.Unix(1_700_000_000, 0)
		mem := memstore.New(memstore.Options{MinPart: 1, Now: func() time.Time { return now }})
		m := newMachine(t, mem)
		put(t, mem, "k", nil)
		m.edit("k", []byte("ours"), 0)
		if again {
			now = now.Add(time.Minute)
			put(t, mem, "k", nil)
		}
		err := m.Replay(bg, m.crash())
		if again {
			wantKind(t, err, object.KindChanged)
			wantObject(t, mem, "k", nil)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		wantObject(t, mem, "k", []byte("ours"))
	}
}

// A process that is killed between the answer and the note of it must not append its tail twice.
func TestReplayOfAnAppendThatHadArrived(t *testing.T) {
	for _, theirs := range []string{"", "theirs", "bigger than the base that it was"} {
		m := newMachine(t, newBucket())
		put(t, m.mem, "k", []byte("base"))
		f, err := m.local.Version(m.head("k"))
		if err != nil {
			t.Fatal(err)
		}
		m.intend(f, content.IntentAppend)
		m.write(f, []byte(" tail"), f.Size())
		want := "base tail"
		if theirs != "" {
			put(t, m.mem, "k", []byte(theirs))
			want = theirs + " tail"
		}
		m.store.Add(faultstore.Rule{Op: faultstore.Put, Lost: faultstore.Fail(object.KindUnavailable),
			Match: func(string) bool {
				data, _, _ := get(t, m.mem, "k")
				return theirs == "" || string(data) == theirs
			}},
			faultstore.Rule{Op: faultstore.Head, Skip: boolToInt(theirs != "") * 2, Err: faultstore.Fail(object.KindUnavailable)})
		_, err = m.Store(bg, f)
		wantKind(t, err, object.KindUnavailable)
		m.store.Clear()
		wantObject(t, m.mem, "k", []byte(want))
		r := m.crash()
		if err := m.Replay(bg, r); err != nil {
			t.Fatal(err)
		}
		wantObject(t, m.mem, "k", []byte(want))
		m.wantClean(r)
	}
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (m *machine) head(key string) content.Version {
	info, err := m.mem.Head(bg, key)
	if err != nil {
		m.t.Fatal(err)
	}
	return version(key, info)
}

func TestReplayGivesUpAPlannedUpload(t *testing.T) {
	m := newMachine(t, newBucket())
	data := pattern(10*testPart, 1)
	put(t, m.mem, "k", data)
	f := m.edit("k", []byte("x"), 0)
	data[0] = 'x'
	up, err := m.mem.CreateUpload(bg, "k", object.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.SetUpload(content.Upload{Key: "k", ID: up.ID()}); err != nil {
		t.Fatal(err)
	}
	if err := m.Replay(bg, m.crash()); err != nil {
		t.Fatal(err)
	}
	wantObject(t, m.mem, "k", data)
	wantNoUploads(t, m.mem)
}

func TestReplayOfAStreamThatHadArrived(t *testing.T) {
	m := newMachine(t, newBucket())
	f, err := m.local.Create("k")
	if err != nil {
		t.Fatal(err)
	}
	data := pattern(4*testPart, 1)
	m.stream(f, data)
	put(t, m.mem, "k", data)
	r := m.crash()
	if err := m.Replay(bg, r); err != nil {
		t.Fatal(err)
	}
	m.wantClean(r)
	wantNoUploads(t, m.mem)
}
