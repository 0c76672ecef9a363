package content

import (
	"maps"
	"math"
	"slices"
)

// The tags of image.gone.
const (
	goneSent = 1 // freed by PunchSent
	goneLost = 2 // found lost after a power failure
)

// An image is what a file is made of, without its bytes. The journal's slots are changes of an image: what a File does
// at run time and what recovery replays are the same methods.
//
// Every byte of [0,size) is of exactly one sort: written (of these some zero, some gone), else of the base (below
// limit), local if filled, else a hole that was never written, which only a damaged journal can leave.
type image struct {
	size    int64
	base    Version
	hasBase bool
	limit   int64 // the base shows below it: its size, or the lowest truncation since

	written extents // not of the base; tags are generations
	zero    extents // within written: reads as zeros whatever the disk has
	gone    extents // within written: not on the disk any more
	filled  extents // of the base and local; outside of written

	target Target
	upload *Upload
	tries  []Try  // oldest first; Gen is a tag like those of written
	reason string // set by Fail
	closed bool   // the writer closed it and nothing changed since

	metaTag, sizeTag uint64 // while slots are added up: of the last change of the target or the size, and of the size
}

func (m *image) write(off, end int64, gen uint64) {
	m.closed = false
	m.filled.cut(off, end)
	m.zero.cut(off, end)
	m.gone.cut(off, end)
	m.written.add(off, end, gen)
	m.size = max(m.size, end)
	m.unsend(off, end)
}

func (m *image) setZero(off, end int64, gen uint64) {
	m.write(off, end, gen)
	m.zero.add(off, end, 0)
}

// truncate sets the size. What is new is zero; what is gone of the base never comes back.
func (m *image) truncate(size int64, gen uint64) {
	m.closed = false
	if size >= m.size {
		if size > m.size {
			m.setZero(m.size, size, gen)
		}
		return
	}
	m.unsend(size, m.size)
	for _, s := range []*extents{&m.written, &m.zero, &m.gone, &m.filled} {
		s.cut(size, math.MaxInt64)
	}
	m.size = size
	m.limit = min(m.limit, size)
}

// lose marks what a power failure took.
func (m *image) lose(off, end int64, gen uint64) {
	m.write(off, end, gen)
	m.gone.add(off, end, goneLost)
}

// unsend forgets the parts that have bytes of [off,end).
func (m *image) unsend(off, end int64) {
	if m.upload == nil || len(m.upload.Parts) == 0 {
		return
	}
	parts := m.upload.Parts
	if last := parts[len(parts)-1]; off >= last.end() {
		return
	}
	m.upload.Parts = slices.DeleteFunc(parts, func(p SentPart) bool { return p.Off < end && off < p.end() })
}

// sent adds a part, in the order of the offsets and in the place of those that it overlaps.
func (m *image) sent(p SentPart) {
	if m.upload == nil {
		return
	}
	m.unsend(p.Off, p.end())
	parts := m.upload.Parts
	i := len(parts)
	for i > 0 && parts[i-1].Off > p.Off {
		i--
	}
	m.upload.Parts = slices.Insert(parts, i, p)
}

// punched marks the bytes of sent parts that were freed.
func (m *image) punched(off, end int64) {
	m.zero.cut(off, end)
	var add []extent
	m.written.each(off, end, func(e extent) bool { add = append(add, e); return true })
	for _, e := range add {
		m.gone.add(e.off, e.end, goneSent)
	}
}

// local is how many bytes are on the disk.
func (m *image) local() int64 { return m.filled.total + m.dirtyLocal() }

func (m *image) dirtyLocal() int64 { return m.written.total - m.zero.total - m.gone.total }

func (t Target) clone() Target {
	t.Metadata = maps.Clone(t.Metadata)
	return t
}

func (u *Upload) clone() *Upload {
	if u == nil {
		return nil
	}
	c := *u
	c.Parts = slices.Clone(u.Parts)
	return &c
}
