package objecttest

import (
	"crypto/md5"
	"encoding/hex"
	"hash/crc64"
	"io"
	"testing"
	"time"

	"github.com/sentient-agi/sentientfs/internal/object"
)

func testPutGetHead(t *testing.T, s *suite) {
	const content = "some bytes\x00\xff\n"
	put, err := s.store.Put(t.Context(), "dir/file.txt", object.Bytes([]byte(content)),
		object.PutOptions{ContentType: "text/x-test", Metadata: map[string]string{"mode": "33188"}})
	if err != nil {
		t.Fatal(err)
	}
	s.wantContent(t, "dir/file.txt", content)
	_, got := s.get(t, "dir/file.txt", object.GetOptions{})
	head, err := s.store.Head(t.Context(), "dir/file.txt")
	if err != nil {
		t.Fatal(err)
	}
	for name, info := range map[string]object.Info{"put": put, "get": got, "head": head} {
		if info.Key != "dir/file.txt" || info.Size != int64(len(content)) || info.ETag == "" || info.ETag != put.ETag {
			t.Errorf("%s tells %+v", name, info)
		}
		if info.Metadata["mode"] != "33188" || len(info.Metadata) != 1 {
			t.Errorf("%s tells metadata %v", name, info.Metadata)
		}
		if info.ContentType != "text/x-test" {
			t.Errorf("%s tells type %q", name, info.ContentType)
		}
		if want := crc64.Checksum([]byte(content), crc64.MakeTable(0x9a6c9329ac4bc9b5)); info.CRC64NVME != nil && *info.CRC64NVME != want {
			t.Errorf("%s tells checksum %x, want %x", name, *info.CRC64NVME, want)
		}
	}
	if !head.LastModified.Equal(got.LastModified) || head.LastModified.IsZero() || head.LastModified.Nanosecond() != 0 {
		t.Errorf("last modified %v by head, %v by get", head.LastModified, got.LastModified)
	}
	if d := put.LastModified.Sub(head.LastModified); d < -time.Minute || d > time.Minute {
		t.Errorf("last modified %v by put, %v by head", put.LastModified, head.LastModified)
	}
	if sum := md5.Sum([]byte(content)); s.opts.PlainETags && put.ETag != hex.EncodeToString(sum[:]) {
		t.Errorf("ETag %q is not the MD5", put.ETag)
	}
	again := s.put(t, "dir/file.txt", "other")
	if again.ETag == put.ETag {
		t.Error("another content has the same ETag")
	}
	s.wantContent(t, "dir/file.txt", "other")
}

func testEmpty(t *testing.T, s *suite) {
	info := s.put(t, "empty", "")
	if !info.Empty() || info.ETag == "" {
		t.Errorf("put tells %+v", info)
	}
	s.wantContent(t, "empty", "")
	s.put(t, "marker/", "")
	head, err := s.store.Head(t.Context(), "marker/")
	if err != nil || head.Key != "marker/" || !head.Empty() || head.Metadata == nil || len(head.Metadata) != 0 {
		t.Errorf("marker: %+v, %v", head, err)
	}
	if r, err := s.store.Get(t.Context(), "empty", object.GetOptions{Length: 10}); err == nil {
		r.Close()
		t.Error("a range of an empty object is answered")
	} else {
		wantKind(t, "a range of an empty object", err, object.KindRange)
	}
}

func testNotFound(t *testing.T, s *suite) {
	s.wantMissing(t, "none")
	_, err := s.store.Get(t.Context(), "none", object.GetOptions{})
	wantKind(t, "get", err, object.KindNotFound)
	_, err = s.store.Get(t.Context(), "none", object.GetOptions{IfMatch: "abc", Offset: 3, Length: 4})
	wantKind(t, "conditional get of a range", err, object.KindNotFound)
}

func testRanges(t *testing.T, s *suite) {
	content := string(noise(1000))
	s.put(t, "o", content)
	for _, r := range []struct{ off, length, end int64 }{
		{0, 0, 1000}, {0, 1, 1}, {0, 1000, 1000}, {0, 5000, 1000}, {1, 0, 1000}, {999, 0, 1000}, {999, 1, 1000},
		{999, 9, 1000}, {500, 250, 750}, {1, 999, 1000},
	} {
		got, info := s.get(t, "o", object.GetOptions{Offset: r.off, Length: r.length})
		if string(got) != content[r.off:r.end] {
			t.Errorf("range %+v gives %d wrong bytes", r, len(got))
		}
		if info.Size != 1000 {
			t.Errorf("range %+v tells size %d of the whole", r, info.Size)
		}
	}
	for _, o := range []object.GetOptions{{Offset: 1000}, {Offset: 1000, Length: 1}, {Offset: 5000, Length: 10}} {
		_, err := s.store.Get(t.Context(), "o", o)
		wantKind(t, "a range behind the end", err, object.KindRange)
	}
	for _, o := range []object.GetOptions{{Offset: -1}, {Length: -1}} {
		_, err := s.store.Get(t.Context(), "o", o)
		wantKind(t, "a negative range", err, object.KindInvalid)
	}
	r, err := s.store.Get(t.Context(), "o", object.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
		t.Errorf("the first bytes: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("close in the middle: %v", err)
	}
}

func testGetConditions(t *testing.T, s *suite) {
	old := s.put(t, "o", "old")
	now := s.put(t, "o", "now!")
	if got, _ := s.get(t, "o", object.GetOptions{IfMatch: now.ETag}); string(got) != "now!" {
		t.Errorf("IfMatch that holds gives %q", got)
	}
	if got, _ := s.get(t, "o", object.GetOptions{IfNoneMatch: old.ETag}); string(got) != "now!" {
		t.Errorf("IfNoneMatch that holds gives %q", got)
	}
	_, err := s.store.Get(t.Context(), "o", object.GetOptions{IfMatch: old.ETag})
	wantKind(t, "IfMatch", err, object.KindChanged)
	_, err = s.store.Get(t.Context(), "o", object.GetOptions{IfMatch: old.ETag, Offset: 1, Length: 2})
	wantKind(t, "IfMatch of a range", err, object.KindChanged)
	_, err = s.store.Get(t.Context(), "o", object.GetOptions{IfNoneMatch: now.ETag})
	wantKind(t, "IfNoneMatch", err, object.KindNotModified)
}
