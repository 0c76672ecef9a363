package faultstore

import (
	"context"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// nothing is the answer of what answers with an error alone.
type nothing struct{}

// Head implements object.Store.
func (s *Store) Head(ctx context.Context, key string) (object.Info, error) {
	return run(ctx, s, Head, key, func() (object.Info, error) { return s.next.Head(ctx, key) })
}

// Get implements object.Store.
func (s *Store) Get(ctx context.Context, key string, opts object.GetOptions) (*object.Reader, error) {
	return run(ctx, s, Get, key, func() (*object.Reader, error) { return s.next.Get(ctx, key, opts) })
}

// List implements object.Store.
func (s *Store) List(ctx context.Context, opts object.ListOptions) (object.Page, error) {
	return run(ctx, s, List, opts.Prefix, func() (object.Page, error) { return s.next.List(ctx, opts) })
}

// Put implements object.Store.
func (s *Store) Put(ctx context.Context, key string, body object.Body, opts object.PutOptions) (object.Info, error) {
	return run(ctx, s, Put, key, func() (object.Info, error) { return s.next.Put(ctx, key, body, opts) })
}

// Copy implements object.Store.
func (s *Store) Copy(ctx context.Context, dst, src string, opts object.CopyOptions) (object.Info, error) {
	return run(ctx, s, Copy, dst, func() (object.Info, error) { return s.next.Copy(ctx, dst, src, opts) })
}

// Delete implements object.Store.
func (s *Store) Delete(ctx context.Context, key string, opts object.DeleteOptions) error {
	_, err := run(ctx, s, Delete, key, func() (nothing, error) { return nothing{}, s.next.Delete(ctx, key, opts) })
	return err
}

// CreateUpload implements object.Store.
func (s *Store) CreateUpload(ctx context.Context, key string, opts object.PutOptions) (object.Upload, error) {
	u, err := run(ctx, s, CreateUpload, key, func() (object.Upload, error) { return s.next.CreateUpload(ctx, key, opts) })
	if err != nil {
		return nil, err
	}
	return &upload{s, u, key}, nil
}

// ResumeUpload implements object.Store.
func (s *Store) ResumeUpload(key, id string, opts object.PutOptions) object.Upload {
	return &upload{s, s.next.ResumeUpload(key, id, opts), key}
}

// DeleteMany implements object.BatchDeleter. Its rules see the key "".
func (s *Store) DeleteMany(ctx context.Context, keys []string) (map[string]error, error) {
	return run(ctx, s, DeleteMany, "", func() (map[string]error, error) {
		next, ok := s.next.(object.BatchDeleter)
		if !ok {
			return nil, Fail(object.KindUnsupported)
		}
		return next.DeleteMany(ctx, keys)
	})
}

// ListUploads implements object.UploadLister.
func (s *Store) ListUploads(ctx context.Context, prefix string) ([]object.PendingUpload, error) {
	return run(ctx, s, ListUploads, prefix, func() ([]object.PendingUpload, error) {
		next, ok := s.next.(object.UploadLister)
		if !ok {
			return nil, Fail(object.KindUnsupported)
		}
		return next.ListUploads(ctx, prefix)
	})
}

// Traits implements object.Prober. Its rules see the key "".
func (s *Store) Traits(ctx context.Context) (object.Traits, error) {
	return run(ctx, s, Traits, "", func() (object.Traits, error) {
		next, ok := s.next.(object.Prober)
		if !ok {
			return object.Traits{}, nil
		}
		return next.Traits(ctx)
	})
}

type upload struct {
	s    *Store
	next object.Upload
	key  string
}

func (u *upload) ID() string { return u.next.ID() }

func (u *upload) PutPart(ctx context.Context, n int, body object.Body) (object.Part, error) {
	return run(ctx, u.s, PutPart, u.key, func() (object.Part, error) { return u.next.PutPart(ctx, n, body) })
}

func (u *upload) CopyPart(ctx context.Context, n int, src, etag string, off, size int64) (object.Part, error) {
	return run(ctx, u.s, CopyPart, u.key, func() (object.Part, error) { return u.next.CopyPart(ctx, n, src, etag, off, size) })
}

func (u *upload) Complete(ctx context.Context, parts []object.Part) (object.Info, error) {
	return run(ctx, u.s, Complete, u.key, func() (object.Info, error) { return u.next.Complete(ctx, parts) })
}

func (u *upload) Abort(ctx context.Context) error {
	_, err := run(ctx, u.s, Abort, u.key, func() (nothing, error) { return nothing{}, u.next.Abort(ctx) })
	return err
}
