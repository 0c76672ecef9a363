package objecttest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sentient-agi/sentientfs/internal/object"
)

func testList(t *testing.T, s *suite) {
	if keys, prefixes := s.listAll(t, object.ListOptions{}); len(keys)+len(prefixes) != 0 {
		t.Fatalf("an empty store lists %q %q", keys, prefixes)
	}
	info := s.put(t, "a/x", "12345")
	s.put(t, "a/y", "")
	s.put(t, "b", "")
	page, err := s.store.List(t.Context(), object.ListOptions{Prefix: "a/"})
	if err != nil || len(page.Objects) != 2 || page.More {
		t.Fatalf("%+v, %v", page, err)
	}
	head, err := s.store.Head(t.Context(), "a/x")
	if err != nil {
		t.Fatal(err)
	}
	o := page.Objects[0]
	if o.Key != "a/x" || o.Size != 5 || o.ETag != info.ETag || o.Metadata != nil || !o.LastModified.Equal(head.LastModified) {
		t.Errorf("the listing tells %+v, head %+v", o, head)
	}
	if !o.SameObject(head) {
		t.Error("the listing's version is not that of head")
	}
	if keys, _ := s.listAll(t, object.ListOptions{Prefix: "none"}); len(keys) != 0 {
		t.Errorf("below a prefix that nothing has: %q", keys)
	}
	if keys, _ := s.listAll(t, object.ListOptions{Prefix: "a"}); len(keys) != 2 {
		t.Errorf("a prefix in the middle of a name: %q", keys)
	}
}

func (s *suite) putAll(t *testing.T, keys ...string) {
	t.Helper()
	for _, key := range keys {
		s.put(t, key, "")
	}
}

func testListDelimiter(t *testing.T, s *suite) {
	s.putAll(t, "a.txt", "b/1", "b/2/x", "b/2/y", "b/3/z", "b-", "c/x", "d")
	for _, test := range []struct {
		prefix         string
		keys, prefixes []string
	}{
		{"", []string{"a.txt", "b-", "d"}, []string{"b/", "c/"}},
		{"b/", []string{"b/1"}, []string{"b/2/", "b/3/"}},
		{"b/2/", []string{"b/2/x", "b/2/y"}, nil},
		{"b", []string{"b-"}, []string{"b/"}},
		{"c/x", []string{"c/x"}, nil},
		{"e/", nil, nil},
	} {
		for _, limit := range []int{0, 1, 2} {
			keys, prefixes := s.listAll(t, object.ListOptions{Prefix: test.prefix, Delimiter: "/", Limit: limit})
			if diff := cmp.Diff(test.keys, keys); diff != "" {
				t.Errorf("keys below %q, limit %d (-want +got):\n%s", test.prefix, limit, diff)
			}
			if diff := cmp.Diff(test.prefixes, prefixes); diff != "" {
				t.Errorf("prefixes below %q, limit %d (-want +got):\n%s", test.prefix, limit, diff)
			}
		}
	}
}

func testListPages(t *testing.T, s *suite) {
	var want []string
	for i := range 25 {
		want = append(want, fmt.Sprintf("dir/n%02d", i))
	}
	s.putAll(t, want...)
	s.putAll(t, "dir-", "dir0")
	for _, limit := range []int{0, 1, 7, 25, 1000} {
		keys, _ := s.listAll(t, object.ListOptions{Prefix: "dir/", Limit: limit})
		if diff := cmp.Diff(want, keys); diff != "" {
			t.Errorf("limit %d (-want +got):\n%s", limit, diff)
		}
	}
}

// startAfter is what a listing must hold.
type startAfter struct {
	opts           object.ListOptions
	keys, prefixes []string
}

func testListStartAfter(t *testing.T, s *suite) {
	s.wantListings(t, []startAfter{
		{object.ListOptions{StartAfter: "a"}, []string{"b/1", "b/2", "b/3", "c"}, nil},
		{object.ListOptions{StartAfter: "b/2"}, []string{"b/3", "c"}, nil},
		{object.ListOptions{StartAfter: "b/2", Limit: 1}, []string{"b/3", "c"}, nil},
		{object.ListOptions{StartAfter: "c"}, nil, nil},
		{object.ListOptions{StartAfter: "a", Delimiter: "/"}, []string{"c"}, []string{"b/"}},
		{object.ListOptions{Prefix: "b/", StartAfter: "b/1"}, []string{"b/2", "b/3"}, nil},
	})
}

func testListStartAnywhere(t *testing.T, s *suite) {
	if s.opts.StartAfterExisting != "" {
		t.Skip(s.opts.StartAfterExisting)
	}
	s.wantListings(t, []startAfter{
		{object.ListOptions{StartAfter: "b/15"}, []string{"b/2", "b/3", "c"}, nil},
		{object.ListOptions{StartAfter: "b0", Delimiter: "/"}, []string{"c"}, nil},
	})
}

func (s *suite) wantListings(t *testing.T, tests []startAfter) {
	t.Helper()
	s.putAll(t, "a", "b/1", "b/2", "b/3", "c")
	for _, test := range tests {
		keys, prefixes := s.listAll(t, test.opts)
		if diff := cmp.Diff(test.keys, keys); diff != "" {
			t.Errorf("%+v keys (-want +got):\n%s", test.opts, diff)
		}
		if diff := cmp.Diff(test.prefixes, prefixes); diff != "" {
			t.Errorf("%+v prefixes (-want +got):\n%s", test.opts, diff)
		}
	}
}

func testListToken(t *testing.T, s *suite) {
	s.put(t, "a", "")
	_, err := s.store.List(t.Context(), object.ListOptions{Token: "never a token"})
	wantKind(t, "a token of nobody", err, object.KindInvalid)
}
