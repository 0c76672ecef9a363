package fs

import (
	"context"
	"errors"
	"slices"
	"strings"
	"syscall"
	"unicode"

	"golang.org/x/sync/errgroup"

	"github.com/sentient-agi/sentientfs/internal/object"
)

const (
	// renameWidth is how many objects of a directory move at a time.
	renameWidth = 32
	// renameTries is how often one object is tried again that changes while it is copied.
	renameTries = 3
)

// A treeMove moves all objects below one prefix to another one.
type treeMove struct {
	*intent
	fs    *FS
	after context.Context // ends it between two pages
}

func (f *FS) newTreeMove(src, dst string) (*treeMove, error) {
	in, err := newIntent(f.opts.StateDir, src+"/", dst+"/")
	if err != nil {
		return nil, err
	}
	return &treeMove{intent: in, fs: f, after: f.ctx}, nil
}

// pages calls do with each page of the objects below prefix.
func (t *treeMove) pages(prefix string, do func([]object.Info) error) error {
	opts := object.ListOptions{Prefix: prefix}
	for {
		if err := t.after.Err(); err != nil {
			return err
		}
		page, err := t.fs.store.List(t.fs.ctx, opts)
		if err != nil {
			return err
		}
		if err := do(page.Objects); err != nil {
			return err
		}
		if !page.More {
			return nil
		}
		opts.Token = page.Next
	}
}

// each calls do with each object, some at a time, and returns the first error.
func each(infos []object.Info, do func(object.Info) error) error {
	var g errgroup.Group
	g.SetLimit(renameWidth)
	for _, info := range infos {
		g.Go(func() error { return do(info) })
	}
	return g.Wait()
}

// copyAll copies everything but the marker, which is there.
func (t *treeMove) copyAll() error {
	return t.pages(t.Src, func(infos []object.Info) error {
		return each(infos, func(info object.Info) error {
			if info.Key == t.Src {
				return nil
			}
			_, err := t.copyOne(info)
			return err
		})
	})
}

// copyOne copies one object and notes it. It returns the version that was copied; its ETag is "" if it is gone.
func (t *treeMove) copyOne(info object.Info) (object.Info, error) {
	src, rest := info.Key, info.Key[len(t.Src):]
	dst := t.Dst + rest
	if len(dst) > maxKey-t.fs.opts.PrefixLen {
		return info, syscall.ENAMETOOLONG
	}
	var err error
	for range renameTries {
		var made object.Info
		made, err = t.fs.store.Copy(t.fs.ctx, dst, src, object.CopyOptions{
			SourceETag: info.ETag, Source: &info, IfNoneMatch: t.fs.opts.Traits.CopyIfMatch})
		if err == nil {
			return info, t.copied(slot{fingerprint(rest, info), fingerprint(rest, made)})
		}
		if object.Is(err, object.KindExists) {
			return info, t.there(dst, rest, info, err)
		}
		if !object.Is(err, object.KindChanged, object.KindNotFound) {
			return info, err
		}
		info, err = t.fs.store.Head(t.fs.ctx, src)
		if object.Is(err, object.KindNotFound) {
			return object.Info{}, nil // removed elsewhere meanwhile
		}
		if err != nil {
			return info, err
		}
	}
	return info, err
}

// there decides about an object that has the key of a copy. The same content is our own copy, whose answer was lost,
// or as good as it.
func (t *treeMove) there(dst, rest string, info object.Info, exists error) error {
	now, err := t.fs.store.Head(t.fs.ctx, dst)
	if err != nil {
		return err
	}
	if !now.SameContent(info) {
		return exists
	}
	return t.copied(slot{Source: fingerprint(rest, info)})
}

// deleteAll removes the sources that were copied. With rest it also moves what came since; without, as at a later
// start, it leaves that alone.
func (t *treeMove) deleteAll(rest bool) error {
	sources, _, err := t.seen()
	if err != nil {
		return err
	}
	return t.pages(t.Src, func(infos []object.Info) error {
		var gone []object.Info
		for _, info := range infos {
			switch {
			case sources.has(fingerprint(info.Key[len(t.Src):], info)):
			case info.Key == t.Src && rest: // the marker's attributes changed: the copy has the earlier ones
			case rest:
				if info, err = t.copyOne(info); err != nil {
					return err
				}
			default:
				t.fs.log.Warn("left behind by a rename, since it is new or changed", "key", info.Key)
				continue
			}
			if info.Key != "" {
				gone = append(gone, info)
			}
		}
		return t.removePage(gone)
	})
}

// undo removes the copies. After a crash the log may have lost some: then what has the content of its source, which is
// still there, counts as a copy too.
func (t *treeMove) undo(crashed bool) error {
	_, copies, err := t.seen()
	if err != nil {
		return err
	}
	var same prints
	if crashed {
		err := t.pages(t.Src, func(infos []object.Info) error {
			for _, info := range infos {
				if !info.Empty() {
					same = append(same, fingerprint(info.Key[len(t.Src):], info))
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		slices.Sort(same)
	}
	return t.pages(t.Dst, func(infos []object.Info) error {
		var gone []object.Info
		for _, info := range infos {
			if f := fingerprint(info.Key[len(t.Dst):], info); copies.has(f) || same.has(f) {
				gone = append(gone, info)
			}
		}
		return t.removePage(gone)
	})
}

// removePage removes the versions of a page that was just listed: one by one where the server has a condition that
// tells the version, else in one request.
func (t *treeMove) removePage(infos []object.Info) error {
	var one []object.Info
	var many []string
	for _, info := range infos {
		if t.fs.opts.Traits.DeleteIfMatch && !info.Empty() || strings.ContainsFunc(info.Key, unicode.IsControl) {
			one = append(one, info)
		} else {
			many = append(many, info.Key)
		}
	}
	err := each(one, func(info object.Info) error { return t.fs.removeVersion(info.Key, info) })
	if err != nil || len(many) == 0 {
		return err
	}
	failed, err := t.fs.opts.Names.DeleteMany(t.fs.ctx, many)
	for _, e := range failed {
		err = errors.Join(err, e)
	}
	return err
}

// RecoverRenames finishes or undoes the directory renames that an earlier run of this mount left half done. It is
// called before Mount. An error tells of records that are left for the next start.
func (f *FS) RecoverRenames(ctx context.Context) error {
	if f.opts.StateDir == "" {
		return nil
	}
	list, err := openIntents(f.opts.StateDir)
	for _, in := range list {
		t := &treeMove{intent: in, fs: f, after: ctx}
		f.log.Info("half-done rename found", "from", t.Src, "to", t.Dst, "phase", t.Phase)
		e := t.recover()
		if e == nil {
			e = t.remove()
		} else {
			t.close()
		}
		err = errors.Join(err, e)
	}
	return err
}

func (t *treeMove) recover() error {
	if t.Phase == phaseDelete {
		return t.deleteAll(false)
	}
	return t.undo(true)
}
