package metacache

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// clockSlack is by how much the time that a PUT is taken to have, where its answer had none of its own, may differ from
// the LastModified of a listing.
const clockSlack = 2 * time.Second

// fill corrects the entries of dir by what was learned since they were listed, and says which of them are gone. full
// adds what a listing does not tell. If ctx ends first, the entries must not be used; HEADs that run end by themselves
// and are known then.
func (c *Cache) fill(ctx context.Context, dir string, entries []numbered, full bool) (missing []bool, err error) {
	missing = make([]bool, len(entries))
	var todo []int
	for i := range entries {
		e := &entries[i]
		missing[i] = e.gone
		if !e.gone && !c.fillKnown(below(dir)+e.Name, e, full) && full && c.o.PosixMetadata {
			todo = append(todo, i)
		}
	}
	if len(todo) == 0 {
		return missing, nil
	}
	return missing, c.fillAsked(ctx, below(dir), entries, missing, todo)
}

// fillAsked asks for the entries whose numbers todo has, in their order.
func (c *Cache) fillAsked(ctx context.Context, prefix string, entries []numbered, missing []bool, todo []int) error {
	workers := min(c.o.Heads, len(todo))
	done := make(chan struct{}, workers)
	var next atomic.Int64
	work := func(own context.Context) {
		for ctx.Err() == nil && own.Err() == nil {
			n := int(next.Add(1)) - 1
			if n >= len(todo) {
				break
			}
			i := todo[n]
			missing[i] = c.fillByHead(own, prefix+entries[i].Name, &entries[i])
		}
		done <- struct{}{}
	}
	for range workers {
		if !c.spawn(work) {
			return canceled(prefix, context.Canceled)
		}
	}
	for range workers {
		select {
		case <-done:
		case <-ctx.Done():
			return canceled(prefix, ctx.Err())
		}
	}
	if c.ctx.Err() != nil {
		return canceled(prefix, c.ctx.Err())
	}
	return ctx.Err()
}

// fillKnown adds to e what is known without asking, and reports whether that is all. What is as old as the listing is
// added only for a full entry.
func (c *Cache) fillKnown(path string, e *numbered, full bool) bool {
	c.mu.Lock()
	s, ok := c.entries.get(path)
	ok = ok && !s.absent && c.fresh(path, s) && c.complete(s.e)
	c.mu.Unlock()
	switch {
	case ok && (!s.asof.Before(e.at) || full && e.Dir && s.e.Dir):
		e.Entry = s.e // newer than the listing, or all that can be known
		return true
	case e.changed || !full:
		return false
	case ok && !e.Dir && s.e.Info.Key == path && sameAsListed(s.e.Info, e.Info):
		info := s.e.Info
		info.LastModified = e.Info.LastModified
		e.Entry = entryOf(info)
		return true
	case e.Dir || !c.known.get(&e.Info):
		return false
	}
	e.Entry = entryOf(e.Info)
	return true
}

// sameAsListed tells whether have, fresh in the cache, is what the listing has: the same content, and not changed
// since as far as the times tell.
func sameAsListed(have, listed object.Info) bool {
	return have.SameContent(listed) &&
		(have.LastModified.IsZero() || !listed.LastModified.After(have.LastModified.Add(clockSlack)))
}

// fillByHead asks for e's object and reports whether it is gone.
func (c *Cache) fillByHead(ctx context.Context, path string, e *numbered) (gone bool) {
	key, dir := path, e.Dir
	if dir {
		key += "/"
	}
	info, err := c.headOf(ctx, path, key, e.at)
	switch {
	case err == nil:
		e.Entry = entryOf(info)
	case !object.Is(err, object.KindNotFound):
		c.log.Debug("no metadata for a name of a listing", "key", key, "error", err)
		e.Marker = dir // it may have one: nothing is known
	case !dir:
		return true
	}
	return false
}

// headOf asks for key on behalf of a listing that was asked for at listed.
func (c *Cache) headOf(ctx context.Context, path, key string, listed time.Time) (object.Info, error) {
	select {
	case c.heads <- struct{}{}:
	case <-ctx.Done():
		return object.Info{}, canceled(path, ctx.Err())
	}
	defer func() { <-c.heads }()
	w, start := c.watch(path), time.Now()
	info, err := c.next.Head(ctx, key)
	if err == nil && info.Metadata == nil {
		info.Metadata = map[string]string{}
	}
	info.Key = key
	switch {
	case err == nil && key == path && c.known.put(info):
	case err == nil:
		c.learn(path, w, &state{e: entryOf(info), at: minTime(start, listed, key != path)})
		return info, nil
	case object.Is(err, object.KindNotFound) && key != path:
		_, name := split(path)
		c.learn(path, w, &state{e: Entry{Name: name, Dir: true}, at: listed})
		return info, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unwatchLocked(path, w)
	return info, err
}

// minTime is start, or listed if the knowledge rests on the listing too.
func minTime(start, listed time.Time, both bool) time.Time {
	if both && listed.Before(start) {
		return listed
	}
	return start
}
