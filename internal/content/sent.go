package content

import (
	"fmt"
	"io/fs"
	"syscall"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// Upload returns the multipart upload that was begun for the file, with the parts that are still good.
func (f *File) Upload() (Upload, bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.upload == nil {
		return Upload{}, false
	}
	return *f.upload.clone(), true
}

// SetUpload notes an upload that was begun for the file, which must be dirty. The record is durable when it returns,
// so that no power loss leaves an upload in the bucket of which nobody knows.
func (f *File) SetUpload(u Upload) error {
	if !validParts(toJSONUpload(&u)) {
		return fmt.Errorf("cannot keep an upload with parts that overlap: %w", fs.ErrInvalid)
	}
	return f.setUpload(&u)
}

// ClearUpload forgets the upload, which was aborted. It fails where bytes are in its parts alone.
func (f *File) ClearUpload() error {
	f.mu.RLock()
	none := f.upload == nil
	f.mu.RUnlock()
	if none {
		return nil
	}
	return f.setUpload(nil)
}

func (f *File) setUpload(u *Upload) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.dirty {
		return fmt.Errorf("cannot keep an upload for a file that has nothing to store: %w", fs.ErrInvalid)
	}
	if f.goneSent(0, f.size) && (u == nil || f.upload == nil || u.ID != f.upload.ID) {
		return fmt.Errorf("cannot give up an upload whose parts alone have some of the bytes: %w", syscall.EBUSY)
	}
	if err := f.writeNote(noteUpload, toJSONUpload(u)); err != nil {
		return err
	}
	f.upload = u.clone()
	if u == nil {
		return nil
	}
	return f.syncRecord()
}

// PartSent notes that the bucket has the bytes of the file at off, as they were at generation gen, as part p of the
// upload. It is ignored where they changed since, or there is no upload.
func (f *File) PartSent(p object.Part, off int64, gen uint64) error {
	part := SentPart{Part: p, Off: off}
	if !validPart(part) {
		return fmt.Errorf("cannot keep a part of %d bytes at %d: %w", p.Size, off, fs.ErrInvalid)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.dirty || f.upload == nil || part.end() > f.size {
		return nil
	}
	changed := false
	f.written.each(off, part.end(), func(e extent) bool { changed = e.tag > gen; return !changed })
	if changed {
		return nil
	}
	if err := f.writeNote(notePart, part); err != nil {
		return err
	}
	f.sent(part)
	return nil
}

// PunchSent frees the local bytes of sent parts once seven eighths of the budget are used, and returns how many bytes.
// Without need it does nothing. The
// record that tells where they are now is durable before any of them go. Until the upload is complete they can be
// neither read nor changed.
func (f *File) PunchSent() (freed int64, err error) {
	f.syncMu.Lock()
	defer f.syncMu.Unlock()
	if f.s.budget.excess() <= -f.s.budget.size/8 {
		return 0, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.dirty || f.upload == nil {
		return 0, nil
	}
	if err := f.open(); err != nil {
		return 0, err
	}
	before := f.dirtyLocal()
	var free []Range
	for _, p := range f.upload.Parts {
		if !f.live(p.Off, p.end()) {
			continue
		}
		if err := f.append(slot{kind: slotGone, a: p.Off, b: p.end()}); err != nil {
			return 0, err
		}
		free = append(free, Range{p.Off, p.Size})
	}
	if len(free) == 0 {
		return 0, nil
	}
	if err := f.syncRecord(); err != nil {
		return 0, err
	}
	defer f.account()
	for _, r := range free {
		f.punched(r.Off, r.End())
		f.stale.add(r.Off, r.End(), 0)
	}
	f.free(&f.stale)
	return before - f.dirtyLocal(), nil
}
