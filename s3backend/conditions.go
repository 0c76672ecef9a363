package s3backend

import (
	"context"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// conditions are those of one request on the object that it replaces or removes.
type conditions struct {
	ifMatch     string
	ifNoneMatch bool
}

func (c conditions) any() bool { return c.ifMatch != "" || c.ifNoneMatch }

// headers are the values to send, nil for none.
func (c conditions) headers() (ifMatch, ifNoneMatch *string) {
	if c.ifMatch != "" {
		ifMatch = quote(c.ifMatch)
	}
	if c.ifNoneMatch {
		star := "*"
		ifNoneMatch = &star
	}
	return ifMatch, ifNoneMatch
}

// guard asks for what the server is known, or not known not, to ignore, and returns the conditions that are worth
// sending: a header that the server does not know may make it refuse the request.
func (s *Store) guard(ctx context.Context, op, key string, c conditions, honours func(object.Traits) (match, noneMatch bool)) (conditions, error) {
	if !c.any() {
		return c, nil
	}
	t, known := s.traits(ctx)
	match, noneMatch := honours(t)
	if c.ifMatch != "" && match || c.ifNoneMatch && noneMatch {
		return c, nil
	}
	if err := s.holds(ctx, op, key, c); err != nil {
		return c, err
	}
	if known {
		return conditions{}, nil
	}
	return c, nil
}

// holds asks with a HEAD whether c holds now.
func (s *Store) holds(ctx context.Context, op, key string, c conditions) error {
	info, err := s.Head(ctx, key)
	switch {
	case object.Is(err, object.KindNotFound) && c.ifNoneMatch:
		return nil
	case err != nil:
		return relabel(op, err)
	case c.ifNoneMatch:
		return &object.Error{Op: op, Key: key, Kind: object.KindExists}
	case info.ETag != c.ifMatch:
		return &object.Error{Op: op, Key: key, Kind: object.KindChanged}
	}
	return nil
}

// refused says why a condition did not hold, which 412 alone does not: it asks whether anything is there.
func (s *Store) refused(ctx context.Context, op, key string, c conditions, cause error) error {
	kind := object.KindChanged
	if c.ifNoneMatch {
		kind = object.KindExists
	} else if _, err := s.Head(ctx, key); object.Is(err, object.KindNotFound) {
		kind = object.KindNotFound
	}
	return &object.Error{Op: op, Key: key, Kind: kind, Err: cause}
}

// relabel says of the error of a question beforehand what it was asked for.
func relabel(op string, err error) error {
	if e, ok := err.(*object.Error); ok {
		return &object.Error{Op: op, Key: e.Key, Kind: e.Kind, Err: e.Err}
	}
	return err
}

func honoursPut(t object.Traits) (bool, bool)      { return t.PutIfMatch, t.PutIfNoneMatch }
func honoursComplete(t object.Traits) (bool, bool) { return t.CompleteIfMatch, t.CompleteIfNoneMatch }
func honoursCopy(t object.Traits) (bool, bool)     { return t.CopyIfMatch, t.CopyIfMatch }
func honoursDelete(t object.Traits) (bool, bool)   { return t.DeleteIfMatch, false }
