package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"

	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/control"
)

// saveFile writes a file of the journal to a new local file.
func saveFile(ctx context.Context, s *stack, f *content.File, req control.Request) (err error) {
	out, err := os.OpenFile(req.To, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fail(codeFailure, "give a new name in a folder that you may write", "cannot save to %s: %v", req.To, err)
	}
	defer func() {
		err = errors.Join(err, out.Close())
		if err != nil {
			os.Remove(req.To)
		}
	}()
	if req.Part {
		err = copyWritten(f, out)
	} else {
		err = copyWhole(ctx, s, f, out)
	}
	if err == nil {
		err = out.Sync()
	}
	return err
}

// copyWhole copies all bytes of f, those that are in the bucket alone included.
func copyWhole(ctx context.Context, s *stack, f *content.File, out io.Writer) error {
	read := f.ReadAt
	if s.engine != nil {
		r := s.engine.NewReader(f)
		defer r.Close()
		read = func(p []byte, off int64) (int, error) { return r.ReadAt(ctx, p, off) }
	}
	buf := make([]byte, 1<<20)
	for off := int64(0); ; {
		n, err := read(buf, off)
		if _, werr := out.Write(buf[:n]); werr != nil {
			return fail(codeFailure, "give a name on a disk with room", "cannot save %q: %v", f.Target().Key, werr)
		}
		off += int64(n)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fail(codePending, "the version that it was made of may be gone from S3; --part saves what was written",
				"cannot read %q of the journal at %d: %v", f.Target().Key, off, err)
		}
	}
}

// partOf makes a new file of what was written of f alone.
func partOf(s *content.Store, f *content.File, key string) (_ *content.File, err error) {
	part, err := s.Create(key)
	if err != nil {
		return nil, fail(codeCache, "", "cannot make a file of the part: %v", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, part.Drop())
			part.Release()
		}
	}()
	if err := copyWritten(f, part); err != nil {
		return nil, err
	}
	t := f.Target()
	if err := part.SetTarget(content.Target{Key: key, Intent: content.IntentNew, Metadata: t.Metadata, ContentType: t.ContentType}); err != nil {
		return nil, fail(codeCache, "", "cannot make a file of the part: %v", err)
	}
	return part, nil
}

// A sink is where the written bytes of a file go: a local file, or one of the content store.
type sink interface {
	io.WriterAt
	Truncate(size int64) error
}

// copyWritten copies what was written of f and is not stored. Of an append that is the tail, which begins at 0 then; of
// all else the bytes stay where they are, with zeros between them.
func copyWritten(f *content.File, out sink) error {
	t, size, from := f.Target(), f.Size(), int64(0)
	if t.Intent == content.IntentAppend {
		_, limit, _ := f.Base()
		if written := f.DirtyRanges(); len(written) > 0 && written[0].Off >= limit {
			from = min(size, max(t.AppendFrom, limit))
		}
	}
	if err := out.Truncate(size - from); err != nil {
		return fail(codeFailure, "", "cannot save %q: %v", t.Key, err)
	}
	for _, r := range f.DirtyRanges() {
		r = content.Range{Off: max(r.Off, from), Len: r.End() - max(r.Off, from)}
		if err := copyRange(f, r, out, from); err != nil {
			return err
		}
	}
	return nil
}

// copyRange copies a range of f to where it is less by from. Zeros are left out, and so is what a power failure took.
func copyRange(f *content.File, r content.Range, out io.WriterAt, from int64) error {
	buf := make([]byte, 64<<10)
	for off := r.Off; off < r.End(); {
		n, err := f.ReadAt(buf[:min(int64(len(buf)), r.End()-off)], off)
		if p := buf[:n]; len(bytes.TrimLeft(p, "\x00")) > 0 {
			if _, err := out.WriteAt(p, off-from); err != nil {
				return fail(codeFailure, "make room", "cannot save %q: %v", f.Target().Key, err)
			}
		}
		off += int64(n)
		var miss *content.MissingError
		switch {
		case errors.As(err, &miss) && miss.Lost:
			off = max(off, miss.Range.End())
		case err != nil && !errors.Is(err, io.EOF), n == 0:
			return fail(codePending, "restore it without --part: parts of it were sent already",
				"cannot read %q of the journal at %d: %v", f.Target().Key, off, err)
		}
	}
	return nil
}
