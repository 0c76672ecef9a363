package objecttest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sentient-agi/sentientfs/internal/object"
)

func testCopy(t *testing.T, s *suite) {
	meta := map[string]string{"mode": "33188", "name": "ä"}
	src, err := s.store.Put(t.Context(), "src", object.Bytes([]byte("content")), object.PutOptions{Metadata: meta, ContentType: "text/x-test"})
	if err != nil {
		t.Fatal(err)
	}
	head, err := s.store.Head(t.Context(), "src")
	if err != nil {
		t.Fatal(err)
	}
	for name, opts := range map[string]object.CopyOptions{
		"plain": {}, "pinned": {SourceETag: src.ETag}, "known": {SourceETag: src.ETag, Source: &head}, "first": {IfNoneMatch: true},
	} {
		info, err := s.store.Copy(t.Context(), "dir/"+name, "src", opts)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		s.wantContent(t, "dir/"+name, "content")
		got, err := s.store.Head(t.Context(), "dir/"+name)
		if err != nil || got.ETag != info.ETag || info.Size != 7 || info.Key != "dir/"+name || got.ContentType != "text/x-test" {
			t.Errorf("%s: copy tells %+v, head %+v, %v", name, info, got, err)
		}
		if diff := cmp.Diff(meta, got.Metadata); diff != "" {
			t.Errorf("%s: metadata (-want +got):\n%s", name, diff)
		}
	}
	if _, err := s.store.Copy(t.Context(), "other", "src", object.CopyOptions{Metadata: map[string]string{"k": "v"}, ContentType: "text/y"}); err != nil {
		t.Fatal(err)
	}
	got, err := s.store.Head(t.Context(), "other")
	if err != nil || got.ContentType != "text/y" {
		t.Errorf("%+v, %v", got, err)
	}
	if diff := cmp.Diff(map[string]string{"k": "v"}, got.Metadata); diff != "" {
		t.Errorf("replaced metadata (-want +got):\n%s", diff)
	}
	s.put(t, "empty", "")
	if info, err := s.store.Copy(t.Context(), "empty2", "empty", object.CopyOptions{}); err != nil || !info.Empty() {
		t.Errorf("an empty object: %+v, %v", info, err)
	}
}

func testCopyConditions(t *testing.T, s *suite) {
	old := s.put(t, "src", "old")
	now := s.put(t, "src", "now")
	dst := s.put(t, "dst", "dst")
	try := func(what string, want object.Kind, to, from string, opts object.CopyOptions) {
		t.Helper()
		_, err := s.store.Copy(t.Context(), to, from, opts)
		wantKind(t, what, err, want)
	}
	try("no source", object.KindNotFound, "dst", "none", object.CopyOptions{})
	try("no source version", object.KindNotFound, "dst", "none", object.CopyOptions{SourceETag: now.ETag})
	try("source changed", object.KindChanged, "dst", "src", object.CopyOptions{SourceETag: old.ETag})
	try("destination there", object.KindExists, "dst", "src", object.CopyOptions{SourceETag: now.ETag, IfNoneMatch: true})
	try("destination changed", object.KindChanged, "dst", "src", object.CopyOptions{SourceETag: now.ETag, IfMatch: old.ETag})
	try("destination missing", object.KindNotFound, "new", "src", object.CopyOptions{SourceETag: now.ETag, IfMatch: dst.ETag})
	s.wantContent(t, "dst", "dst")
	s.wantMissing(t, "new")
	if _, err := s.store.Copy(t.Context(), "dst", "src", object.CopyOptions{SourceETag: now.ETag, IfMatch: dst.ETag}); err != nil {
		t.Errorf("conditions that hold: %v", err)
	}
	s.wantContent(t, "dst", "now")
	s.put(t, "none", "")
	if _, err := s.store.Copy(t.Context(), "empty", "none", object.CopyOptions{IfNoneMatch: true}); err != nil {
		t.Errorf("an empty object: %v", err)
	}
	try("an empty object again", object.KindExists, "empty", "none", object.CopyOptions{IfNoneMatch: true})
}

func testCopyOntoItself(t *testing.T, s *suite) {
	info := s.put(t, "o", "content")
	got, err := s.store.Copy(t.Context(), "o", "o", object.CopyOptions{SourceETag: info.ETag, IfMatch: info.ETag, Source: &info,
		Metadata: map[string]string{"mode": "1"}, ContentType: "text/x"})
	if err != nil {
		t.Fatal(err)
	}
	s.wantContent(t, "o", "content")
	head, err := s.store.Head(t.Context(), "o")
	if err != nil || head.Metadata["mode"] != "1" || head.ContentType != "text/x" || head.ETag != got.ETag || got.Size != 7 {
		t.Errorf("copy tells %+v, head %+v, %v", got, head, err)
	}
	_, err = s.store.Copy(t.Context(), "o", "o", object.CopyOptions{})
	wantKind(t, "a copy that changes nothing", err, object.KindInvalid)
}
