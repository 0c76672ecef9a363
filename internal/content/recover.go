package content

import (
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"slices"
	"time"
)

// A replayed record is what its slots add up to.
type replayed struct {
	head      header
	img       *image // tags: number of the slot + 1
	old       *image // by the slots before committed alone
	start     int64  // of slot 0
	slots     int
	committed int
	writes    []int // numbers of the write slots behind committed, with their ranges and checksums
	ranges    []slot
	damaged   bool // slots in the middle are bad
}

// replay adds up a record. A bad slot before the last commit, or in the boot in which it was written, is damage: what is
// behind it still counts. After a power loss, slots that no Sync confirmed count up to the first bad one, since zeros
// that a later write leaves before it are zeros only if nothing between is missing.
func replay(b []byte, sameBoot bool) (*replayed, error) {
	h, start, err := parseHeader(b)
	if err != nil {
		return nil, err
	}
	r := &replayed{head: h, img: h.image(), old: h.image(), start: int64(start)}
	body := b[min(start, len(b)):]
	r.slots = lastSlot(body) + 1
	var notes, oldNotes noteReader
	for n := range r.slots {
		if s, ok := parseSlot(body[n*slotSize:], n); ok && s.kind == slotCommit && s.a >= 0 {
			r.committed = max(r.committed, int(min(s.a, int64(n))))
		}
	}
	for n := range r.slots {
		s, ok := parseSlot(body[n*slotSize:], n)
		if !ok && n >= r.committed && !sameBoot {
			r.slots = n
			break
		}
		if !ok {
			r.damaged = true
			continue
		}
		step(r.img, &notes, s, n)
		if n < r.committed {
			step(r.old, &oldNotes, s, n)
		} else if s.kind == slotWrite {
			r.writes, r.ranges = append(r.writes, n), append(r.ranges, s)
		}
	}
	return r, nil
}

func step(m *image, notes *noteReader, s slot, number int) {
	if notes.add(s) {
		m.note(notes.sort, notes.text, uint64(number)+1)
	}
	m.apply(s, uint64(number)+1)
}

// lastSlot returns the number of the last good slot, -1 if there is none. What is behind it was torn.
func lastSlot(body []byte) int {
	for n := len(body)/slotSize - 1; n >= 0; n-- {
		if _, ok := parseSlot(body[n*slotSize:], n); ok {
			return n
		}
	}
	return -1
}

// recover finds the dirty files of earlier runs. All records are read before anything is changed, so that one of a
// newer format leaves everything as it is.
func (s *Store) recover() error {
	names, err := s.disk.ReadDir(dirJournal)
	if err != nil {
		return fmt.Errorf("cannot read the journal: %w", err)
	}
	boot, err := s.readFile("boot")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot read the journal: %w", err)
	}
	same := len(boot) > 0 && string(boot) == s.disk.Boot()
	for _, check := range []bool{true, false} {
		for _, id := range names {
			if err := s.recoverRecord(id, same, check); err != nil {
				return fmt.Errorf("cannot recover %s: %w", id, err)
			}
		}
	}
	slices.SortFunc(s.recovered, func(a, b *File) int { return cmp.Or(a.changed.Compare(b.changed), cmp.Compare(a.id, b.id)) })
	if now := s.disk.Boot(); !same && now != "" {
		return s.writeFile("boot", []byte(now), true)
	}
	return nil
}

// recoverRecord makes a File of a record; with check it only looks for a newer format.
func (s *Store) recoverRecord(id string, sameBoot, check bool) error {
	name := dirJournal + "/" + id
	b, err := s.readFile(name)
	if err != nil {
		return err
	}
	var newer *newerError
	if check {
		if _, _, err := parseHeader(b); errors.As(err, &newer) {
			return &FormatError{Dir: s.dir, Have: newer.version, Want: recordVersion}
		}
		return nil
	}
	r, err := replay(b, sameBoot)
	if err != nil {
		return s.setAside(id, b, err)
	}
	st, err := s.disk.Stat(name)
	if err != nil {
		return err
	}
	f := newFile(s, id)
	if r.head.Data != "" {
		f.dataName = r.head.Data
	}
	if _, err := s.disk.Stat(f.dataPath()); errors.Is(err, fs.ErrNotExist) {
		s.log.Warn("removed a journal record whose bytes were stored and evicted already", "id", id, "key", r.head.target().Key)
		return s.disk.Remove(name)
	}
	return s.adopt(f, r, sameBoot, st.MTime)
}

// setAside keeps a record that cannot be read. One that was never written, which can be since no call had returned yet
// or power was lost before a Sync, is removed.
func (s *Store) setAside(id string, b []byte, cause error) error {
	if !slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) {
		return s.disk.Remove(dirJournal + "/" + id)
	}
	s.log.Error("cannot read a journal record; it is kept aside", "id", id, "folder", dirBad, "err", cause)
	err := ignoreMissing(s.disk.Rename(dirData+"/"+id, dirBad+"/"+id+".data"))
	return errors.Join(err, s.disk.Rename(dirJournal+"/"+id, dirBad+"/"+id))
}

// adopt makes f the dirty file of a record. In the boot in which it was written the kernel still has every byte that
// was handed to it, or the disk does. In a later one what no Sync confirmed must prove itself by its checksums.
func (s *Store) adopt(f *File, r *replayed, sameBoot bool, changed time.Time) error {
	f.image, f.dirty, f.onDisk, f.changed = *r.img, true, true, changed
	f.log = logEnd{start: r.start, slots: r.slots, committed: r.committed}
	if err := f.open(); err != nil {
		return err
	}
	if r.damaged {
		f.reason = cmp.Or(f.reason, "the journal record is damaged: some of what was written may be missing")
		f.tries = nil
	}
	if !sameBoot {
		if err := f.prove(r); err != nil {
			return err
		}
	}
	f.renumber()
	if size, err := f.data.Size(); err == nil {
		f.stale.add(f.size, size, 0)
	}
	f.zero.each(0, math.MaxInt64, func(e extent) bool { f.stale.add(e.off, e.end, 0); return true })
	if !sameBoot || r.damaged {
		if err := f.rewrite(); err != nil {
			return err
		}
	}
	f.account()
	s.files[f.id] = f
	s.recovered = append(s.recovered, f)
	return f.closeFiles()
}

// prove keeps of the writes that no Sync confirmed those whose bytes are on the disk. A write that is covered in part
// by a later one cannot be proved. Where a write is lost the file is as it was at the last Sync, or the base shows
// again, or, where there is neither, the bytes are marked as lost.
func (f *File) prove(r *replayed) error {
	pieces := map[uint64][]extent{}
	var open extents
	f.written.each(0, math.MaxInt64, func(e extent) bool {
		if e.tag > uint64(r.committed) {
			f.zero.gaps(e.off, e.end, func(a, b int64) bool { open.add(a, b, e.tag); return true })
		}
		return true
	})
	f.gone.each(0, math.MaxInt64, func(e extent) bool { open.cut(e.off, e.end); return true })
	open.each(0, math.MaxInt64, func(e extent) bool {
		pieces[e.tag] = append(pieces[e.tag], e)
		return true
	})
	var bad extents
	for i, n := range r.writes {
		p, w := pieces[uint64(n)+1], r.ranges[i]
		if len(p) == 1 && p[0].off == w.a && p[0].end == w.b {
			ok, err := f.proved(w)
			if err != nil {
				return err
			}
			if ok {
				continue
			}
		}
		for _, e := range p {
			bad.add(e.off, e.end, 0)
		}
	}
	f.fallBack(bad, r.old)
	return nil
}

func (f *File) proved(w slot) (bool, error) {
	sum := crc32.New(castagnoli)
	n, err := io.Copy(sum, io.NewSectionReader(f.data, w.a, w.b-w.a))
	if err != nil {
		return false, fmt.Errorf("cannot read the local bytes: %w", err)
	}
	return n == w.b-w.a && sum.Sum32() == w.crc, nil
}

// fallBack replaces what is bad by what was there at the last Sync.
func (f *File) fallBack(bad extents, old *image) {
	if bad.n == 0 {
		return
	}
	f.tries = nil // what they sent is not what is here
	var lost extents
	bad.each(0, math.MaxInt64, func(e extent) bool {
		old.written.gaps(e.off, e.end, func(a, b int64) bool {
			if base := min(b, f.limit); a < base {
				f.written.cut(a, base)
				a = base
			}
			lost.add(a, b, 0)
			return true
		})
		old.zero.each(e.off, e.end, func(z extent) bool { f.zero.add(z.off, z.end, 0); return true })
		old.gone.each(e.off, e.end, func(g extent) bool { f.gone.add(g.off, g.end, g.tag); return true })
		return true
	})
	first, some := lost.first()
	if some && f.target.Intent == IntentAppend && first >= max(f.target.AppendFrom, old.size) {
		f.truncate(first, f.gen)
		f.s.log.Warn("the end of an appended file was lost with the power", "id", f.id, "key", f.target.Key, "size", first)
		return
	}
	lost.each(0, math.MaxInt64, func(e extent) bool { f.lose(e.off, e.end, f.gen); return true })
	f.closed = false
	f.reason = cmp.Or(f.reason, fmt.Sprintf("power was lost before %d bytes that had been written were on disk", bad.total))
}

func (h header) target() Target { return h.Target.target() }
