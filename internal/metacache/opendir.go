package metacache

import (
	"context"
	"time"
)

// maxLogged is how many directories are remembered as reported.
const maxLogged = 1024

// OpenDir lists dir, "" being the root, and returns when the first names are there. A listing that this mount knows is
// used if it is younger than ListTTL and all changes of this mount can be shown in it. A directory that is not there
// is an empty one; Listing.Exists tells. The Listing must be closed.
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
	usable, changed := !d.blind && !d.stale && !d.closed && d.broken == nil, false
	for _, o := range d.overlay {
		changed = changed || o.kind != doubtful
	}
	// To write a large listing again, or one whose end is not here, costs more than to ask again.
	small := d.ended && d.names.file == nil
	d.mu.Unlock()
	switch {
	case !usable || changed && !small:
		return nil
	case !changed:
		return d
	}
	p := c.patchedLocked(d)
	if p != nil {
		c.keepLocked(p)
	}
	return p
}

// patchedLocked is d with the changes of this mount in it, or nil if that cannot be made.
func (c *Cache) patchedLocked(d *dirList) *dirList {
	p := c.newListLocked(d.dir)
	d.mu.Lock()
	defer d.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.start, p.ended, p.doubles, p.marked = d.start, true, d.doubles, d.marked
	p.pages = []pageMark{{0, d.start}}
	items, err := d.names.get(0, d.names.n)
	for _, it := range applyOverlay(items, d.overlay) {
		if !p.merge.take(it.raw) {
			p.doubles = true
		} else if err == nil {
			err = p.names.append(it)
		}
	}
	if err != nil {
		p.closed = true
		p.names.close()
		c.untrackLocked(p)
		return nil
	}
	p.merge.last = d.merge.last
	for raw, o := range d.overlay {
		// Not for lookups: an added name is not as old as this listing says, and another machine's answer made a
		// doubtful one.
		if o.kind != gone {
			p.overlay[raw] = overlay{kind: doubtful}
		}
	}
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
	cost := 512 + d.names.cost() + overlayCost*int64(len(d.overlay))
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
