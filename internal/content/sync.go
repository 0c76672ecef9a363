package content

import (
	"errors"
	"fmt"
	"math"
)

// compactSlots is how many slots a record has at least before a Sync rewrites it: 256 KiB.
const compactSlots = 8 << 10

// Sync makes what was written before it durable: first the data, then a commit slot in the record, then the names of
// both. Others may read and write meanwhile; what they write is not covered.
func (f *File) Sync() error {
	f.syncMu.Lock()
	defer f.syncMu.Unlock()
	f.mu.Lock()
	if !f.dirty || f.durable() {
		defer f.mu.Unlock()
		return nil
	}
	if err := errors.Join(f.syncFailed, f.open()); err != nil {
		defer f.mu.Unlock()
		return err
	}
	covered, data := f.log.slots, f.data
	f.log.extend = false
	f.freeing, f.stale = f.stale, extents{}
	f.mu.Unlock()

	err := data.Sync()

	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.syncFailed = fmt.Errorf("cannot sync the local bytes: %w", err)
		err = f.syncFailed
	} else {
		err = f.commit(covered)
	}
	if err != nil {
		f.freeing.each(0, math.MaxInt64, func(e extent) bool { f.stale.add(e.off, e.end, 0); return true })
		f.freeing = extents{}
		return err
	}
	f.free(&f.freeing)
	if n := f.log.slots; n > maxSlots || n > compactSlots && n > 4*(f.written.n+f.zero.n+f.gone.n) {
		return f.rewrite()
	}
	return nil
}

// durable tells whether nothing happened since the last Sync.
func (f *File) durable() bool {
	l := &f.log
	return l.named && l.last.kind == slotCommit && l.committed == l.slots-1 && f.syncFailed == nil
}

// commit notes that the data of the slots before number covered are durable. The record is synced under the lock: it
// is small, and rarely has more than a page that was not written out.
func (f *File) commit(covered int) error {
	if err := f.append(slot{kind: slotCommit, a: int64(covered)}); err != nil {
		return err
	}
	if err := f.syncRecord(); err != nil {
		return err
	}
	f.log.committed = covered
	if covered == 0 {
		f.log.committed = 1
	}
	return nil
}

// rewrite replaces the record by one that has the present state in as few slots as can be, all of it durable: data
// first, then the new record, which takes the old one's name. The caller holds f.syncMu and f.mu.
func (f *File) rewrite() error {
	if err := errors.Join(f.syncFailed, f.open()); err != nil {
		return err
	}
	if err := f.data.Sync(); err != nil {
		f.syncFailed = fmt.Errorf("cannot sync the local bytes: %w", err)
		return f.syncFailed
	}
	head, err := encodeHeader(f.head())
	if err != nil {
		return err
	}
	tmp := dirTmp + "/" + f.id
	rec, err := f.s.disk.Open(tmp, true)
	if err != nil {
		return fmt.Errorf("cannot rewrite a journal record: %w", err)
	}
	slots, err := f.writeState(rec, head)
	if err == nil {
		err = rec.Sync()
	}
	if err == nil {
		err = f.s.disk.Rename(tmp, dirJournal+"/"+f.id)
	}
	if err != nil {
		err = fmt.Errorf("cannot rewrite a journal record: %w", err)
		return errors.Join(err, rec.Close(), ignoreMissing(f.s.disk.Remove(tmp)))
	}
	old := f.rec
	f.rec = rec
	f.log = logEnd{start: int64(len(head)), slots: slots, committed: slots - 1, last: slot{kind: slotCommit}}
	if err := errors.Join(old.Close(), f.syncNames()); err != nil {
		return err
	}
	f.free(&f.stale)
	f.free(&f.freeing)
	return nil
}

// writeState writes a whole record of the present state.
func (f *File) writeState(rec diskFile, head []byte) (slots int, err error) {
	w := &slotWriter{to: rec, buf: head}
	for _, r := range f.written.ranges(0, math.MaxInt64) {
		w.add(slot{kind: slotWrite, a: r.Off, b: r.End()})
	}
	f.zero.each(0, math.MaxInt64, func(e extent) bool {
		w.add(slot{kind: slotZero, a: e.off, b: e.end})
		return w.err == nil
	})
	f.gone.each(0, math.MaxInt64, func(e extent) bool {
		kind := byte(slotGone)
		if e.tag == goneLost {
			kind = slotLost
		}
		w.add(slot{kind: kind, a: e.off, b: e.end})
		return w.err == nil
	})
	if f.upload != nil {
		w.note(noteUpload, toJSONUpload(f.upload))
	}
	for _, t := range f.tries {
		w.note(noteTry, t.json(f.changedSince(t.Gen)))
	}
	if f.closed {
		w.add(slot{kind: slotClosed})
	}
	w.add(slot{kind: slotCommit, a: int64(w.slots)})
	w.flush()
	return w.slots, w.err
}

// A slotWriter writes many slots in pieces of 64 KiB, so that a million need no memory.
type slotWriter struct {
	to    diskFile
	buf   []byte
	at    int64
	slots int
	err   error
}

func (w *slotWriter) add(s slot) {
	n := len(w.buf)
	w.buf = append(w.buf, make([]byte, slotSize)...)
	s.encode(w.buf[n:], w.slots)
	w.slots++
	if len(w.buf) >= 64<<10 {
		w.flush()
	}
}

func (w *slotWriter) note(sort byte, v any) {
	b, err := encodeNote(sort, v, w.slots)
	w.err = errors.Join(w.err, err)
	w.buf = append(w.buf, b...)
	w.slots += len(b) / slotSize
}

func (w *slotWriter) flush() {
	if w.err == nil {
		_, w.err = w.to.WriteAt(w.buf, w.at)
	}
	w.at += int64(len(w.buf))
	w.buf = w.buf[:0]
}
