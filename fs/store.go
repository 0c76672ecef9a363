package fs

import (
	"mime"
	"path/filepath"
	"syscall"
	"time"

	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/object"
)

// intendLocked journals how the file's bytes are to be stored, before the first of them is changed and whenever a
// change asks for more than before. entry.mu is held.
func (f *file) intendLocked(data *content.File, path string, want content.Intent) error {
	t := data.Target()
	if t.Intent == content.IntentNone || !f.unsent && !data.Dirty() { // what an earlier change was meant for does not count for this one
		return data.SetTarget(content.Target{Key: path, Intent: want, AppendFrom: data.Size(),
			Metadata: f.writingLocked(), ContentType: f.contentType(path)})
	}
	next := stronger(t.Intent, want)
	if next == t.Intent {
		return nil
	}
	t.Intent = next
	return data.SetTarget(t)
}

// stronger returns the intent that covers both. What is new or replaces all stays so; an append that is also written
// elsewhere is a change in place.
func stronger(have, want content.Intent) content.Intent {
	switch {
	case have == content.IntentNew || have == content.IntentReplace:
		return have
	case have == content.IntentNone || want == content.IntentReplace:
		return want
	case have == content.IntentAppend && want == content.IntentAppend:
		return have
	}
	return content.IntentEdit
}

// metadataLocked returns the metadata that the file's next version gets.
func (f *file) metadataLocked() map[string]string {
	if !f.fs.opts.PosixMetadata {
		return f.info.Metadata
	}
	return withAttr(f.info.Metadata, f.attr)
}

// writingLocked is the metadata of a file that is being written, without a time: an upload gets its metadata when it
// begins, and to change them when it ends would take a copy of the whole object. The object's own time is that of its
// last bytes.
func (f *file) writingLocked() map[string]string {
	meta := f.metadataLocked()
	if f.fs.opts.PosixMetadata {
		delete(meta, metaMtime)
	}
	return meta
}

// contentType guesses from the name, if that was asked for (goofys' --use-content-type).
func (f *file) contentType(path string) string {
	if !f.fs.opts.UseContentType {
		return ""
	}
	return mime.TypeByExtension(filepath.Ext(path))
}

// markUnsentLocked notes that the file has changes that are in no object, and keeps it alive until they are.
func (f *file) markUnsentLocked(now time.Time) {
	if f.unsent || f.unlinked {
		return
	}
	f.unsent, f.dirtied = true, now
	f.fs.mu.Lock()
	f.fs.pending[f] = struct{}{}
	f.fs.mu.Unlock()
}

// markSentLocked is its end.
func (f *file) markSentLocked() {
	f.unsent = false
	f.fs.mu.Lock()
	delete(f.fs.pending, f)
	f.fs.mu.Unlock()
}

// untouched tells whether the file was made by h and nothing was written to it yet.
func (f *file) untouched(h *handle) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fresh && f.unsent && !h.wrote.Load() && f.attr.size == 0
}

// flush stores what is not in S3 yet and says how it went. It never answers EINTR, which would make close(2) lose
// the error.
func (f *file) flush(op string) syscall.Errno {
	errno := f.flushBytes(op)
	f.dropMoved()
	return errno
}

func (f *file) flushBytes(op string) syscall.Errno {
	f.io.Lock()
	defer f.io.Unlock()
	f.mu.Lock()
	failed, unsent, unlinked := f.failed, f.unsent, f.unlinked
	f.whole = f.whole || op == "close"
	f.mu.Unlock()
	switch {
	case unlinked:
		return 0
	case failed:
		return syscall.ESTALE
	case !unsent:
		return 0
	}
	return f.storeLocked(op)
}

// storeLocked stores the file under its present name. io is held exclusively.
func (f *file) storeLocked(op string) syscall.Errno {
	path, named := f.path()
	if !named {
		return 0
	}
	return f.storeAs(op, path, false)
}

// storeAs stores the file under path: its own name, or the one that a rename is about to give it, which is then
// replaced, unless it must not be there. io is held exclusively.
func (f *file) storeAs(op, path string, noReplace bool) syscall.Errno {
	f.mu.Lock()
	data, err := f.attachLocked(path)
	if err == nil {
		t := data.Target()
		if t.Key != "" && t.Key != path { // renamed before it was stored
			t.Intent = content.IntentReplace
			if noReplace {
				t.Intent = content.IntentNew
			}
		}
		t.Key, t.Metadata, t.ContentType = path, f.metadataLocked(), f.contentType(path)
		if _, streams := data.Upload(); streams && !f.timed {
			t.Metadata = f.writingLocked()
		}
		err = data.SetTarget(t)
	}
	if err == nil && f.whole {
		// A crash from here on leaves a file that its writer closed: the next start may store it by itself.
		err = data.Closed()
	}
	f.mu.Unlock()
	if err != nil {
		return f.fs.errno(op, path, err)
	}
	f.mu.Lock()
	was := f.info
	f.mu.Unlock()
	size, from, sent := data.Size(), data.Target().AppendFrom, data.Target().Metadata
	info, err := f.fs.opts.Engine.Store(f.fs.ctx, data)
	if err != nil {
		return f.notStored(op, path, data, err)
	}
	f.stored(info, sent)
	if !extends(was, info) {
		from = 0 // the object was replaced before the append, not appended to
	}
	f.goOn(path, info, size, from)
	unneeded(f)
	return 0
}

// goOn makes a file whose append went behind what someone else had stored meanwhile the version that this made. Its
// bytes from where the append was to begin are others than those that were written; all are, if the object was replaced.
func (f *file) goOn(path string, info object.Info, size, from int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	data := f.data
	if data == nil { // nobody has it open
		return
	}
	if v, _, ok := data.Base(); !ok || v.ETag != info.ETag {
		from = 0
		now, err := f.fs.opts.Content.Version(f.versionLocked(path))
		if err != nil {
			f.log().Error("cannot show what an append became", "path", path, "err", err)
			return
		}
		f.data = now
		f.attr.size = info.Size
		if err := data.Drop(); err != nil {
			f.log().Warn("cannot drop bytes that are stored", "path", path, "err", err)
		}
		data.Release()
	} else if info.Size == size {
		return
	}
	f.moved, f.movedFrom = true, from
}

// dropMoved makes the kernel forget the pages of an append that is not where it was written: another machine's came
// first. No lock is held.
func (f *file) dropMoved() {
	f.mu.Lock()
	moved, from := f.moved, f.movedFrom
	f.moved = false
	f.mu.Unlock()
	if moved {
		f.dropPagesFrom(from)
	}
}

// stored takes over the version that the bytes became.
func (f *file) stored(info object.Info, sent map[string]string) {
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if info.Metadata == nil {
		info.Metadata = sent
	}
	if _, told := parseTime(info.Metadata[metaMtime]); !told && !info.LastModified.IsZero() {
		f.attr.mtime = info.LastModified // as all other machines see it
	}
	f.info, f.fresh, f.failed = info, false, false
	f.attr.size = info.Size
	f.seen, f.storedAt, f.checked = now, now, now
	f.markSentLocked()
	f.letGoLocked()
}

// notStored decides what becomes of a file that could not be stored. Another machine's version in its place is a
// conflict: the name goes to that version and the journal keeps our bytes for `sentientfs recover`. Everything else
// is tried again.
func (f *file) notStored(op, path string, data *content.File, err error) syscall.Errno {
	if !object.Is(err, object.KindChanged, object.KindExists) {
		f.log().Warn("not stored, kept in the journal", "op", op, "path", path, "err", err)
		return f.fs.errno(op, path, err)
	}
	f.fs.opts.Names.Forget(path)
	f.mu.Lock()
	nothing := data.Size() == 0 && f.fresh
	f.failed = !nothing
	f.markSentLocked()
	if nothing {
		_ = data.Drop() // an empty file that someone else made meanwhile: theirs is as good
	}
	f.mu.Unlock()
	f.vanish()
	if nothing {
		return 0
	}
	f.log().Warn("changed elsewhere, kept in the journal", "op", op, "path", path, "err", err)
	return syscall.ESTALE
}

// vanish takes the name from the file, so that the next lookup finds what is in the bucket.
func (f *file) vanish() {
	f.fs.tree.Lock()
	defer f.fs.tree.Unlock()
	if p := f.place.parent; p != nil && p.kids[f.place.name] == node(f) {
		delete(p.kids, f.place.name)
	}
	f.place = place{gone: true}
}
