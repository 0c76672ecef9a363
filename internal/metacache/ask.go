package metacache

import (
	"context"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// The three questions that together tell what a path is.
const (
	asFile   = iota // HEAD key
	asMarker        // HEAD key/
	asParent        // LIST key/, one name
	questions
)

// A fact is the answer to one question.
type fact struct {
	known bool
	found bool
	info  object.Info // of asParent: the first object below, with Key only where it is a directory without marker
	err   error
}

type verdict int

const (
	undecided verdict = iota
	isThere
	isAbsent
	isTorn // the marker came or went between two questions
)

// ask asks the bucket what path is. All questions go out at once; the answer counts as soon as no open question can
// change it. Those still open then are not cut off, as a canceled request costs its connection: they end by themselves.
func (c *Cache) ask(ctx context.Context, path string) (Entry, verdict, error) {
	facts := c.needless(path)
	if c.o.Cheap {
		return c.askInTurn(ctx, path, facts)
	}
	type reply struct {
		q int
		f fact
	}
	replies := make(chan reply, questions)
	for q := range facts {
		if facts[q].known {
			continue
		}
		if !c.spawn(func(ctx context.Context) { replies <- reply{q, c.question(ctx, q, path)} }) {
			return Entry{}, undecided, canceled(path, context.Canceled)
		}
	}
	for {
		r := <-replies
		facts[r.q] = r.f
		if e, v, err := c.decide(path, facts); v != undecided || err != nil {
			return e, v, err
		}
	}
}

func (c *Cache) askInTurn(ctx context.Context, path string, facts [questions]fact) (Entry, verdict, error) {
	for q := range facts {
		if facts[q].known {
			continue
		}
		facts[q] = c.question(ctx, q, path)
		if e, v, err := c.decide(path, facts); v != undecided || err != nil {
			return e, v, err
		}
	}
	return c.decide(path, facts)
}

// needless are the facts that need no question.
func (c *Cache) needless(path string) (facts [questions]fact) {
	facts[asParent].known = !c.o.ImplicitDirs
	// The first name below "a/" is the marker, if there is one. It lacks nothing but the metadata.
	facts[asMarker].known = c.o.ImplicitDirs && !c.o.PosixMetadata
	if len(path) >= maxKey {
		facts[asMarker].known, facts[asParent].known = true, true
	}
	return facts
}

func (c *Cache) question(ctx context.Context, q int, path string) fact {
	f := fact{known: true}
	switch q {
	case asFile:
		f.info, f.err = c.next.Head(ctx, path)
		f.info.Key = path
	case asMarker:
		f.info, f.err = c.next.Head(ctx, path+"/")
		f.info.Key = path + "/"
	case asParent:
		return c.firstBelow(ctx, path+"/")
	}
	f.found = f.err == nil
	if f.found && f.info.Metadata == nil {
		f.info.Metadata = map[string]string{}
	}
	// A key that the store cannot hold, as one of 1,025 bytes with the prefix of the mount, is not there.
	if object.Is(f.err, object.KindNotFound, object.KindInvalid, object.KindTooLarge) {
		f.err = nil
	}
	return f
}

// firstBelow finds the first object whose key starts with prefix, which is the marker if there is one.
func (c *Cache) firstBelow(ctx context.Context, prefix string) fact {
	opts := object.ListOptions{Prefix: prefix, Limit: 1}
	for {
		page, err := c.next.List(ctx, opts)
		switch {
		case object.Is(err, object.KindInvalid, object.KindTooLarge, object.KindNotFound):
			return fact{known: true}
		case err != nil:
			return fact{known: true, err: err}
		case len(page.Objects) > 0:
			return fact{known: true, found: true, info: page.Objects[0]}
		case !page.More:
			return fact{known: true}
		}
		opts.Token = page.Next
	}
}

// decide makes a verdict of what is known so far. An error counts only if the other facts leave it open.
func (c *Cache) decide(path string, facts [questions]fact) (Entry, verdict, error) {
	file, marker, list := facts[asFile], facts[asMarker], facts[asParent]
	_, name := split(path)
	switch {
	case file.err != nil:
		return Entry{}, undecided, file.err
	case !file.known:
		return Entry{}, undecided, nil
	case file.found:
		return entryOf(file.info), isThere, nil
	case marker.found:
		return Entry{Name: name, Dir: true, Marker: true, Info: marker.info}, isThere, nil
	}
	listed := list.found && list.info.Key == path+"/"
	switch {
	case list.found && !listed:
		return Entry{Name: name, Dir: true}, isThere, nil
	case listed && !c.o.PosixMetadata:
		return Entry{Name: name, Dir: true, Marker: true, Info: list.info}, isThere, nil
	case !marker.known || !list.known:
		return Entry{}, undecided, nil
	case marker.err != nil:
		return Entry{}, undecided, marker.err
	case list.err != nil:
		return Entry{}, undecided, list.err
	case listed:
		return Entry{Name: name, Dir: true, Marker: true, Info: list.info}, isTorn, nil
	}
	return Entry{}, isAbsent, nil
}
