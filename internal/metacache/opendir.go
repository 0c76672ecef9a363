package metacache

import (
	"context"
	"time"
)

// maxLogged is how many directories are remembered as reported.
const maxLogged = 1024

// OpenDir lists dir, "" being the root, and returns when the first names are there. A listing that this mount knows is
// used if it is younger than ListTTL and all changes of this mount can be shown in it. A directory that is not there
// is an empty one. The Listing must be closed.
func (c *Cache) OpenDir(ctx context.Context, dir string) (*Listing, error) {
	if dir != "" && !usablePath(dir) {
		return nil, notFound(dir)
	}
	c.mu.Lock()
	d := c.reuseLocked(dir)
	if d == nil {
		d = c.newListLocked(dir)
		c.keepLocked(d)
	}
	d.refs++
	c.mu.Unlock()
	l := &Listing{d: d, turn: make(chan struct{}, 1)}
	if _, err := d.wait(ctx, 1); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// reuseLocked returns a listing of dir that a reader may use as if it was asked for now, or nil.
func (c *Cache) reuseLocked(dir string) *dirList {
	ttl := c.o.ListTTL(dir)
	d, ok := c.lists.get(dir)
	if !ok || ttl <= 0 || time.Since(d.start) >= ttl {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.blind || d.closed:
		return nil
	case len(d.overlay) == 0:
		return d
	case !d.ended || d.names.file != nil:
		return nil // its positions are in use, and to write it again costs more than to ask again
	}
	return c.patchedLocked(d)
}

// patchedLocked is d, whose lock is held too, with the changes of this mount in it. It takes d's place.
func (c *Cache) patchedLocked(d *dirList) *dirList {
	items, err := d.names.get(0, d.names.n)
	if err != nil {
		return nil
	}
	p := c.newListLocked(d.dir)
	p.start, p.ended, p.doubles = d.start, true, d.doubles
	p.pages = []pageMark{{0, d.start}}
	for _, it := range applyOverlay(items, d.overlay) {
		if !p.merge.take(it.raw) {
			p.doubles = true
			continue
		}
		if err := p.names.append(it); err != nil {
			p.blind = true
			p.refs++
			defer c.releaseLocked(p)
			return nil
		}
	}
	// A name that another machine may have changed as well is not for lookups; those added are as old as the listing.
	for raw, o := range d.overlay {
		if o.kind == doubtful {
			p.overlay[raw] = o
		}
	}
	d.refs++ // for the caller's lock: keepLocked may drop d
	c.keepLocked(p)
	d.refs--
	return p
}

// keepLocked makes d the listing of its directory for later.
func (c *Cache) keepLocked(d *dirList) {
	d.refs++
	c.lists.put(d.dir, d, 512)
}

// account counts what d takes now.
func (c *Cache) account(d *dirList) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now, ok := c.lists.get(d.dir); !ok || now != d {
		return
	}
	d.mu.Lock()
	cost := 512 + d.names.cost()
	if d.names.file != nil {
		cost = max(cost, c.lists.budget/16) // an open file each: at most sixteen
	}
	d.mu.Unlock()
	d.refs++
	c.lists.put(d.dir, d, cost)
}

// reportUnusable says once for each directory that it has names that cannot be shown.
func (c *Cache) reportUnusable(dir string, n int) {
	c.mu.Lock()
	_, done := c.logged[dir]
	if !done && len(c.logged) < maxLogged {
		c.logged[dir] = struct{}{}
	}
	c.mu.Unlock()
	if !done {
		c.log.Debug("names that no directory can show are left out", "directory", dir, "names", n)
	}
}
