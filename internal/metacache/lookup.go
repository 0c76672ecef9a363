package metacache

import (
	"context"
	"time"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// attempts is how often a lookup asks before it lives with an answer that a change of this mount may have overtaken.
const attempts = 3

// A flight is one lookup in the bucket, for all who want it.
type flight struct {
	done chan struct{}
	e    Entry // valid when done is closed
	err  error
}

// Lookup tells what path leads to, and KindNotFound if it leads nowhere. fresh asks the bucket whatever is known, by
// requests that begin after the call. The root "" is always a directory and costs nothing.
func (c *Cache) Lookup(ctx context.Context, path string, fresh bool) (Entry, error) {
	if path == "" {
		return Entry{Dir: true}, nil
	}
	if !usablePath(path) || len(path) > maxKey {
		return Entry{}, notFound(path)
	}
	if !fresh {
		if s, ok := c.recall(path); ok && s.absent {
			return Entry{}, notFound(path)
		} else if ok {
			return s.e, nil
		}
		if c.lookAhead(ctx, path) {
			if s, ok := c.recall(path); ok && !s.absent {
				return s.e, nil
			}
		}
	}
	f := c.flight(path, fresh)
	select {
	case <-f.done:
		return f.e, f.err
	case <-ctx.Done():
		return Entry{}, canceled(path, ctx.Err())
	}
}

func notFound(path string) error {
	return &object.Error{Op: "Lookup", Key: path, Kind: object.KindNotFound}
}

func canceled(path string, err error) error {
	return &object.Error{Op: "Lookup", Key: path, Kind: object.KindOf(err), Err: err}
}

// recall is what is known of path and may be used now.
func (c *Cache) recall(path string) (state, bool) {
	if path == "" {
		return state{e: Entry{Dir: true}}, true
	}
	c.mu.Lock()
	s, ok := c.entries.get(path)
	if ok && c.fresh(path, s) && (s.absent || c.complete(s.e)) {
		c.mu.Unlock()
		s.e = c.answer(s.e)
		return s, true
	}
	dir, name := split(path)
	d, ok := c.lists.get(dir)
	c.mu.Unlock()
	if ok {
		s, ok = d.recall(name)
	}
	if !ok || !c.fresh(path, s) {
		return state{}, false
	}
	return c.describe(path, s)
}

// describe adds to s, which a listing told of path, what else a user needs to know.
func (c *Cache) describe(path string, s state) (state, bool) {
	if !c.o.PosixMetadata {
		return s, true
	}
	// Whether a directory has a marker and what it says is not in the listing of its parent.
	if s.e.Dir || !c.known.get(&s.e.Info) {
		return state{}, false
	}
	e := entryOf(s.e.Info)
	s.e = e
	return s, c.fresh(path, s)
}

// flight starts a lookup, or joins one that runs if the caller takes an answer that was asked for before.
func (c *Cache) flight(path string, fresh bool) *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	fresh = fresh || c.o.StatTTL(path) <= 0 || c.o.TypeTTL(path) <= 0
	if f := c.flights[path]; f != nil && !fresh {
		return f
	}
	f := &flight{done: make(chan struct{})}
	started := c.spawnLocked(func(ctx context.Context) {
		f.e, f.err = c.find(ctx, path)
		c.mu.Lock()
		if c.flights[path] == f {
			delete(c.flights, path)
		}
		c.mu.Unlock()
		close(f.done)
	})
	if !started {
		f.err = canceled(path, context.Canceled)
		close(f.done)
		return f
	}
	c.flights[path] = f
	return f
}

// find asks the bucket what path is, and keeps the answer.
func (c *Cache) find(ctx context.Context, path string) (e Entry, err error) {
	for range attempts {
		w, start := c.watch(path), time.Now()
		var v verdict
		e, v, err = c.ask(ctx, path)
		s := &state{e: e, absent: v == isAbsent, at: start}
		if err != nil {
			c.mu.Lock()
			c.unwatchLocked(path, w)
			c.mu.Unlock()
			return Entry{}, err
		}
		if v != isAbsent {
			c.remember(e.Info)
		} else {
			err = notFound(path)
		}
		if c.learn(path, w, s) && v != isTorn {
			break
		}
	}
	return c.answer(e), err
}
