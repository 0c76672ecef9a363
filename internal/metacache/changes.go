package metacache

import (
	"time"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// A watch is held by who asks about a path, and is touched when this mount changed it meanwhile. Guarded by Cache.mu.
type watch struct{ touched bool }

// An overlap counts the changes of one path that run now.
type overlap struct {
	running int
	mixed   bool // two ran at once, so that the last state is not known
}

// A change is one request of this mount that changes an object.
type change struct {
	c     *Cache
	key   string
	start time.Time
}

// what a change made of its key
type outcome int

const (
	unknown outcome = iota
	stored
	removed
)

// watch begins a question about path.
func (c *Cache) watch(path string) *watch {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := &watch{}
	if c.watches[path] == nil {
		c.watches[path] = map[*watch]struct{}{}
	}
	c.watches[path][w] = struct{}{}
	return w
}

func (c *Cache) unwatchLocked(path string, w *watch) {
	delete(c.watches[path], w)
	if len(c.watches[path]) == 0 {
		delete(c.watches, path)
	}
}

func touchAll(ws map[*watch]struct{}) {
	for w := range ws {
		w.touched = true
	}
}

// learn ends a question about path with its answer, and reports whether the answer still held: if this mount changed
// the path meanwhile, nothing is kept of it. A nil s tells nothing but that what was known is wrong.
func (c *Cache) learn(path string, w *watch, s *state) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unwatchLocked(path, w)
	if w.touched {
		return false
	}
	if s == nil {
		c.forgetLocked(path, doubtful)
		return true
	}
	s.asof = s.at
	old, ok := c.entries.get(path)
	if ok && old.asof.After(s.asof) {
		return true
	}
	if s.absent {
		c.forgetLocked(path, gone)
		if c.o.NegativeTTL(path) <= 0 {
			return true
		}
	}
	s.e = c.answer(s.e)
	c.entries.put(path, *s, s.cost(path))
	return true
}

// forgetLocked drops what is known of path, also by listings, which then have it as k says.
func (c *Cache) forgetLocked(path string, k kind) {
	c.entries.remove(path)
	c.noteLocked(path, path, overlay{kind: k})
	c.noteLocked(path, path+"/", overlay{kind: k})
}

// spoilLocked ends the use of the listings that have path.
func (c *Cache) spoilLocked(path string) {
	dir, _ := split(path)
	for d := range c.tracked[dir] {
		d.spoil()
	}
}

// begin says that key is about to be changed.
func (c *Cache) begin(key string) *change {
	c.mu.Lock()
	defer c.mu.Unlock()
	path := pathOf(key)
	o := c.changing[path]
	if o == nil {
		o = &overlap{}
		c.changing[path] = o
	}
	o.running++
	if o.running > 1 {
		o.mixed = true
	}
	return &change{c: c, key: key, start: time.Now()}
}

// end says what became of the key. info counts for stored only.
func (ch *change) end(what outcome, info object.Info) {
	c, path := ch.c, pathOf(ch.key)
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.changing[path]
	if o.mixed {
		what = unknown
	}
	if o.running--; o.running == 0 {
		delete(c.changing, path)
	}
	touchAll(c.watches[path])
	old, _ := c.entries.peek(path)
	c.entries.remove(path)
	switch what {
	case stored:
		info.Key = ch.key
		e := entryOf(info)
		// A new marker makes a directory of its path, unless a file hides it.
		hidden := path != ch.key && old.e.Name != "" && !old.e.Dir
		if usablePath(path) && c.complete(e) && !hidden {
			s := state{e: c.answer(e), at: ch.start, asof: time.Now()}
			c.entries.put(path, s, s.cost(path))
		}
		c.noteLocked(path, ch.key, overlay{kind: added, info: info})
	case removed:
		c.noteLocked(path, ch.key, overlay{kind: gone})
		if path != ch.key {
			c.spoilLocked(path) // without its marker the directory may still be there, by its children
		}
	case unknown:
		c.forgetLocked(path, doubtful)
		c.spoilLocked(path)
	}
	c.parentsLocked(path, what)
}

// parentsLocked tells the directories above path what became of it. Those without a marker come with their first child
// and go with their last.
func (c *Cache) parentsLocked(path string, what outcome) {
	certain := false // the directories from here up are there whatever became of path
	for dir, _ := split(path); dir != ""; dir, _ = split(dir) {
		touchAll(c.watches[dir])
		s, ok := c.entries.get(dir)
		certain = certain || ok && s.e.Marker && c.fresh(dir, s)
		switch {
		case ok && s.absent:
			c.entries.remove(dir)
		case what != stored && ok && !certain:
			c.entries.remove(dir)
		}
		switch {
		case what == stored:
			c.noteLocked(dir, dir+"/", overlay{kind: added})
		case !certain:
			c.noteLocked(dir, dir+"/", overlay{kind: doubtful})
			c.spoilLocked(dir)
		}
	}
}

// noteLocked tells the listings of path's directory what became of key.
func (c *Cache) noteLocked(path, key string, o overlay) {
	dir, name := split(path)
	if !usableName(name) {
		return
	}
	for d := range c.tracked[dir] {
		cost := d.note(key[len(below(dir)):], o)
		if now, ok := c.lists.peek(dir); ok && now == d {
			c.lists.grow(dir, cost)
		}
	}
}
