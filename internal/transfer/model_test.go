package transfer

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/object"
	"github.com/sentient-agi/sentientfs/internal/object/faultstore"
	"github.com/sentient-agi/sentientfs/internal/object/memstore"
	"pgregory.net/rapid"
)

// A writer is one machine with one file open, and what a model knows of it.
type writer struct {
	*machine
	f    *content.File
	tail []byte // of an append: written since the last store
	view []byte // else: what the file shows
}

// TestModelNothingIsLost lets several machines and strangers change one object in any order, with answers lost on the
// way, and compares each store with what P4 promises for it.
func TestModelNothingIsLost(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		mem := memstore.New(memstore.Options{MinPart: 512})
		var writers []*writer
		for range 2 {
			dir, err := os.MkdirTemp(t.TempDir(), "")
			if err != nil {
				rt.Fatal(err)
			}
			m := &machine{t: t, mem: mem, store: faultstore.New(mem), dir: dir}
			m.open(func(o *Options) { o.PartSize = 1024 })
			defer m.stop()
			w := &writer{machine: m}
			defer w.close()
			writers = append(writers, w)
		}
		index := rapid.IntRange(0, len(writers)-1)
		who := func(rt *rapid.T) *writer { return writers[index.Draw(rt, "machine")] }
		size := rapid.SampledFrom([]int{0, 1, 100, 511, 512, 1023, 1024, 1025, 5000})
		seed := byte(0)
		next := func(rt *rapid.T) []byte { seed++; return pattern(size.Draw(rt, "size"), seed) }
		rt.Repeat(map[string]func(*rapid.T){
			"stranger puts":    func(rt *rapid.T) { put(t, mem, "k", next(rt)) },
			"stranger removes": func(*rapid.T) { _ = mem.Delete(bg, "k", object.DeleteOptions{}) },
			"stranger appends": func(rt *rapid.T) {
				data, _, _ := get(t, mem, "k")
				put(t, mem, "k", append(data, next(rt)...))
			},
			"open": func(rt *rapid.T) {
				if w := who(rt); w.f == nil {
					w.begin(rapid.IntRange(1, 4).Draw(rt, "intent"))
				}
			},
			"write": func(rt *rapid.T) {
				if w := who(rt); w.f != nil {
					w.change(rt, next(rt))
				}
			},
			"cut": func(rt *rapid.T) {
				if w := who(rt); w.f != nil && w.f.Target().Intent != content.IntentAppend {
					w.cut(rt, int64(rapid.IntRange(0, 6000).Draw(rt, "to")))
				}
			},
			"lose an answer": func(rt *rapid.T) {
				op := rapid.SampledFrom([]string{faultstore.Put, faultstore.Complete}).Draw(rt, "op")
				kind := rapid.SampledFrom([]object.Kind{object.KindTimeout, object.KindChanged}).Draw(rt, "kind")
				who(rt).store.Add(faultstore.Rule{Op: op, Times: 1, Lost: faultstore.Fail(kind)})
			},
			"store": func(rt *rapid.T) {
				if w := who(rt); w.f != nil {
					w.save(rt)
				}
			},
			"close": func(rt *rapid.T) {
				if w := who(rt); w.f != nil {
					w.save(rt)
					w.close()
				}
			},
			"": func(rt *rapid.T) {
				journaled := 0
				for _, w := range writers {
					if w.f == nil {
						continue
					}
					if _, ok := w.f.Upload(); ok {
						journaled++
					}
				}
				pending, err := mem.ListUploads(bg, "")
				if err != nil || len(pending) != journaled {
					rt.Fatalf("%d uploads in the journals, the bucket has %v, %v", journaled, pending, err)
				}
			},
		})
	})
}

func (w *writer) close() {
	if w.f != nil {
		if err := errors.Join(w.Abandon(bg, w.f), w.f.Drop()); err != nil {
			w.t.Error(err)
		}
		w.f.Release()
		w.f, w.tail, w.view = nil, nil, nil
	}
}

// begin opens the file as fs does: what is there with an intent, or a new one.
func (w *writer) begin(n int) {
	info, err := w.mem.Head(bg, "k")
	if intent := content.Intent(n); err == nil && intent != content.IntentNew {
		if w.f, err = w.local.Version(version("k", info)); err != nil {
			w.t.Fatal(err)
		}
		w.intend(w.f, intent)
		w.view, _, _ = get(w.t, w.mem, "k")
		if intent == content.IntentReplace {
			if err := w.f.Truncate(0); err != nil {
				w.t.Fatal(err)
			}
			w.view = nil
		}
	} else if w.f, err = w.local.Create("k"); err != nil {
		w.t.Fatal(err)
	}
}

func (w *writer) change(rt *rapid.T, data []byte) {
	if len(data) == 0 {
		return
	}
	off := w.f.Size()
	if w.f.Target().Intent == content.IntentAppend {
		w.tail = append(w.tail, data...)
	} else {
		off = int64(rapid.IntRange(0, len(w.view)).Draw(rt, "off"))
		w.view = append(w.view, make([]byte, max(0, int(off)+len(data)-len(w.view)))...)
		copy(w.view[off:], data)
	}
	if _, err := w.f.WriteAt(data, off); err != nil {
		rt.Fatal(err)
	}
	w.Wrote(w.f)
	w.idle(w.f)
}

func (w *writer) cut(rt *rapid.T, to int64) {
	if err := w.f.Truncate(to); err != nil {
		rt.Fatal(err)
	}
	w.view = append(w.view, make([]byte, max(0, int(to)-len(w.view)))...)[:to]
}

// save stores the file and checks what became of it.
func (w *writer) save(rt *rapid.T) {
	before, now, there := get(w.t, w.mem, "k")
	base, limit, based := w.f.Base()
	intent, dirty := w.f.Target().Intent, w.f.Dirty()
	want, fails := before, object.Kind(0)
	switch {
	case !dirty:
	case intent == content.IntentAppend:
		want = append(bytes.Clone(before), w.tail...)
	case intent == content.IntentReplace && limit == 0:
		want = w.view
	case based && (!there || now.ETag != base.ETag || now.Size != base.Size):
		fails = object.KindChanged
	case !based && there:
		fails = object.KindExists
	default:
		want = w.view
	}
	_, err := w.Store(bg, w.f)
	what := fmt.Sprintf("intent %d, based %t, there %t, %d bytes before, limit %d", intent, based, there, len(before), limit)
	if fails != 0 {
		if !object.Is(err, fails) {
			rt.Fatalf("%s: %v, want %v", what, err, fails)
		}
		if _, failed := w.f.Failed(); !failed {
			rt.Fatalf("%s: the conflict is not in the journal", what)
		}
		w.close()
	} else if err != nil {
		rt.Fatalf("%s: %v", what, err)
	}
	if after, _, _ := get(w.t, w.mem, "k"); !bytes.Equal(after, want) {
		rt.Fatalf("%s: the bucket has %d bytes %.20x, want %d %.20x", what, len(after), after, len(want), want)
	}
	stored := intent != content.IntentAppend || len(w.tail) > 0 || !based
	w.tail = nil
	if w.f == nil || !dirty || !stored {
		return
	}
	w.checkView(rt, want, what)
}

// checkView compares what the machine shows of the file after a store.
func (w *writer) checkView(rt *rapid.T, want []byte, what string) {
	if w.f.Dirty() {
		if w.f.Target().Intent != content.IntentAppend || w.f.Size() != int64(len(want)) {
			rt.Fatalf("%s: the file is still dirty", what)
		}
		return // its own view, see appendedTo
	}
	if got := w.read(w.f); !bytes.Equal(got, want) {
		rt.Fatalf("%s: the file shows %d bytes %.20x, want %d %.20x", what, len(got), got, len(want), want)
	}
	w.view = want
}
