package content

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// A File is the local bytes of one file: a base version, what was written over it, and holes. All methods may be
// called from many goroutines at once, by whoever holds a reference. Offsets and sizes are in bytes.
type File struct {
	s  *Store
	id string

	// Store.mu guards these.
	refs   int
	listed bool // Store.byVersion has it

	// syncMu makes one Sync, and the rewriting of the record, happen at a time. It comes before mu.
	syncMu sync.Mutex

	// mu guards all that follows; readers share it also while they read the disk. It comes before Store.mu.
	mu sync.RWMutex
	image
	data       diskFile // nil until needed
	dataName   string   // in dirData: the id, until moveTail
	moved      string   // the name before moveTail, until the record has the new one
	rec        diskFile // of a dirty file; nil until needed
	log        logEnd
	dirty      bool // has a record
	dropped    bool // unlinked: no record, and changes are kept for the open handles alone
	pinned     bool
	onDisk     bool  // the data file is there
	failed     error // Close was called
	syncFailed error // a sync of the data failed: what it lost is unknown, so no later one can vouch for it
	ghost      bool  // a record with a commit was unlinked: see Store.ghosts
	gen        uint64
	metaGen    uint64 // of the last change that is no written range: size, target
	sizeGen    uint64 // of the last change of the size by Truncate
	changed    time.Time
	charged    charge

	attach   *idleFile // found on disk and not loaded yet
	blocks   blockTable
	saved    bool    // the sidecar is there
	newSums  bool    // blocks differ from it
	stale    extents // not of the file, but not zero on disk and not freed yet
	freeing  extents // the part of stale that the running Sync frees
	lastRead atomic.Int64
	seen     atomic.Bool // Generation told gen to somebody
}

// logEnd is where a record file is written on.
type logEnd struct {
	start     int64 // of slot 0
	slots     int
	last      slot // slot number slots-1
	extend    bool // a write behind last makes it longer
	committed int  // the slots before it are durable with their data
	named     bool // the folders that have the names of record and data were synced since they are there
	buf       [slotSize]byte
}

func newFile(s *Store, id string) *File { return &File{s: s, id: id, dataName: id, gen: 1} }

func (f *File) dataPath() string { return dirData + "/" + f.dataName }

// ID names the file in the journal.
func (f *File) ID() string { return f.id }

// Acquire adds a reference and returns f.
func (f *File) Acquire() *File {
	f.s.mu.Lock()
	f.refs++
	f.s.mu.Unlock()
	return f
}

// Release gives a reference back. With the last one a clean file stays on disk for the next Version, a dirty one for
// its upload, and a dropped one goes.
func (f *File) Release() {
	f.s.mu.Lock()
	f.refs--
	last := f.refs == 0 && !f.s.closed
	f.s.mu.Unlock()
	if !last {
		return
	}
	if err := f.rest(); err != nil {
		f.s.log.Warn("cannot keep a file in the local store", "id", f.id, "err", err)
	}
}

// rest puts away a file without references.
func (f *File) rest() error {
	f.syncMu.Lock()
	defer f.syncMu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.s.mu.Lock()
	used, listed := f.refs > 0, f.listed
	f.s.mu.Unlock()
	if used {
		return nil
	}
	if f.dirty {
		return f.closeFiles()
	}
	var err error
	if listed && f.onDisk {
		err = f.saveSums()
	}
	if listed && f.onDisk && err == nil {
		err = f.closeFiles()
		f.s.addIdle(f)
		return err
	}
	return errors.Join(err, f.vanish())
}

// vanish removes the files of a File that nobody can get any more. The caller holds f.mu.
func (f *File) vanish() error {
	f.s.mu.Lock()
	if f.refs > 0 {
		f.s.mu.Unlock()
		return nil
	}
	delete(f.s.files, f.id)
	if name := nameOf(f.base); f.listed && f.s.byVersion[name] == f {
		delete(f.s.byVersion, name)
	}
	f.listed = false
	f.s.mu.Unlock()
	err := f.closeFiles()
	if f.onDisk {
		err = errors.Join(err, ignoreMissing(f.s.disk.Remove(f.dataPath())))
	}
	f.s.budget.used.Add(-f.charged.total)
	f.charged = charge{}
	return err
}

// shut is Store.Close for one file.
func (f *File) shut() error {
	f.syncMu.Lock()
	defer f.syncMu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	var err error
	f.s.mu.Lock()
	listed := f.listed
	f.s.mu.Unlock()
	if listed && !f.dirty && f.onDisk {
		err = f.saveSums()
	}
	f.failed = os.ErrClosed
	return errors.Join(err, f.closeFiles())
}

func (f *File) closeFiles() error {
	var err error
	if f.data != nil {
		err = f.data.Close()
	}
	if f.rec != nil {
		err = errors.Join(err, f.rec.Close())
	}
	f.data, f.rec = nil, nil
	return err
}

// open makes data, and rec of a dirty file, ready. The caller holds f.mu for writing.
func (f *File) open() error {
	if f.failed != nil {
		return f.failed
	}
	if f.data == nil {
		d, err := f.s.disk.Open(f.dataPath(), !f.dirty || !f.onDisk)
		if err != nil {
			return fmt.Errorf("cannot open the local bytes: %w", err)
		}
		f.data, f.onDisk = d, true
	}
	if f.dirty && f.rec == nil {
		r, err := f.s.disk.Open(dirJournal+"/"+f.id, false)
		if err != nil {
			return fmt.Errorf("cannot open the journal record: %w", err)
		}
		f.rec = r
	}
	return nil
}

// Size is the size of the file.
func (f *File) Size() int64 {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.size
}

// Base returns the version that the file is made of, below limit: the base's size, or the lowest truncation since.
func (f *File) Base() (v Version, limit int64, ok bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.base, f.limit, f.hasBase
}

// Dirty tells whether the file has a record: something is not stored.
func (f *File) Dirty() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.dirty
}

// DirtyRanges returns what was written and is not stored, sorted, none touching the next. All bytes of the file that
// are not in them are the base's. It can be empty while the file is dirty, as after a truncation.
func (f *File) DirtyRanges() []Range {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.dropped {
		return nil
	}
	return f.written.ranges(0, math.MaxInt64)
}

// Target tells where the file is to be stored.
func (f *File) Target() Target {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.target.clone()
}

// SetTarget says where the file is to be stored. It makes no clean file dirty; of a dirty one it is a change.
func (f *File) SetTarget(t Target) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if sameTarget(f.target, t) {
		return nil
	}
	if f.dirty {
		if err := f.writeNote(noteTarget, toJSONTarget(t)); err != nil {
			return err
		}
		f.touch()
		f.metaGen, f.closed = f.gen, false
	}
	f.target = t.clone()
	return nil
}

func sameTarget(a, b Target) bool {
	return a.Key == b.Key && a.Intent == b.Intent && a.AppendFrom == b.AppendFrom && a.ContentType == b.ContentType &&
		(a.Metadata == nil) == (b.Metadata == nil) && maps.Equal(a.Metadata, b.Metadata)
}

// Generation names the present state. It changes with every WriteAt, Truncate, Zero and change of the target.
func (f *File) Generation() uint64 {
	f.mu.RLock()
	defer f.mu.RUnlock()
	f.seen.Store(true)
	return f.gen
}

// touch makes a new generation, if anybody was told the present one: what happens between two questions needs no
// numbers of its own, and extents of one number can be joined. The caller holds f.mu for writing.
func (f *File) touch() {
	f.changed = time.Now()
	if f.seen.Swap(false) {
		f.gen++
	}
}

// Closed says that the writer is done: what is there is a whole. The next change takes it back.
func (f *File) Closed() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.dirty || f.closed {
		return nil
	}
	if err := f.append(slot{kind: slotClosed}); err != nil {
		return err
	}
	f.closed = true
	return nil
}

// Fail keeps the file as a conflict for a person, for a reason; "" takes it back. A file that is not dirty cannot fail.
func (f *File) Fail(reason string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.dirty {
		return fmt.Errorf("cannot mark a file that has nothing to store: %w", fs.ErrInvalid)
	}
	if err := f.writeNote(noteReason, reason); err != nil {
		return err
	}
	f.reason = reason
	return f.syncRecordIfCommitted()
}

// Failed returns the reason of Fail, or of the recovery that found bytes lost.
func (f *File) Failed() (reason string, ok bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.reason, f.reason != ""
}

// Pin keeps all local bytes of a clean file while it is referenced: for an object that is gone from the bucket.
func (f *File) Pin() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pinned = true
}

func (f *File) record() (Record, bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if !f.dirty {
		return Record{}, false
	}
	r := Record{ID: f.id, Key: f.target.Key, Target: f.target.clone(), Base: f.base, HasBase: f.hasBase, Limit: f.limit,
		Size: f.size, Dirty: f.written.ranges(0, math.MaxInt64), Upload: f.upload.clone(), State: StateOpen,
		Reason: f.reason, Changed: f.changed}
	switch {
	case f.reason != "":
		r.State = StateConflict
	case f.closed:
		r.State = StateClosed
	}
	return r, true
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
