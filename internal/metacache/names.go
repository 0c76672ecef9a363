package metacache

import (
	"fmt"
	"os"
	"sort"
	"sync/atomic"
)

// spillAbove is the number of names from which a listing lives on disk.
const spillAbove = 20_000

// chunkItems is how many names are read and written together.
const chunkItems = 64

// names is a sequence of items that only grows, in memory or in a file without a name. Its user locks.
type names struct {
	dir    string        // for the file; "" is the system's
	budget int64         // bytes of all listings in memory, above which they go to disk
	used   *atomic.Int64 // bytes of all listings in memory

	n      int
	chunks [][]byte // in memory: full chunks
	bytes  int64    // of chunks
	offs   []int64  // on disk: where each full chunk begins, and the end of the last
	file   *os.File
	tail   []byte
}

func (s *names) append(it item) error {
	s.tail = appendItem(s.tail, it)
	s.n++
	if s.n%chunkItems != 0 {
		return nil
	}
	chunk := s.tail
	s.tail = nil
	if s.file != nil {
		return s.write(chunk)
	}
	s.chunks = append(s.chunks, chunk)
	s.bytes += int64(cap(chunk)) + 24
	total := s.used.Add(int64(cap(chunk)) + 24)
	if s.n <= spillAbove && total <= s.budget {
		return nil
	}
	err := s.spill()
	if s.file == nil && total <= s.budget {
		return nil // no file can be made, and memory still does
	}
	return err
}

// spill moves all names to a file.
func (s *names) spill() error {
	f, err := os.CreateTemp(s.dir, "listing")
	if err != nil {
		return fmt.Errorf("cannot make a file for a listing: %w", err)
	}
	os.Remove(f.Name())
	s.file, s.offs = f, []int64{0}
	for _, chunk := range s.chunks {
		if err := s.write(chunk); err != nil {
			return err
		}
	}
	s.used.Add(-s.bytes)
	s.chunks, s.bytes = nil, 0
	return nil
}

func (s *names) write(chunk []byte) error {
	end := s.offs[len(s.offs)-1]
	if _, err := s.file.WriteAt(chunk, end); err != nil {
		return fmt.Errorf("cannot write a listing to disk: %w", err)
	}
	s.offs = append(s.offs, end+int64(len(chunk)))
	return nil
}

// chunk returns the encoded items from i*chunkItems.
func (s *names) chunk(i int) ([]byte, error) {
	switch {
	case i == s.n/chunkItems:
		return s.tail, nil
	case s.file == nil:
		return s.chunks[i], nil
	}
	b := make([]byte, s.offs[i+1]-s.offs[i])
	if _, err := s.file.ReadAt(b, s.offs[i]); err != nil {
		return nil, fmt.Errorf("cannot read a listing from disk: %w", err)
	}
	return b, nil
}

// get returns up to n items from number from; fewer only at the end.
func (s *names) get(from, n int) ([]item, error) {
	n = min(n, s.n-from)
	if n <= 0 {
		return nil, nil
	}
	items := make([]item, 0, n)
	for i := from / chunkItems; len(items) < n; i++ {
		b, err := s.chunk(i)
		if err != nil {
			return nil, err
		}
		d := decoder[[]byte]{b: b}
		for j := i * chunkItems; len(d.b) > 0 && len(items) < n; j++ {
			it := d.item()
			if d.bad {
				return nil, fmt.Errorf("a listing on disk is damaged at name %d", j)
			}
			if j >= from {
				items = append(items, it)
			}
		}
	}
	return items, nil
}

// find returns the item raw and its number.
func (s *names) find(raw string) (item, int, bool) {
	full := (s.n + chunkItems - 1) / chunkItems
	after := sort.Search(full, func(i int) bool {
		b, err := s.chunk(i)
		d := decoder[[]byte]{b: b}
		return err != nil || d.text() > raw
	})
	if after == 0 {
		return item{}, 0, false
	}
	from := (after - 1) * chunkItems
	items, err := s.get(from, chunkItems)
	if err != nil {
		return item{}, 0, false
	}
	for i, it := range items {
		if it.raw == raw {
			return it, from + i, true
		}
	}
	return item{}, 0, false
}

// cost is the memory in bytes that the names take.
func (s *names) cost() int64 {
	return s.bytes + int64(cap(s.tail)) + 8*int64(cap(s.offs)) + 256
}

func (s *names) close() {
	s.used.Add(-s.bytes)
	s.chunks, s.bytes = nil, 0
	if s.file != nil {
		s.file.Close()
	}
}
