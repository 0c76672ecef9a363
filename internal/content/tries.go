package content

import (
	"math"
	"slices"
)

// maxTries is how many stores without an answer are remembered: more than can still be on their way.
const maxTries = 32

// Tried notes a store of the file as it is at t.Gen, before its request is sent, so that a later process recognizes
// the object that it made. It returns when the note survives the death of this one. Stored makes an end of all tries.
func (f *File) Tried(t Try) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.dirty || slices.ContainsFunc(f.tries, func(old Try) bool { return old.Nonce == t.Nonce }) {
		// Which of two stores with one upload was carried out cannot be told: the older one is right for both.
		return nil
	}
	if t.Gen != f.gen {
		t.Gen = 0
	}
	if err := f.writeNote(noteTry, t.json(false)); err != nil {
		return err
	}
	f.addTry(t)
	return nil
}

// Tries returns the stores without an answer, of this process and of earlier ones, oldest first.
func (f *File) Tries() []Try {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return slices.Clone(f.tries)
}

func (m *image) addTry(t Try) {
	if len(m.tries) >= maxTries {
		m.tries = slices.Delete(m.tries, 0, 1)
	}
	m.tries = append(m.tries, t)
}

func (t Try) json(moved bool) jsonTry {
	return jsonTry{Nonce: t.Nonce, Size: t.Size, Tail: t.Tail, Moved: moved || t.Gen == 0}
}

func (j jsonTry) try(gen uint64) Try {
	if j.Moved {
		gen = 0
	}
	return Try{Nonce: j.Nonce, Gen: gen, Size: j.Size, Tail: j.Tail}
}

// changedSince tells whether the file is another one than at gen. The caller holds f.mu.
func (f *File) changedSince(gen uint64) bool {
	if f.metaGen > gen {
		return true
	}
	changed := false
	f.written.each(0, math.MaxInt64, func(e extent) bool { changed = e.tag > gen; return !changed })
	return changed
}

// renumber makes generations of the numbers of slots: one for what was there at each try, and one for what came since,
// so that Stored can tell apart what a try sent.
func (f *File) renumber() {
	var at []uint64
	for _, t := range f.tries {
		if t.Gen != 0 {
			at = append(at, t.Gen)
		}
	}
	number := func(tag uint64) uint64 {
		n, _ := slices.BinarySearch(at, tag)
		return uint64(n) + 1
	}
	tags := f.written
	f.written = extents{}
	tags.each(0, math.MaxInt64, func(e extent) bool { f.written.add(e.off, e.end, number(e.tag)); return true })
	for i, t := range f.tries {
		if t.Gen != 0 {
			f.tries[i].Gen = number(t.Gen)
		}
	}
	f.metaGen, f.sizeGen, f.gen = number(f.metaTag), number(f.sizeTag), uint64(len(at))+1
}
