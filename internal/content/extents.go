package content

import (
	"slices"
	"sort"
)

// A Range is a part of a file, in bytes.
type Range struct{ Off, Len int64 }

// End is the first byte behind the range.
func (r Range) End() int64 { return r.Off + r.Len }

// An extent is [off,end) with a tag: the generation of a write, the reason why bytes are gone, or 0.
type extent struct {
	off, end int64
	tag      uint64
}

// chunkExtents bounds what one insertion moves (256 extents of 24 bytes, 6 KiB), so that a million random writes cost
// a few microseconds and 24 to 48 bytes each.
const chunkExtents = 256

// extents is a sorted set of disjoint ranges; neighbours with the same tag are one. The zero value is empty. It is a
// list of short sorted slices, none of them empty.
type extents struct {
	chunks [][]extent
	n      int
	total  int64 // bytes in all ranges
}

// find returns the place of the first extent that ends behind off; c is len(s.chunks) if there is none.
func (s *extents) find(off int64) (c, i int) {
	c = sort.Search(len(s.chunks), func(c int) bool {
		k := s.chunks[c]
		return k[len(k)-1].end > off
	})
	if c == len(s.chunks) {
		return c, 0
	}
	k := s.chunks[c]
	return c, sort.Search(len(k), func(i int) bool { return k[i].end > off })
}

// each calls fn for what is there in [off,end), cut to it, in order, until fn returns false. fn must not change s.
func (s *extents) each(off, end int64, fn func(extent) bool) {
	for c, i := s.find(off); c < len(s.chunks); c, i = c+1, 0 {
		for k := s.chunks[c]; i < len(k); i++ {
			e := k[i]
			if e.off >= end {
				return
			}
			e.off, e.end = max(e.off, off), min(e.end, end)
			if e.off < e.end && !fn(e) {
				return
			}
		}
	}
}

// gaps calls fn for each stretch of [off,end) that is not in s, in order, until fn returns false.
func (s *extents) gaps(off, end int64, fn func(off, end int64) bool) {
	stopped := false
	s.each(off, end, func(e extent) bool {
		if off < e.off && !fn(off, e.off) {
			stopped = true
			return false
		}
		off = e.end
		return true
	})
	if !stopped && off < end {
		fn(off, end)
	}
}

// has tells whether all of [off,end) is in s.
func (s *extents) has(off, end int64) bool {
	all := true
	s.gaps(off, end, func(int64, int64) bool { all = false; return false })
	return all
}

// any tells whether a byte of [off,end) is in s.
func (s *extents) any(off, end int64) bool {
	some := false
	s.each(off, end, func(extent) bool { some = true; return false })
	return some
}

// first returns where s begins.
func (s *extents) first() (off int64, ok bool) {
	if s.n == 0 {
		return 0, false
	}
	return s.chunks[0][0].off, true
}

// add puts [off,end) into s under tag, over whatever was there.
func (s *extents) add(off, end int64, tag uint64) {
	if off >= end {
		return
	}
	s.cut(off, end)
	s.total += end - off
	c, i := s.find(off)
	var prev, next *extent
	switch {
	case i > 0:
		prev = &s.chunks[c][i-1]
	case c > 0:
		k := s.chunks[c-1]
		prev = &k[len(k)-1]
	}
	if c < len(s.chunks) {
		next = &s.chunks[c][i]
	}
	toPrev := prev != nil && prev.end == off && prev.tag == tag
	toNext := next != nil && next.off == end && next.tag == tag
	switch {
	case toPrev && toNext:
		prev.end = next.end
		s.remove(c, i, i+1)
	case toPrev:
		prev.end = end
	case toNext:
		next.off = off
	default:
		s.insert(c, i, extent{off, end, tag})
	}
}

// cut takes [off,end) out of s.
func (s *extents) cut(off, end int64) {
	if off >= end {
		return
	}
	c, i := s.find(off)
	for c < len(s.chunks) {
		if i == len(s.chunks[c]) {
			c, i = c+1, 0
			continue
		}
		e := &s.chunks[c][i]
		if e.off >= end {
			return
		}
		switch {
		case e.off < off && e.end > end:
			right := extent{end, e.end, e.tag}
			e.end = off
			s.total -= end - off
			s.insert(c, i+1, right)
			return
		case e.off < off:
			s.total -= e.end - off
			e.end = off
			i++
		case e.end > end:
			s.total -= end - e.off
			e.off = end
			return
		default:
			i = s.cutWhole(c, i, end)
		}
	}
}

// cutWhole removes the extents of chunk c from i on that end at or before end, and returns where to go on in the
// chunk that is at c then.
func (s *extents) cutWhole(c, i int, end int64) int {
	k := s.chunks[c]
	j := i
	for j < len(k) && k[j].end <= end {
		s.total -= k[j].end - k[j].off
		j++
	}
	if j-i == len(k) {
		s.remove(c, i, j)
		return 0
	}
	s.remove(c, i, j)
	return i
}

func (s *extents) insert(c, i int, e extent) {
	s.n++
	if c == len(s.chunks) {
		if c == 0 {
			s.chunks = append(s.chunks, []extent{e})
			return
		}
		c--
		i = len(s.chunks[c])
	}
	k := s.chunks[c]
	if len(k) == chunkExtents {
		half := chunkExtents / 2
		right := append(make([]extent, 0, chunkExtents), k[half:]...)
		s.chunks[c] = k[:half]
		s.chunks = slices.Insert(s.chunks, c+1, right)
		if i > half {
			c, i = c+1, i-half
		}
	}
	s.chunks[c] = slices.Insert(s.chunks[c], i, e)
}

func (s *extents) remove(c, i, j int) {
	s.n -= j - i
	if k := slices.Delete(s.chunks[c], i, j); len(k) > 0 {
		s.chunks[c] = k
		return
	}
	s.chunks = slices.Delete(s.chunks, c, c+1)
}

// ranges returns what is there in [off,end), with neighbours of different tags joined.
func (s *extents) ranges(off, end int64) []Range {
	var out []Range
	s.each(off, end, func(e extent) bool {
		if n := len(out); n > 0 && out[n-1].End() == e.off {
			out[n-1].Len += e.end - e.off
		} else {
			out = append(out, Range{e.off, e.end - e.off})
		}
		return true
	})
	return out
}
