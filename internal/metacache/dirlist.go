package metacache

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// aheadOf is how many names are listed ahead of the reader: a page of S3.
const aheadOf = 1000

// A dirList is one LIST of a directory: names that arrive page by page, in the order of keys, each once. What has
// arrived never changes, so that positions hold for all readers; what this mount changed since is kept beside it.
type dirList struct {
	c     *Cache
	dir   string
	start time.Time // of the first request, or before
	refs  int       // guarded by Cache.mu: Listings, and Cache.lists

	mu      sync.Mutex // guards all below; after Cache.mu
	names   names
	pages   []pageMark
	overlay map[string]overlay // by raw name
	seq     uint64
	blind   bool // names changed that it does not know: not for lookups, not for reuse
	stale   bool // not for reuse
	deaf    bool // so many changed that only those that the next page may lack are remembered
	doubles bool // a file hid a directory
	ended   bool // all names are here
	marked  bool // the directory has a marker
	closed  bool
	merge   merger
	token   string        // of the next page
	left    int           // names that no directory can show
	looked  int           // number of the name that was looked up last
	asking  chan struct{} // closed when the names from askFrom to askTo were asked for; nil if none are
	askFrom int
	askTo   int
	loading chan struct{} // closed when the page that is asked for is here; nil if none is
	err     error         // of the last page
	broken  error         // no page can be taken any more
}

// pageMark says that the names from first on were asked for at a time.
type pageMark struct {
	first int
	at    time.Time
}

func (c *Cache) newListLocked(dir string) *dirList {
	d := &dirList{c: c, dir: dir, start: time.Now(), overlay: map[string]overlay{}}
	d.names = names{dir: c.o.Dir, budget: c.o.Memory / 4, used: &c.listed}
	if c.tracked[dir] == nil {
		c.tracked[dir] = map[*dirList]struct{}{}
	}
	c.tracked[dir][d] = struct{}{}
	return d
}

// releaseLocked drops one use of d; Cache.mu is held.
func (c *Cache) releaseLocked(d *dirList) {
	if d.refs--; d.refs > 0 {
		return
	}
	c.untrackLocked(d)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	d.names.close()
}

func (c *Cache) untrackLocked(d *dirList) {
	delete(c.tracked[d.dir], d)
	if len(c.tracked[d.dir]) == 0 {
		delete(c.tracked, d.dir)
	}
}

// wait returns how many names there are once there are at least want or all. ctx ends the waiting alone.
func (d *dirList) wait(ctx context.Context, want int) (int, error) {
	for {
		d.mu.Lock()
		n, ended, broken := d.names.n, d.ended, d.broken
		d.mu.Unlock()
		if ended || n >= want {
			return n, nil
		}
		if broken != nil {
			return 0, broken
		}
		ch := d.load()
		if ch == nil {
			return 0, canceled(d.dir, context.Canceled)
		}
		select {
		case <-ch:
		case <-ctx.Done():
			return 0, canceled(d.dir, ctx.Err())
		}
		d.mu.Lock()
		err := d.err
		d.mu.Unlock()
		if err != nil {
			return 0, err
		}
	}
}

// load begins to fetch the next page, or returns the channel of the one that is fetched already. It is closed when the
// page is there. Nil: the Cache is closed.
func (d *dirList) load() chan struct{} {
	d.c.mu.Lock()
	defer d.c.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.loading != nil {
		return d.loading
	}
	ch := make(chan struct{})
	if d.ended || d.broken != nil {
		close(ch)
		return ch
	}
	if d.deaf {
		clear(d.overlay) // the page is asked for after all that it tells of
	}
	since, token := d.seq, d.token
	if !d.c.spawnLocked(func(ctx context.Context) { d.fetch(ctx, token, since) }) {
		return nil
	}
	d.loading = ch
	return ch
}

// fetch asks for a page. since is the number of the last change that the page knows.
func (d *dirList) fetch(ctx context.Context, token string, since uint64) {
	start := time.Now()
	page, err := d.c.next.List(ctx, object.ListOptions{Prefix: below(d.dir), Delimiter: "/", Token: token})
	d.mu.Lock()
	switch {
	case d.closed:
		d.broken = &object.Error{Op: "ReadDir", Key: d.dir, Kind: object.KindInvalid}
	case err == nil:
		d.broken = d.takeLocked(page, since, start)
	}
	d.err = err
	left, ended := d.left, d.ended
	d.mu.Unlock()
	if err == nil {
		d.c.account(d)
	}
	if ended && left > 0 {
		d.c.reportUnusable(d.dir, left)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	close(d.loading)
	d.loading = nil
}

// takeLocked adds a page that was asked for at start.
func (d *dirList) takeLocked(page object.Page, since uint64, start time.Time) error {
	items, hi, left, marked := itemsOf(page, below(d.dir))
	d.left += left
	d.marked = d.marked || marked
	d.pages = append(d.pages, pageMark{d.names.n, start})
	items = d.overlayLocked(items, hi, page.More, since)
	d.token, d.ended = page.Next, !page.More
	for _, it := range items {
		if !d.merge.take(it.raw) {
			d.doubles = true
			continue
		}
		if err := d.names.append(it); err != nil {
			d.blind, d.ended = true, false
			return &object.Error{Op: "List", Key: d.dir, Kind: object.KindUnavailable, Err: err}
		}
	}
	return nil
}

// recall tells what the names that arrived tell of name.
func (d *dirList) recall(name string) (state, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.blind || d.closed {
		return state{}, false
	}
	for _, raw := range []string{name, name + "/"} {
		if _, ok := d.overlay[raw]; ok {
			return state{}, false
		}
	}
	it, i, ok := d.names.find(name)
	if !ok {
		it, i, ok = d.names.find(name + "/")
	}
	if !ok {
		return state{}, false
	}
	return state{e: d.entry(it), at: d.askedLocked(i)}, true
}

// askedLocked is when the name with number i was asked for.
func (d *dirList) askedLocked(i int) time.Time {
	at := d.start
	for _, p := range d.pages {
		if p.first > i {
			break
		}
		at = p.at
	}
	return at
}

// entry is what an item shows, without metadata and marker.
func (d *dirList) entry(it item) Entry {
	if name, ok := strings.CutSuffix(it.raw, "/"); ok {
		return Entry{Name: name, Dir: true}
	}
	return Entry{Name: it.raw, Info: object.Info{
		Key: below(d.dir) + it.raw, Size: it.size, ETag: it.etag, LastModified: it.mod}}
}
