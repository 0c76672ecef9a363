package metacache

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// Head asks, and keeps the answer.
func (c *Cache) Head(ctx context.Context, key string) (object.Info, error) {
	w, start := c.watch(pathOf(key)), time.Now()
	info, err := c.next.Head(ctx, key)
	c.observe(key, w, start, info, err)
	return info, err
}

// Get reads, and keeps what the answer tells of the object.
func (c *Cache) Get(ctx context.Context, key string, opts object.GetOptions) (*object.Reader, error) {
	w, start := c.watch(pathOf(key)), time.Now()
	r, err := c.next.Get(ctx, key, opts)
	var info object.Info
	if err == nil {
		info = r.Info
	}
	c.observe(key, w, start, info, err)
	return r, err
}

// observe ends a question about key that began at start.
func (c *Cache) observe(key string, w *watch, start time.Time, info object.Info, err error) {
	path := pathOf(key)
	wrong := object.Is(err, object.KindNotFound, object.KindChanged)
	if err == nil {
		info.Key = key
		c.remember(info)
	}
	e := entryOf(info)
	if err == nil && c.complete(e) && usablePath(path) && !(e.Dir && c.isFile(path)) {
		c.learn(path, w, &state{e: e, at: start})
		return
	}
	if wrong && !(path != key && c.isFile(path)) {
		c.learn(path, w, nil)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unwatchLocked(path, w)
}

// isFile tells whether path is known as a file, which a marker of the same name does not change.
func (c *Cache) isFile(path string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.entries.get(path)
	return ok && !s.absent && !s.e.Dir
}

// List asks. Nothing is kept: OpenDir does that.
func (c *Cache) List(ctx context.Context, opts object.ListOptions) (object.Page, error) {
	return c.next.List(ctx, opts)
}

// Put stores, and knows the object then.
func (c *Cache) Put(ctx context.Context, key string, body object.Body, opts object.PutOptions) (object.Info, error) {
	ch := c.begin(key)
	info, err := c.next.Put(ctx, key, body, opts)
	ch.finish(described(info, opts), err)
	return info, err
}

// described is what a write with opts answered, with what opts said of the object.
func described(info object.Info, opts object.PutOptions) object.Info {
	if info.Metadata == nil {
		info.Metadata = maps.Clone(opts.Metadata)
		if info.Metadata == nil {
			info.Metadata = map[string]string{}
		}
	}
	if info.ContentType == "" {
		info.ContentType = opts.ContentType
	}
	return info
}

// Copy copies, and knows the copy then.
func (c *Cache) Copy(ctx context.Context, dst, src string, opts object.CopyOptions) (object.Info, error) {
	ch := c.begin(dst)
	info, err := c.next.Copy(ctx, dst, src, opts)
	told := info
	switch {
	case told.Metadata != nil:
	case opts.Metadata != nil:
		told = described(told, object.PutOptions{Metadata: opts.Metadata, ContentType: opts.ContentType})
	case opts.Source != nil && (opts.SourceETag == "" || opts.SourceETag == opts.Source.ETag):
		// The source may have got other metadata under the same ETag since; the entry is as old as that knowledge.
		told.Metadata = maps.Clone(opts.Source.Metadata)
		if told.ContentType == "" {
			told.ContentType = opts.Source.ContentType
		}
	}
	ch.finish(told, err)
	return info, err
}

// finish ends a change that stores.
func (ch *change) finish(info object.Info, err error) {
	if err != nil {
		ch.end(unknown, object.Info{})
		return
	}
	ch.end(stored, info)
}

// Delete removes, and what was known of the key is forgotten.
func (c *Cache) Delete(ctx context.Context, key string, opts object.DeleteOptions) error {
	ch := c.begin(key)
	err := c.next.Delete(ctx, key, opts)
	ch.finishDelete(err)
	return err
}

func (ch *change) finishDelete(err error) {
	if err != nil {
		ch.end(unknown, object.Info{})
		return
	}
	ch.end(removed, object.Info{})
}

// DeleteMany removes up to 1,000 keys, one by one where the wrapped Store has no request for it.
func (c *Cache) DeleteMany(ctx context.Context, keys []string) (map[string]error, error) {
	b, ok := c.next.(object.BatchDeleter)
	if !ok {
		return c.deleteEach(ctx, keys), nil
	}
	chs := make([]*change, len(keys))
	for i, key := range keys {
		chs[i] = c.begin(key)
	}
	failed, err := b.DeleteMany(ctx, keys)
	for i, key := range keys {
		if err != nil {
			chs[i].finishDelete(err)
		} else {
			chs[i].finishDelete(failed[key])
		}
	}
	return failed, err
}

func (c *Cache) deleteEach(ctx context.Context, keys []string) map[string]error {
	var wg sync.WaitGroup
	var mu sync.Mutex // guards failed
	failed := map[string]error{}
	next := make(chan string)
	for range min(16, len(keys)) {
		wg.Go(func() {
			for key := range next {
				if err := c.Delete(ctx, key, object.DeleteOptions{}); err != nil {
					mu.Lock()
					failed[key] = err
					mu.Unlock()
				}
			}
		})
	}
	for _, key := range keys {
		next <- key
	}
	close(next)
	wg.Wait()
	return failed
}

// ListUploads asks the wrapped Store; KindUnsupported if it cannot tell.
func (c *Cache) ListUploads(ctx context.Context, prefix string) ([]object.PendingUpload, error) {
	if l, ok := c.next.(object.UploadLister); ok {
		return l.ListUploads(ctx, prefix)
	}
	return nil, &object.Error{Op: "ListUploads", Key: prefix, Kind: object.KindUnsupported}
}

// Traits asks the wrapped Store; no trait is given where it cannot tell.
func (c *Cache) Traits(ctx context.Context) (object.Traits, error) {
	if p, ok := c.next.(object.Prober); ok {
		return p.Traits(ctx)
	}
	return object.Traits{}, nil
}

// CreateUpload begins an object in parts, which is known when it is completed.
func (c *Cache) CreateUpload(ctx context.Context, key string, opts object.PutOptions) (object.Upload, error) {
	u, err := c.next.CreateUpload(ctx, key, opts)
	if err != nil {
		return nil, err
	}
	return &upload{Upload: u, c: c, key: key, opts: opts}, nil
}

// ResumeUpload goes on with an object in parts.
func (c *Cache) ResumeUpload(key, id string, opts object.PutOptions) object.Upload {
	return &upload{Upload: c.next.ResumeUpload(key, id, opts), c: c, key: key, opts: opts}
}

type upload struct {
	object.Upload
	c    *Cache
	key  string
	opts object.PutOptions
}

func (u *upload) Complete(ctx context.Context, parts []object.Part) (object.Info, error) {
	ch := u.c.begin(u.key)
	info, err := u.Upload.Complete(ctx, parts)
	ch.finish(described(info, u.opts), err)
	return info, err
}
