package objecttest

import (
	"fmt"
	"testing"

	"github.com/sentient-agi/sentientfs/internal/object"
)

func testDelete(t *testing.T, s *suite) {
	s.put(t, "o", "x")
	for range 2 { // the second time nothing is there
		if err := s.store.Delete(t.Context(), "o", object.DeleteOptions{}); err != nil {
			t.Errorf("delete: %v", err)
		}
		s.wantMissing(t, "o")
	}
}

func testDeleteConditions(t *testing.T, s *suite) {
	old := s.put(t, "o", "old")
	now := s.put(t, "o", "now")
	wantKind(t, "another version", s.store.Delete(t.Context(), "o", object.DeleteOptions{IfMatch: old.ETag}), object.KindChanged)
	s.wantContent(t, "o", "now")
	if err := s.store.Delete(t.Context(), "o", object.DeleteOptions{IfMatch: now.ETag}); err != nil {
		t.Errorf("the version that is there: %v", err)
	}
	s.wantMissing(t, "o")
	empty := s.put(t, "empty", "")
	if err := s.store.Delete(t.Context(), "empty", object.DeleteOptions{IfMatch: empty.ETag}); err != nil {
		t.Errorf("an empty object: %v", err)
	}
	if s.opts.SilentDelete != "" {
		t.Skip(s.opts.SilentDelete)
	}
	wantKind(t, "nothing there", s.store.Delete(t.Context(), "o", object.DeleteOptions{IfMatch: now.ETag}), object.KindNotFound)
}

func testDeleteMany(t *testing.T, s *suite) {
	d, ok := s.store.(object.BatchDeleter)
	if !ok {
		t.Skip("the store is no BatchDeleter")
	}
	keys := s.possible(t, append([]string{"gone", "a/b/c", "\x01"}, oddKeys...))
	for _, key := range keys[1:] {
		s.put(t, key, "x")
	}
	s.put(t, "stays", "x")
	failed, err := d.DeleteMany(t.Context(), keys)
	if err != nil || len(failed) != 0 {
		t.Fatalf("%v, %v", failed, err)
	}
	if left, _ := s.listAll(t, object.ListOptions{}); len(left) != 1 || left[0] != "stays" {
		t.Errorf("left are %q", left)
	}
	if failed, err := d.DeleteMany(t.Context(), nil); err != nil || len(failed) != 0 {
		t.Errorf("of nothing: %v, %v", failed, err)
	}
	many := make([]string, 1001)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	_, err = d.DeleteMany(t.Context(), many)
	wantKind(t, "1001 keys", err, object.KindInvalid)
	if failed, err := d.DeleteMany(t.Context(), many[:1000]); err != nil || len(failed) != 0 {
		t.Errorf("1000 keys: %v, %v", failed, err)
	}
}
