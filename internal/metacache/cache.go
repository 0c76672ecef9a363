package metacache

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// DefaultMemory is the budget in bytes where Options.Memory is 0.
const DefaultMemory = 32 << 20

// DefaultHeads is how many HEADs run at once where Options.Heads is 0.
const DefaultHeads = 64

// Options say how long and in how much space a Cache knows things.
type Options struct {
	// StatTTL, NegativeTTL and ListTTL tell for how long a file, an absence and a listing of a directory are taken as
	// known, by path; TypeTTL does so for directories. Nil or an answer of 0 means to ask each time.
	StatTTL, TypeTTL, NegativeTTL, ListTTL func(path string) time.Duration

	// PosixMetadata says that entries need their object's metadata. Without it Entry.Info.Metadata is always nil and
	// a listing costs no request but its own.
	PosixMetadata bool
	// ImplicitDirs says that objects below "a/" make a directory of "a" also where it has no marker.
	ImplicitDirs bool
	// Cheap asks one question after the other, which saves requests and costs round trips.
	Cheap bool

	Dir    string // where metadata outlives the process and large listings go; "" keeps no metadata on disk
	Memory int64  // bytes, for everything that is known together; 0 means DefaultMemory
	Heads  int    // most HEADs at once for the metadata of listings; 0 means DefaultHeads
	Log    *slog.Logger
}

// An Entry is what a path leads to.
type Entry struct {
	Name string // the last element of the path
	Dir  bool
	// Info is the file's object, or the marker's if Marker is set. Its Key is where the object is: "a", or "a/" for a
	// marker (but see the package comment for old ones).
	Info object.Info
	// Marker tells that a directory has an object of its own. Listing.Read, and all of a Cache without PosixMetadata,
	// may have false where nothing is known of it: no listing tells, and a question would cost a round trip.
	Marker bool
}

// A Cache is an object.Store that remembers what it was told, and answers for paths and directories.
type Cache struct {
	next  object.Store
	o     Options
	log   *slog.Logger
	known *known
	heads chan struct{} // one token for each HEAD of a listing that runs

	ctx    context.Context // of shared work
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu       sync.Mutex // guards all below; taken before dirList.mu
	closed   bool
	entries  *lru[string, state]
	watches  map[string]map[*watch]struct{}
	changing map[string]*overlap
	flights  map[string]*flight
	tracked  map[string]map[*dirList]struct{} // listings that must hear of changes, by directory
	lists    *lru[string, *dirList]           // the latest listing of a directory, for reuse
	logged   map[string]struct{}              // directories whose unusable names were reported

	listed atomic.Int64 // bytes of the names of all listings that are in memory
}

// state is what is known of a path.
type state struct {
	e      Entry
	absent bool
	at     time.Time // it held then; the TTLs count from here
	asof   time.Time // what was asked for before is older: at, but for this mount's changes the end of the request
}

// New wraps next. The Cache does not own next, and Close ends nothing of it.
func New(next object.Store, o Options) (*Cache, error) {
	never := func(string) time.Duration { return 0 }
	for _, f := range []*func(string) time.Duration{&o.StatTTL, &o.TypeTTL, &o.NegativeTTL, &o.ListTTL} {
		if *f == nil {
			*f = never
		}
	}
	if o.Memory <= 0 {
		o.Memory = DefaultMemory
	}
	if o.Heads <= 0 {
		o.Heads = DefaultHeads
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	k, err := openKnown(o.Dir, o.Memory/4, o.Log)
	if err != nil {
		return nil, err
	}
	c := &Cache{
		next: next, o: o, log: o.Log, known: k, heads: make(chan struct{}, o.Heads),
		entries: newLRU[string, state](o.Memory / 2), watches: map[string]map[*watch]struct{}{},
		changing: map[string]*overlap{}, flights: map[string]*flight{},
		tracked: map[string]map[*dirList]struct{}{}, lists: newLRU[string, *dirList](o.Memory / 4),
		logged: map[string]struct{}{},
	}
	c.lists.dropped = c.releaseLocked
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

// Close ends all shared work and waits for it. What runs answers KindCanceled; open Listings must be closed by their
// users. It may be called once.
func (c *Cache) Close() error {
	c.mu.Lock()
	c.closed = true
	c.lists.clear()
	c.mu.Unlock()
	c.cancel()
	c.wg.Wait()
	return c.known.close()
}

// spawn runs f on the Cache's own context, and reports whether it did: a closed Cache does not.
func (c *Cache) spawn(f func(ctx context.Context)) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spawnLocked(f)
}

func (c *Cache) spawnLocked(f func(ctx context.Context)) bool {
	if c.closed {
		return false
	}
	c.wg.Go(func() { f(c.ctx) })
	return true
}

// Known returns what is known of path without asking, within its TTL.
func (c *Cache) Known(path string) (Entry, bool) {
	s, ok := c.recall(path)
	return s.e, ok && !s.absent
}

// Forget drops all that is known of path and of everything below it.
func (c *Cache) Forget(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	below := path + "/"
	if path == "" {
		below = ""
	}
	in := func(p string) bool { return p == path || strings.HasPrefix(p, below) }
	c.entries.removeIf(in)
	c.lists.removeIf(in)
	for p, ws := range c.watches {
		if in(p) {
			touchAll(ws)
		}
	}
	c.forgetLocked(path, doubtful)
	c.spoilLocked(path)
}

// fresh tells whether s, known of path, may still be used.
func (c *Cache) fresh(path string, s state) bool {
	ttl := c.o.StatTTL
	switch {
	case s.absent:
		ttl = c.o.NegativeTTL
	case s.e.Dir:
		ttl = c.o.TypeTTL
	}
	return time.Since(s.at) < ttl(path)
}

// complete tells whether e has all that a user of this Cache may expect.
func (c *Cache) complete(e Entry) bool {
	return !c.o.PosixMetadata || e.Info.Metadata != nil || e.Dir && !e.Marker
}

// remember keeps the metadata of info's version for good, and reports whether it did.
func (c *Cache) remember(info object.Info) bool { return c.o.PosixMetadata && c.known.put(info) }

// answer is e as users see it.
func (c *Cache) answer(e Entry) Entry {
	if !c.o.PosixMetadata {
		e.Info.Metadata = nil
	}
	return e
}

func (s state) cost(path string) int64 {
	return 320 + int64(len(path)) + infoCost(s.e.Info)
}

// infoCost estimates the bytes that i takes behind its own struct. A small Go map is one group of eight slots.
func infoCost(i object.Info) int64 {
	n := len(i.Key) + len(i.ETag) + len(i.ContentType)
	if i.Metadata != nil {
		n += 48
	}
	if len(i.Metadata) > 0 {
		n += (len(i.Metadata) + 7) / 8 * 8 * 34
	}
	for k, v := range i.Metadata {
		n += len(k) + len(v)
	}
	return int64(n)
}

var (
	_ object.Store        = (*Cache)(nil)
	_ object.BatchDeleter = (*Cache)(nil)
	_ object.UploadLister = (*Cache)(nil)
	_ object.Prober       = (*Cache)(nil)
	_ io.Closer           = (*Cache)(nil)
)
