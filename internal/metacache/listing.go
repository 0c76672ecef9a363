package metacache

import (
	"context"
	"io"
	"sort"
	"sync"
	"time"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// A Listing reads the names of one directory by position. A position, once read, is the same entry for as long as the
// Listing is open, so a reader may go back to it; the position behind the entries of a call is pos plus their number.
// Names that come and go meanwhile may be seen or not. Methods may be called from many goroutines; they take turns.
type Listing struct {
	d    *dirList
	turn chan struct{} // a token for who uses what is below; no mutex, so that a caller's end ends its waiting
	skip []int         // numbers of names in d that turned out to be gone before any call returned them, ascending
	seen int           // the numbers below were returned

	closing sync.Once
}

// Read returns n entries from position pos on, fewer only at the end, and io.EOF if there is none. n is at least 1.
// They are in the order of keys, where a directory's name ends in a slash. It asks for nothing but names: Info.Metadata
// is nil unless this mount learned of the entry after it was listed.
func (l *Listing) Read(ctx context.Context, pos, n int) ([]Entry, error) {
	return l.collect(ctx, pos, n, false)
}

// Metadata is Read with Info.Metadata filled where Options.PosixMetadata asks for it: from what is known of the
// version, else by a HEAD each, Options.Heads at a time in all listings. Directories have their Marker then. Names that turn
// out to be gone are left out. Where a HEAD fails otherwise Metadata is nil, and a Lookup tells why.
func (l *Listing) Metadata(ctx context.Context, pos, n int) ([]Entry, error) {
	return l.collect(ctx, pos, n, true)
}

func (l *Listing) collect(ctx context.Context, pos, n int, full bool) ([]Entry, error) {
	if err := l.enter(ctx); err != nil {
		return nil, err
	}
	defer l.leave()
	var out []numbered
	for len(out) < n {
		got, err := l.read(ctx, pos+len(out), n-len(out))
		if err != nil && err != io.EOF {
			return nil, err
		}
		if err == io.EOF {
			break
		}
		if out, err = l.describe(ctx, got, out, full); err != nil {
			return nil, err
		}
	}
	return l.returned(out)
}

// describe adds got to out, but for names that are gone and that nobody has seen. full is with metadata.
func (l *Listing) describe(ctx context.Context, got, out []numbered, full bool) ([]numbered, error) {
	missing, err := l.d.c.fill(ctx, l.d.dir, got, full)
	if err != nil {
		return nil, err
	}
	for i, e := range got {
		if missing[i] && e.number >= l.seen {
			l.skip = append(l.skip, e.number)
			continue
		}
		out = append(out, e)
	}
	sort.Ints(l.skip)
	return out, nil
}

// Exists tells whether the listing shows that the directory is there: it has a marker or a name below it, or it is the
// root.
func (l *Listing) Exists() bool {
	d := l.d
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dir == "" || d.marked || d.names.n > 0 || d.left > 0 || !d.ended || len(d.overlay) > 0
}

// Close ends the use of the Listing. It may be called more than once.
func (l *Listing) Close() {
	l.closing.Do(func() {
		l.d.c.mu.Lock()
		defer l.d.c.mu.Unlock()
		l.d.c.releaseLocked(l.d)
	})
}

// numbered is an entry with its number in the dirList, and when it was asked for.
type numbered struct {
	Entry
	number  int
	at      time.Time
	changed bool // this mount changed the name since
	gone    bool // by removing it
}

func (l *Listing) enter(ctx context.Context) error {
	select {
	case l.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return canceled(l.d.dir, ctx.Err())
	}
}

func (l *Listing) leave() { <-l.turn }

// returned notes what the caller gets to see.
func (l *Listing) returned(got []numbered) ([]Entry, error) {
	if len(got) == 0 {
		return nil, io.EOF
	}
	out := make([]Entry, len(got))
	for i, e := range got {
		out[i] = e.Entry
	}
	l.seen = max(l.seen, got[len(got)-1].number+1)
	return out, nil
}

// number is the number in the dirList of the entry at pos.
func (l *Listing) number(pos int) int {
	// skip[i]-i names stay before the i'th that is skipped, so it is at or before pos if that is not above pos.
	return pos + sort.Search(len(l.skip), func(i int) bool { return l.skip[i]-i > pos })
}

// read returns n entries from pos on, and lets the next page come while the caller works.
func (l *Listing) read(ctx context.Context, pos, n int) ([]numbered, error) {
	if pos < 0 || n < 1 {
		return nil, &object.Error{Op: "ReadDir", Key: l.d.dir, Kind: object.KindInvalid}
	}
	var out []numbered
	next := l.number(pos)
	for len(out) < n {
		want := n - len(out)
		have, err := l.d.wait(ctx, next+want)
		if err != nil {
			return nil, err
		}
		if have <= next {
			break
		}
		got, err := l.d.entries(next, min(want, have-next))
		if err != nil {
			return nil, err
		}
		next += len(got)
		for _, e := range got {
			if i := sort.SearchInts(l.skip, e.number); i == len(l.skip) || l.skip[i] != e.number {
				out = append(out, e)
			}
		}
	}
	l.d.ahead(next)
	if len(out) == 0 {
		return nil, io.EOF
	}
	return out, nil
}

// entries returns n names from number first on, which are there.
func (d *dirList) entries(first, n int) ([]numbered, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, &object.Error{Op: "ReadDir", Key: d.dir, Kind: object.KindInvalid}
	}
	items, err := d.names.get(first, n)
	if err != nil {
		return nil, &object.Error{Op: "ReadDir", Key: d.dir, Kind: object.KindCorrupt, Err: err}
	}
	out := make([]numbered, len(items))
	for i, it := range items {
		o, changed := d.overlay[it.raw]
		out[i] = numbered{Entry: d.entry(it), number: first + i, at: d.askedLocked(first + i),
			changed: changed, gone: changed && o.kind == gone}
	}
	return out, nil
}

// ahead sees that the names behind the reader's place are on their way.
func (d *dirList) ahead(place int) {
	d.mu.Lock()
	enough := d.ended || d.names.n-place >= aheadOf || d.err != nil
	d.mu.Unlock()
	if !enough {
		d.load()
	}
}
