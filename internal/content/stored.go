package content

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
)

// Stored says that what was there at generation gen is in the bucket as v. If nothing changed since, the file is clean,
// with v as its base and all its bytes v's, and its record is gone. Otherwise v is its base and only what changed since
// is dirty. The upload and a reason to fail are forgotten. An IntentAppend goes on behind v; IntentNew and
// IntentReplace become IntentEdit.
//
// Where an append found the object longer than it was, v is not as long as the file: the file's own bytes of it are
// forgotten, and what was appended since moves behind v.
func (f *File) Stored(gen uint64, v Version) error {
	f.syncMu.Lock()
	defer f.syncMu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.failed != nil:
		return f.failed
	case f.dropped:
		return nil
	case gen > f.gen:
		return fmt.Errorf("cannot take generation %d of a file at %d as stored: %w", gen, f.gen, fs.ErrInvalid)
	case !f.dirty:
		return f.rebaseClean(v)
	}
	if err := f.open(); err != nil {
		return err
	}
	var since extents
	f.written.each(0, math.MaxInt64, func(e extent) bool {
		if e.tag > gen {
			since.add(e.off, e.end, e.tag)
		}
		return true
	})
	defer f.account()
	if since.n == 0 && f.metaGen <= gen {
		return f.storedAll(v)
	}
	return f.storedPart(gen, v, since)
}

// storedAll makes the file clean. The record goes last of what is on disk: until then a crash leaves a dirty file whose
// bytes are in the bucket already, which replay finds.
func (f *File) storedAll(v Version) error {
	f.toBase(v, extents{}, v.Size == f.size)
	f.size, f.limit = v.Size, v.Size
	err := f.end()
	f.s.list(f, v)
	if err == nil && f.stale.n > 0 {
		if err = f.beforeOverwrite(); err == nil {
			f.free(&f.stale)
		}
	}
	return err
}

// storedPart leaves what changed since the upload dirty. A change of the size alone has no ranges.
func (f *File) storedPart(gen uint64, v Version, since extents) error {
	own := true // what is local and not of since is v's
	if f.target.Intent == IntentAppend {
		shift := int64(0)
		if first, ok := since.first(); ok && first >= f.target.AppendFrom {
			shift = v.Size - first
		} else if !ok && f.sizeGen <= gen {
			shift = v.Size - f.size
		}
		own = shift == 0
		if !own {
			if err := f.moveTail(&since, shift); err != nil {
				return err
			}
		}
	}
	f.toBase(v, since, own)
	f.limit = min(v.Size, f.size)
	f.upload, f.reason, f.tries = nil, "", nil
	if err := f.rewrite(); err != nil {
		return err
	}
	return f.dropMoved()
}

// zerosKept is how many bytes of zeros a stored file keeps as local bytes; more of them are fetched again if they are
// read, since the budget counts local bytes and holes are to cost nothing.
const zerosKept = 1 << 20

// toBase makes v the base and leaves since written. own tells whether the local bytes beside since are v's.
func (f *File) toBase(v Version, since extents, own bool) {
	local, zero := f.filled, extents{}
	f.written.each(0, math.MaxInt64, func(e extent) bool { local.add(e.off, e.end, 0); return true })
	f.gone.each(0, math.MaxInt64, func(e extent) bool { local.cut(e.off, e.end); return true })
	if f.zero.total > zerosKept || f.realZeros() != nil {
		f.zero.each(0, math.MaxInt64, func(e extent) bool { local.cut(e.off, e.end); return true })
	}
	since.each(0, math.MaxInt64, func(e extent) bool {
		local.cut(e.off, e.end)
		f.zero.each(e.off, e.end, func(z extent) bool { zero.add(z.off, z.end, 0); return true })
		return true
	})
	if !own {
		f.stale.add(0, f.size, 0)
		local, f.blocks = extents{}, blockTable{}
	}
	local.cut(min(v.Size, f.size), math.MaxInt64)
	f.filled, f.written, f.zero, f.gone = local, since, zero, extents{}
	f.base, f.hasBase, f.newSums = v, true, true
	f.target.Key = v.Key
	switch f.target.Intent {
	case IntentAppend:
		f.target.AppendFrom = v.Size
	default:
		f.target.Intent = IntentEdit
	}
}

// realZeros makes the disk have zeros where the file has them.
func (f *File) realZeros() error {
	if f.zero.n == 0 {
		return nil
	}
	var err error
	for _, r := range f.zero.ranges(0, f.size) {
		f.stale.each(r.Off, r.End(), func(e extent) bool {
			err = f.data.Punch(e.off, e.end-e.off)
			return err == nil
		})
	}
	if err != nil {
		return err
	}
	size, err := f.data.Size()
	if err == nil && size < f.size {
		err = f.data.Truncate(f.size)
	}
	return err
}

// moveTail moves what is dirty by shift bytes, into a new data file: the old one stays as it is until the record tells
// of the new one, so that a crash finds either.
func (f *File) moveTail(dirty *extents, shift int64) error {
	name := newID()
	to, err := f.s.disk.Open(dirData+"/"+name, true)
	if err != nil {
		return fmt.Errorf("cannot move appended bytes: %w", err)
	}
	var moved, zero extents
	dirty.each(0, math.MaxInt64, func(e extent) bool {
		moved.add(e.off+shift, e.end+shift, e.tag)
		f.zero.each(e.off, e.end, func(z extent) bool { zero.add(z.off+shift, z.end+shift, 0); return true })
		_, err = io.Copy(io.NewOffsetWriter(to, e.off+shift), io.NewSectionReader(f.data, e.off, e.end-e.off))
		return err == nil
	})
	if err == nil {
		err = to.Sync()
	}
	if err == nil {
		err = f.s.disk.SyncDir(dirData)
	}
	if err != nil {
		err = fmt.Errorf("cannot move appended bytes: %w", err)
		return errors.Join(err, to.Close(), f.s.disk.Remove(dirData+"/"+name))
	}
	f.moved, f.dataName = f.dataName, name
	err = f.data.Close()
	f.data, f.stale, f.freeing = to, extents{}, extents{}
	f.written, f.zero, *dirty = moved, zero, moved
	f.size += shift
	return err
}

// dropMoved removes the data file that moveTail left.
func (f *File) dropMoved() error {
	name := f.moved
	f.moved = ""
	if name == "" {
		return nil
	}
	return f.s.disk.Remove(dirData + "/" + name)
}

// Rebase says that the same content is now v, as after a rename or a change of metadata.
func (f *File) Rebase(v Version) error {
	f.syncMu.Lock()
	defer f.syncMu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.failed != nil:
		return f.failed
	case !f.dirty:
		return f.rebaseClean(v)
	case !f.hasBase || v.Size != f.base.Size:
		return fmt.Errorf("cannot take %q of %d bytes as the same content: %w", v.Key, v.Size, fs.ErrInvalid)
	}
	if err := f.writeNote(noteBase, toJSONVersion(v)); err != nil {
		return err
	}
	f.base = v
	return f.syncRecordIfCommitted()
}

func (f *File) rebaseClean(v Version) error {
	if v.Size != f.size {
		return fmt.Errorf("cannot take %q of %d bytes as the same content: %w", v.Key, v.Size, fs.ErrInvalid)
	}
	if f.hasBase && f.base.same(v) {
		f.base = v
		return nil
	}
	f.s.unlist(f, nameOf(f.base))
	if err := f.dropSums(); err != nil {
		return err
	}
	f.base, f.hasBase, f.target.Key = v, true, v.Key
	if !f.dropped {
		f.s.list(f, v)
	}
	return nil
}

// Drop forgets what is dirty, for a file that was unlinked: the record goes, and the bytes stay readable and writable
// for those who have the file until the last Release.
func (f *File) Drop() error {
	f.syncMu.Lock()
	defer f.syncMu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dropped {
		return nil
	}
	f.dropped = true
	if f.hasBase {
		f.s.unlist(f, nameOf(f.base))
	}
	if !f.dirty {
		return f.dropSums()
	}
	return f.end()
}
