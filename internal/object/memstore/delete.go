package memstore

import (
	"context"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// maxBatch is the number of keys that DeleteObjects takes (its API reference).
const maxBatch = 1000

// Delete implements object.Store.
func (s *Store) Delete(ctx context.Context, key string, opts object.DeleteOptions) error {
	const op = "DeleteObject"
	if err := checkCall(ctx, op, key); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := condition(op, key, s.objects[key], opts.IfMatch, false); err != nil {
		return err
	}
	s.removeLocked(key)
	return nil
}

// DeleteMany implements object.BatchDeleter.
func (s *Store) DeleteMany(ctx context.Context, keys []string) (map[string]error, error) {
	const op = "DeleteObjects"
	if err := ctx.Err(); err != nil {
		return nil, &object.Error{Op: op, Kind: object.KindOf(err), Err: err}
	}
	if len(keys) > maxBatch {
		return nil, fail(op, "", object.KindInvalid, "%d keys, at most %d are possible", len(keys), maxBatch)
	}
	failed := map[string]error{}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range keys {
		if err := checkCall(ctx, op, key); err != nil {
			failed[key] = err
			continue
		}
		s.removeLocked(key)
	}
	return failed, nil
}
