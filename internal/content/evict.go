package content

import (
	"cmp"
	"errors"
	"io/fs"
	"slices"
	"time"
)

// An idleFile is a clean file that nobody refers to. Store.mu guards the list; the fields do not change.
type idleFile struct {
	name       versionName
	id         string
	bytes      int64 // on disk, with fileCost
	used       time.Time
	prev, next *idleFile
}

func (e *idleFile) sidecar() string { return sidecarPath(e.name, e.id) }

func sidecarPath(n versionName, id string) string { return dirClean + "/" + n.String() + "-" + id }

// idleList is the clean files without a reference, the least recently used first.
type idleList struct {
	byName map[versionName]*idleFile
	ring   idleFile // ring.next is the oldest
}

func (l *idleList) init() {
	l.byName = map[versionName]*idleFile{}
	l.ring.prev, l.ring.next = &l.ring, &l.ring
}

// put adds e as the most recently used. No other entry has its name.
func (l *idleList) put(e *idleFile) {
	l.byName[e.name] = e
	e.prev, e.next = l.ring.prev, &l.ring
	e.prev.next, e.next.prev = e, e
}

// take removes the entry of a version and returns it, nil if there is none.
func (l *idleList) take(n versionName) *idleFile {
	e := l.byName[n]
	if e != nil {
		delete(l.byName, n)
		e.prev.next, e.next.prev = e.next, e.prev
	}
	return e
}

// oldest removes the least recently used entry and returns it, nil if the list is empty.
func (l *idleList) oldest() *idleFile {
	if l.ring.next == &l.ring {
		return nil
	}
	return l.take(l.ring.next.name)
}

// evictOne removes the least recently used clean file and tells whether there was one.
func (s *Store) evictOne() bool {
	s.mu.Lock()
	e := s.idle.oldest()
	s.mu.Unlock()
	if e == nil {
		return false
	}
	s.removeIdle(e)
	s.budget.used.Add(-e.bytes)
	return true
}

// Evict removes all clean files that nobody refers to.
func (s *Store) Evict() {
	for s.evictOne() {
	}
}

// removeIdle removes the files of an entry that is not in the list any more. The checksums go first: without them the
// bytes are nobody's.
func (s *Store) removeIdle(e *idleFile) {
	for _, name := range []string{e.sidecar(), dirData + "/" + e.id} {
		if err := s.disk.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.log.Warn("cannot remove a file of the local store", "file", name, "err", err)
		}
	}
}

// addIdle puts a clean file that lost its last reference on the list, unless it has a new one. The caller holds f.mu.
func (s *Store) addIdle(f *File) {
	name := nameOf(f.base)
	s.mu.Lock()
	if f.refs > 0 || !f.listed || s.byVersion[name] != f {
		s.mu.Unlock()
		return
	}
	delete(s.byVersion, name)
	delete(s.files, f.id)
	f.listed = false
	s.idle.put(&idleFile{name: name, id: f.dataName, bytes: f.charged.total, used: time.Now()})
	f.charged = charge{}
	crowded := len(s.idle.byName) > maxIdle
	s.mu.Unlock()
	if crowded {
		s.evictOne()
	}
}

// What a reader of an open clean file keeps when room is short: a little behind it for short seeks, and the read-ahead.
const (
	keepBehind = 1 << 20
	keepAhead  = 64 << 20
)

// shrinkOpen frees fetched bytes of clean files that are open, which can be fetched again, and returns how many bytes.
// The files that hold the most go first.
func (s *Store) shrinkOpen(need int64) int64 {
	s.mu.Lock()
	files := s.filesLocked()
	s.mu.Unlock()
	held := make(map[*File]int64, len(files))
	files = slices.DeleteFunc(files, func(f *File) bool {
		f.mu.RLock()
		defer f.mu.RUnlock()
		held[f] = f.filled.total
		return f.dirty || f.pinned || f.filled.total == 0
	})
	slices.SortFunc(files, func(a, b *File) int { return cmp.Compare(held[b], held[a]) })
	freed := int64(0)
	for _, f := range files {
		if freed >= need {
			break
		}
		freed += f.shrink(need - freed)
	}
	return freed
}

// shrink frees up to about need fetched bytes away from where f was read last, and returns how many.
func (f *File) shrink(need int64) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dirty || f.pinned || f.data == nil {
		return 0
	}
	if err := f.beforeOverwrite(); err != nil {
		return 0
	}
	at := f.lastRead.Load()
	var victims []Range
	pick := func(rs []Range) {
		for _, r := range rs {
			if need <= 0 {
				return
			}
			victims = append(victims, r)
			need -= r.Len
		}
	}
	pick(f.filled.ranges(0, blockStart(at-keepBehind)))
	if need > 0 {
		pick(f.filled.ranges(blockEnd(at+keepAhead), f.size))
	}
	freed := int64(0)
	for _, r := range victims {
		if f.data.Punch(r.Off, r.Len) != nil {
			break
		}
		f.forgetFilled(r.Off, r.End())
		freed += r.Len
	}
	f.account()
	return freed
}

// blockStart and blockEnd round to the blocks of the checksums.
func blockStart(off int64) int64 { return max(0, off) / blockSize * blockSize }
func blockEnd(off int64) int64   { return (off + blockSize - 1) / blockSize * blockSize }
