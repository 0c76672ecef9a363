package content

import (
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// check panics where s is not what its comment says; tests call it after each step.
func (s *extents) check(t interface{ Fatalf(string, ...any) }) {
	n, total, last := 0, int64(0), extent{off: -1, end: -1}
	for _, k := range s.chunks {
		if len(k) == 0 || len(k) > chunkExtents {
			t.Fatalf("chunk of %d extents", len(k))
		}
		for _, e := range k {
			if e.off >= e.end || e.off < last.end {
				t.Fatalf("extent %v behind %v", e, last)
			}
			if e.off == last.end && e.tag == last.tag && n > 0 {
				t.Fatalf("%v and %v are not joined", last, e)
			}
			n, total, last = n+1, total+e.end-e.off, e
		}
	}
	if n != s.n || total != s.total {
		t.Fatalf("counted %d extents, %d bytes; s says %d, %d", n, total, s.n, s.total)
	}
}

func TestExtentsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		space := rapid.SampledFrom([]int64{40, 3000}).Draw(t, "space")
		model := make([]uint64, space) // tag + 1, 0 is not there
		var s extents
		steps := rapid.IntRange(1, 400).Draw(t, "steps")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		for range steps {
			off := rng.Int64N(space)
			end := min(space, off+rng.Int64N(space/8+2))
			tag := rng.Uint64N(3)
			if rng.IntN(4) == 0 {
				s.cut(off, end)
				fillTags(model[off:end], 0)
			} else {
				s.add(off, end, tag)
				fillTags(model[off:end], tag+1)
			}
			s.check(t)
			compareExtents(t, &s, model, rng.Int64N(space), rng.Int64N(space))
		}
	})
}

func fillTags(m []uint64, v uint64) {
	for i := range m {
		m[i] = v
	}
}

func compareExtents(t *rapid.T, s *extents, model []uint64, off, end int64) {
	got := make([]uint64, len(model))
	s.each(off, end, func(e extent) bool { fillTags(got[e.off:e.end], e.tag+1); return true })
	gap := make([]bool, len(model))
	s.gaps(off, end, func(a, b int64) bool {
		for ; a < b; a++ {
			gap[a] = true
		}
		return true
	})
	all, some := true, false
	for i := off; i < end; i++ {
		if got[i] != model[i] || gap[i] != (model[i] == 0) {
			t.Fatalf("byte %d of [%d,%d): %d, gap %v; want %d", i, off, end, got[i], gap[i], model[i])
		}
		all, some = all && model[i] != 0, some || model[i] != 0
	}
	if s.has(off, end) != all || s.any(off, end) != some {
		t.Fatalf("[%d,%d): has %v, any %v; want %v, %v", off, end, s.has(off, end), s.any(off, end), all, some)
	}
	for i, r := range s.ranges(off, end) {
		if i > 0 && r.Off == s.ranges(off, end)[i-1].End() {
			t.Fatalf("ranges %v touch", s.ranges(off, end))
		}
	}
}

func TestExtentsManyRandomWritesStaySmall(t *testing.T) {
	var s extents
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		off := rng.Int64N(1<<26) * 8192
		s.add(off, off+4096, 1)
	}
	s.check(t)
	room := 0
	for _, k := range s.chunks {
		room += cap(k) * 24
	}
	if room > 64*s.n {
		t.Errorf("%d extents take %d bytes, more than 64 each", s.n, room)
	}
}
