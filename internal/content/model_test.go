package content

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"pgregory.net/rapid"
)

// fileModel is one file as a plain slice, beside the File that is to be like it.
type fileModel struct {
	t    *rapid.T
	disk *memDisk
	s    *Store
	f    *File

	want []byte
	base []byte // content of the version v; nil if there is none
	v    Version
	n    int // versions made

	snapGen uint64
	snap    []byte // the content at snapGen; nil if there is none
}

func (m *fileModel) must(err error) {
	if err != nil {
		m.t.Fatalf("%v", err)
	}
}

func (m *fileModel) open() {
	s, err := Open(Options{Dir: "mem", KeepFree: -1, disk: m.disk})
	m.must(err)
	m.s = s
}

// find gets the file after a restart: from the journal if it was dirty, else as a version.
func (m *fileModel) find(dirty bool) {
	m.snap = nil
	files := m.s.Recovered()
	if dirty != (len(files) == 1) {
		m.t.Fatalf("%d files recovered, was dirty: %v", len(files), dirty)
	}
	if dirty {
		m.f = files[0]
		return
	}
	f, err := m.s.Version(m.v)
	m.must(err)
	m.f = f
}

func (m *fileModel) grow(size int64) {
	if n := size - int64(len(m.want)); n > 0 {
		m.want = append(m.want, make([]byte, n)...)
	}
}

// read reads through: what is missing is filled from the base.
func (m *fileModel) read(off, n int64) []byte {
	b := make([]byte, n)
	for {
		k, err := m.f.ReadAt(b, off)
		var miss *MissingError
		if !errors.As(err, &miss) {
			if err != nil && err != io.EOF {
				m.t.Fatalf("ReadAt: %v", err)
			}
			return b[:k]
		}
		if miss.Sent || miss.Lost || miss.Range.End() > int64(len(m.base)) {
			m.t.Fatalf("ReadAt: %v, base of %d", miss, len(m.base))
		}
		m.must(m.f.Fill(m.base[miss.Range.Off:miss.Range.End()], miss.Range.Off))
	}
}

func (m *fileModel) check() {
	if m.f.Size() != int64(len(m.want)) {
		m.t.Fatalf("size %d, want %d", m.f.Size(), len(m.want))
	}
	dirty := make([]bool, len(m.want))
	for _, r := range m.f.DirtyRanges() {
		for i := r.Off; i < r.End(); i++ {
			dirty[i] = true
		}
	}
	_, limit, _ := m.f.Base()
	for i := range m.want {
		if !dirty[i] && (int64(i) >= limit || m.base[i] != m.want[i]) {
			m.t.Fatalf("byte %d is not dirty and not the base's; limit %d", i, limit)
		}
	}
	for _, s := range []*extents{&m.f.written, &m.f.zero, &m.f.filled, &m.f.gone, &m.f.stale} {
		s.check(m.t)
	}
	m.checkHoles()
}

// checkHoles verifies that no byte that is not zero is told to be a hole.
func (m *fileModel) checkHoles() {
	for off := int64(0); off < int64(len(m.want)); {
		data, err := m.f.NextData(off)
		if err != nil {
			data = int64(len(m.want))
		}
		for i := off; i < data; i++ {
			if m.want[i] != 0 {
				m.t.Fatalf("byte %d is in a hole", i)
			}
		}
		if data == int64(len(m.want)) {
			return
		}
		hole, err := m.f.NextHole(data)
		if err != nil || hole <= data {
			m.t.Fatalf("NextHole(%d) = %d, %v", data, hole, err)
		}
		off = hole
	}
}

func (m *fileModel) checkContent() {
	if got := m.read(0, int64(len(m.want))); !bytes.Equal(got, m.want) {
		m.t.Fatalf("content differs at %d", firstDiff(got, m.want))
	}
}

func (m *fileModel) actions() map[string]func(*rapid.T) {
	space := rapid.Int64Range(0, 3*blockSize)
	length := rapid.OneOf(rapid.Int64Range(1, 9000), rapid.Int64Range(1, 2*blockSize))
	return map[string]func(*rapid.T){
		"": func(t *rapid.T) { m.t = t; m.check() },
		"write": func(t *rapid.T) {
			off, b := space.Draw(t, "off"), pattern(int(length.Draw(t, "len")), rapid.Byte().Draw(t, "seed"))
			_, err := m.f.WriteAt(b, off)
			m.must(err)
			m.grow(off + int64(len(b)))
			copy(m.want[off:], b)
		},
		"append": func(t *rapid.T) {
			b := pattern(int(length.Draw(t, "len")), rapid.Byte().Draw(t, "seed"))
			_, err := m.f.WriteAt(b, int64(len(m.want)))
			m.must(err)
			m.want = append(m.want, b...)
		},
		"truncate": func(t *rapid.T) {
			size := space.Draw(t, "size")
			m.must(m.f.Truncate(size))
			m.grow(size)
			m.want = m.want[:size:size]
		},
		"zero": func(t *rapid.T) {
			off, n := space.Draw(t, "off"), length.Draw(t, "len")
			m.must(m.f.Zero(off, n))
			if size := int64(len(m.want)); off < size {
				clear(m.want[off:min(size, off+n)])
			}
		},
		"read": func(t *rapid.T) {
			off, n := space.Draw(t, "off"), length.Draw(t, "len")
			size := int64(len(m.want))
			if got := m.read(off, n); !bytes.Equal(got, m.want[min(off, size):min(off+n, size)]) {
				t.Fatalf("ReadAt(%d, %d) differs", off, n)
			}
		},
		"fill": func(t *rapid.T) {
			off, n := space.Draw(t, "off"), length.Draw(t, "len")
			if size := int64(len(m.base)); off < size {
				m.must(m.f.Fill(m.base[off:min(size, off+n)], off))
			}
		},
		"sync":     func(t *rapid.T) { m.must(m.f.Sync()) },
		"snapshot": func(t *rapid.T) { m.snapGen, m.snap = m.f.Generation(), bytes.Clone(m.want) },
		"stored": func(t *rapid.T) {
			if m.snap == nil || !m.f.Dirty() {
				return
			}
			m.n++
			m.v = Version{Key: "k", ETag: fmt.Sprint("e", m.n), Size: int64(len(m.snap))}
			m.must(m.f.Stored(m.snapGen, m.v))
			m.base, m.snap = m.snap, nil
			if m.base == nil {
				m.base = []byte{}
			}
		},
		"kill": func(t *rapid.T) {
			dirty := m.f.Dirty()
			m.must(m.s.unlock())
			m.open()
			m.find(dirty)
		},
		"reopen": func(t *rapid.T) {
			dirty := m.f.Dirty()
			if rapid.Bool().Draw(t, "release") {
				m.f.Release()
			}
			m.must(m.s.Close())
			if rapid.Bool().Draw(t, "reboot") {
				m.disk.boot += "x"
			}
			m.open()
			m.find(dirty)
		},
		"content": func(t *rapid.T) { m.checkContent() },
	}
}

// TestFileModel compares a File with a slice over random calls, uploads and restarts.
func TestFileModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &fileModel{t: t, disk: newMemDisk()}
		m.open()
		f, err := m.s.Create("k")
		m.must(err)
		m.f = f
		t.Repeat(m.actions())
		m.checkContent()
	})
}
