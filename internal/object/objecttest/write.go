package objecttest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sentient-agi/sentientfs/internal/object"
)

func testPutConditions(t *testing.T, s *suite) {
	put := func(content string, opts object.PutOptions) (object.Info, error) {
		return s.store.Put(t.Context(), "o", object.Bytes([]byte(content)), opts)
	}
	_, err := put("x", object.PutOptions{IfMatch: "00000000000000000000000000000000"})
	wantKind(t, "IfMatch with nothing there", err, object.KindNotFound)
	s.wantMissing(t, "o")
	first, err := put("first", object.PutOptions{IfNoneMatch: true, Metadata: map[string]string{"a": "b"}})
	if err != nil {
		t.Fatal(err)
	}
	head, err := s.store.Head(t.Context(), "o")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"a": "b"}, head.Metadata); diff != "" {
		t.Errorf("metadata of a conditional put (-want +got):\n%s", diff)
	}
	_, err = put("x", object.PutOptions{IfNoneMatch: true})
	wantKind(t, "IfNoneMatch over an object", err, object.KindExists)
	s.wantContent(t, "o", "first")
	second, err := put("second", object.PutOptions{IfMatch: first.ETag})
	if err != nil {
		t.Fatal(err)
	}
	_, err = put("x", object.PutOptions{IfMatch: first.ETag})
	wantKind(t, "IfMatch of the version before", err, object.KindChanged)
	s.wantContent(t, "o", "second")
	if err := s.store.Delete(t.Context(), "o", object.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err = put("x", object.PutOptions{IfMatch: second.ETag})
	wantKind(t, "IfMatch after a delete", err, object.KindNotFound)
}

// testPutRace lets writers meet: one of those who want to be the first is, and of those who add to what they have read
// none is lost.
func testPutRace(t *testing.T, s *suite) {
	if s.opts.Racy != "" {
		t.Skip(s.opts.Racy)
	}
	const writers = 8
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for i := range writers {
		wg.Go(func() {
			_, err := s.store.Put(t.Context(), "lock", object.Bytes(fmt.Appendf(nil, "%d", i)), object.PutOptions{IfNoneMatch: true})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else if !object.Is(err, object.KindExists) {
				t.Errorf("a loser gets %v", err)
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Errorf("%d writers were the first", won)
	}
	s.put(t, "log", "")
	for range writers {
		wg.Go(func() {
			for {
				b, info := s.get(t, "log", object.GetOptions{})
				_, err := s.store.Put(t.Context(), "log", object.Bytes(append(b, '+')), object.PutOptions{IfMatch: info.ETag})
				if err == nil {
					return
				}
				if !object.Is(err, object.KindChanged) {
					t.Errorf("an appender gets %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	s.wantContent(t, "log", strings.Repeat("+", writers))
}

func testMetadata(t *testing.T, s *suite) {
	want := map[string]string{
		"mode": "33188", "mtime": "1764355200.123456789", "plain": "two words", "xattr-user.k": "v",
		"umlaut": "größer ✓ 日本", "ends": " space ", "inner": "a  b", "word": "=?UTF-8?Q?a?=", "control": "a\nb\tc\x01",
		"binary": "\xff\xfe\x00", "percent": "100%+1",
	}
	if _, err := s.store.Put(t.Context(), "o", object.Bytes([]byte("x")), object.PutOptions{Metadata: want}); err != nil {
		t.Fatal(err)
	}
	head, err := s.store.Head(t.Context(), "o")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, head.Metadata); diff != "" {
		t.Errorf("head (-want +got):\n%s", diff)
	}
	_, got := s.get(t, "o", object.GetOptions{})
	if diff := cmp.Diff(want, got.Metadata); diff != "" {
		t.Errorf("get (-want +got):\n%s", diff)
	}
	s.put(t, "o", "x")
	if head, err = s.store.Head(t.Context(), "o"); err != nil || head.Metadata == nil || len(head.Metadata) != 0 {
		t.Errorf("metadata after a put without: %#v, %v", head.Metadata, err)
	}
}

func testMetadataLimit(t *testing.T, s *suite) {
	fits := map[string]string{"k": strings.Repeat("v", s.opts.MetadataLimit-1)}
	if _, err := s.store.Put(t.Context(), "o", object.Bytes(nil), object.PutOptions{Metadata: fits}); err != nil {
		t.Errorf("%d bytes of metadata: %v", s.opts.MetadataLimit, err)
	}
	if s.opts.NoMetadataLimit != "" {
		t.Skip(s.opts.NoMetadataLimit)
	}
	big := map[string]string{"k": strings.Repeat("v", 2048)}
	_, err := s.store.Put(t.Context(), "big", object.Bytes(nil), object.PutOptions{Metadata: big})
	wantKind(t, "put", err, object.KindTooLarge)
	_, err = s.store.CreateUpload(t.Context(), "big", object.PutOptions{Metadata: big})
	wantKind(t, "upload", err, object.KindTooLarge)
	_, err = s.store.Copy(t.Context(), "big", "o", object.CopyOptions{Metadata: big})
	wantKind(t, "copy", err, object.KindTooLarge)
	s.wantMissing(t, "big")
}

// testBodyError reads from a body that fails: its error reaches the caller and nothing is stored.
func testBodyError(t *testing.T, s *suite) {
	cause := errors.New("the disk is broken")
	body := brokenBody{bytes.NewReader(noise(1 << 20)), cause}
	_, err := s.store.Put(t.Context(), "o", body, object.PutOptions{})
	wantKind(t, "put", err, object.KindUnknown)
	if !errors.Is(err, cause) {
		t.Errorf("put: %v does not tell the cause", err)
	}
	s.wantMissing(t, "o")
	u, err := s.store.CreateUpload(t.Context(), "o", object.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = u.PutPart(t.Context(), 1, body); !errors.Is(err, cause) {
		t.Errorf("part: %v does not tell the cause", err)
	}
	if err := u.Abort(t.Context()); err != nil {
		t.Error(err)
	}
}

func testCanceled(t *testing.T, s *suite) {
	s.put(t, "o", "content")
	ctx := canceled(t)
	_, err := s.store.Head(ctx, "o")
	wantKind(t, "head", err, object.KindCanceled)
	_, err = s.store.Get(ctx, "o", object.GetOptions{})
	wantKind(t, "get", err, object.KindCanceled)
	_, err = s.store.List(ctx, object.ListOptions{})
	wantKind(t, "list", err, object.KindCanceled)
	_, err = s.store.Put(ctx, "o", object.Bytes([]byte("x")), object.PutOptions{})
	wantKind(t, "put", err, object.KindCanceled)
	_, err = s.store.Copy(ctx, "p", "o", object.CopyOptions{})
	wantKind(t, "copy", err, object.KindCanceled)
	wantKind(t, "delete", s.store.Delete(ctx, "o", object.DeleteOptions{}), object.KindCanceled)
	_, err = s.store.CreateUpload(ctx, "o", object.PutOptions{})
	wantKind(t, "upload", err, object.KindCanceled)
	s.wantContent(t, "o", "content")
}

func testTraits(t *testing.T, s *suite) {
	p, ok := s.store.(object.Prober)
	if !ok {
		t.Skip("the store is no Prober")
	}
	first, err := p.Traits(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	again, err := p.Traits(t.Context())
	if err != nil || first != again {
		t.Errorf("asked again: %+v, %v, want %+v", again, err, first)
	}
	if keys, prefixes := s.listAll(t, object.ListOptions{}); len(keys)+len(prefixes) != 0 {
		t.Errorf("the question left %q", keys)
	}
}
