package objecttest

import (
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// oddKeys are names that people, programs and attackers give to files.
var oddKeys = []string{
	"plain", "with space", " leading", "trailing ", "plus+plus", "per%cent", "per%20cent", "per%2Fcent", "a&b=c?d#e", "semi;colon",
	"quote'\"", "back\\slash", "star*[x]{y}", "tilde~", "com,ma", "at@:colon", "dollar$!", "<angle>", "pipe|^`",
	"umlaut-äöü", "umlaut-a\u0308", "日本語", "emoji-😀", "zero\u200bwidth", "rtl-\u202etxt",
	"tab\there", "new\nline", "return\rhere", "bell\a", "escape\x1b[31m", "delete\x7f", "replacement\ufffd", "nonchar\uffff",
	".hidden", "..two", "...", "dir/.hidden", "dir/sub/file", "dir/with space/plus+", "dash-", "under_score", "UPPER", "upper",
	"long-" + strings.Repeat("x", 200),
}

func (s *suite) possible(t *testing.T, keys []string) []string {
	var ok []string
	for _, key := range keys {
		if why := s.opts.Refuses(key); why != "" {
			t.Logf("%q is left out: %s", key, why)
			continue
		}
		ok = append(ok, key)
	}
	return ok
}

// testKeys takes each odd key through every operation, and finds exactly those keys in the listing.
func testKeys(t *testing.T, s *suite) {
	longest := strings.Repeat(strings.Repeat("k", 127)+"/", 7) + strings.Repeat("k", 1024-7*128-prefixRoom)
	keys := s.possible(t, append([]string{longest, "/lead", "a//b", "a//", "flat/a", "flat/"}, oddKeys...))
	for _, key := range keys {
		s.put(t, key, "content of "+key)
	}
	for _, key := range keys {
		s.wantContent(t, key, "content of "+key)
		copied := "copies/" + strings.ReplaceAll(key, "/", "_")
		if len(copied) > 250 {
			continue
		}
		if _, err := s.store.Copy(t.Context(), copied, key, object.CopyOptions{}); err != nil {
			t.Errorf("copy of %q: %v", key, err)
			continue
		}
		s.wantContent(t, copied, "content of "+key)
		if err := s.store.Delete(t.Context(), copied, object.DeleteOptions{}); err != nil {
			t.Errorf("delete %q: %v", copied, err)
		}
	}
	want := append([]string(nil), keys...)
	sort.Strings(want)
	got, _ := s.listAll(t, object.ListOptions{})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("listing (-want +got):\n%s", diff)
	}
	for _, key := range keys {
		if got, _ := s.listAll(t, object.ListOptions{Prefix: key, Limit: 1}); len(got) == 0 || got[0] != key {
			t.Errorf("a listing of %q begins with %q", key, got)
		}
		if err := s.store.Delete(t.Context(), key, object.DeleteOptions{}); err != nil {
			t.Errorf("delete %q: %v", key, err)
		}
		s.wantMissing(t, key)
	}
}

// prefixRoom is what the prefix of a Store under test may take of a key's 1,024 bytes.
const prefixRoom = 64

func testInvalidKeys(t *testing.T, s *suite) {
	for _, key := range []string{"", strings.Repeat("k", 1025), "bad\xff\xfeutf8"} {
		_, err := s.store.Put(t.Context(), key, object.Bytes([]byte("x")), object.PutOptions{})
		wantKind(t, "put", err, object.KindInvalid)
		_, err = s.store.Head(t.Context(), key)
		wantKind(t, "head", err, object.KindInvalid)
		_, err = s.store.Get(t.Context(), key, object.GetOptions{})
		wantKind(t, "get", err, object.KindInvalid)
		wantKind(t, "delete", s.store.Delete(t.Context(), key, object.DeleteOptions{}), object.KindInvalid)
		_, err = s.store.CreateUpload(t.Context(), key, object.PutOptions{})
		wantKind(t, "upload", err, object.KindInvalid)
	}
}
