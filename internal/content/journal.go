package content

import (
	"errors"
	"fmt"
	"time"
)

// begin makes the file dirty: its record is written and the checksums of the base go. The caller holds f.mu.
func (f *File) begin() error {
	if f.dirty || f.dropped {
		return f.failed
	}
	if f.hasBase {
		f.s.unlist(f, nameOf(f.base))
	}
	if err := f.dropSums(); err != nil {
		return err
	}
	if err := f.beforeOverwrite(); err != nil {
		return err
	}
	if err := f.open(); err != nil {
		return err
	}
	f.changed, f.closed = time.Now(), false
	head, err := encodeHeader(f.head())
	if err != nil {
		return err
	}
	name := dirJournal + "/" + f.id
	rec, err := f.s.disk.Open(name, true)
	if err != nil {
		return fmt.Errorf("cannot make a journal record: %w", err)
	}
	if _, err := rec.WriteAt(head, 0); err != nil {
		return errors.Join(fmt.Errorf("cannot write a journal record: %w", err), rec.Close(), f.s.disk.Remove(name))
	}
	f.rec, f.log, f.dirty = rec, logEnd{start: int64(len(head))}, true
	return nil
}

// head is the header of a new record.
func (f *File) head() header {
	h := f.header(f.id, f.changed)
	if f.dataName != f.id {
		h.Data = f.dataName
	}
	return h
}

// beforeOverwrite makes sure that no record from before the last Stored can come back, by a power loss, and claim
// bytes that are about to change.
func (f *File) beforeOverwrite() error {
	if !f.ghost {
		return nil
	}
	if err := f.s.syncGhosts(); err != nil {
		return fmt.Errorf("cannot sync the journal: %w", err)
	}
	f.ghost = false
	return nil
}

// append adds a slot to the record; a dropped file has none. The caller holds f.mu.
func (f *File) append(s slot) error {
	if f.dropped {
		return nil
	}
	if err := f.putSlot(s, f.log.slots); err != nil {
		return err
	}
	f.log.slots++
	f.log.last, f.log.extend = s, s.kind == slotWrite
	return nil
}

func (f *File) putSlot(s slot, number int) error {
	if err := f.open(); err != nil {
		return err
	}
	l := &f.log
	s.encode(l.buf[:], number)
	if _, err := f.rec.WriteAt(l.buf[:], l.start+int64(number)*slotSize); err != nil {
		return fmt.Errorf("cannot write the journal: %w", err)
	}
	return nil
}

// writeNote adds a note to the record. The caller holds f.mu, and the file is dirty.
func (f *File) writeNote(sort byte, v any) error {
	if err := f.open(); err != nil {
		return err
	}
	l := &f.log
	b, err := encodeNote(sort, v, l.slots)
	if err != nil {
		return fmt.Errorf("cannot encode a journal note: %w", err)
	}
	if _, err := f.rec.WriteAt(b, l.start+int64(l.slots)*slotSize); err != nil {
		return fmt.Errorf("cannot write the journal: %w", err)
	}
	l.slots += len(b) / slotSize
	l.last, l.extend = slot{kind: slotNote}, false
	return nil
}

// syncRecord makes the record itself durable, not the data that it tells of. The caller holds f.mu.
func (f *File) syncRecord() error {
	if err := f.open(); err != nil {
		return err
	}
	if err := f.rec.Sync(); err != nil {
		return fmt.Errorf("cannot sync the journal: %w", err)
	}
	return f.syncNames()
}

func (f *File) syncRecordIfCommitted() error {
	if f.log.committed == 0 {
		return nil
	}
	return f.syncRecord()
}

// syncNames makes the names of record and data durable, once for each record.
func (f *File) syncNames() error {
	if f.log.named {
		return nil
	}
	for _, dir := range []string{dirData, dirJournal} {
		if err := f.s.disk.SyncDir(dir); err != nil {
			return fmt.Errorf("cannot sync the local store: %w", err)
		}
	}
	f.log.named = true
	return nil
}

// end removes the record: nothing of the file is to be stored any more. The caller holds f.syncMu and f.mu.
func (f *File) end() error {
	if f.log.committed > 0 {
		f.ghost = true
		f.s.ghosts.Store(true)
	}
	var err error
	if f.rec != nil {
		err = f.rec.Close()
	}
	f.rec, f.dirty, f.upload, f.tries, f.reason, f.closed = nil, false, nil, nil, "", false
	f.log, f.syncFailed = logEnd{}, nil
	f.account()
	f.s.forgetRecovered(f)
	if rmErr := ignoreMissing(f.s.disk.Remove(dirJournal + "/" + f.id)); rmErr != nil {
		return fmt.Errorf("cannot remove a journal record: %w", rmErr)
	}
	return err
}
