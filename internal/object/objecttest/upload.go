package objecttest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// begin makes an upload and sends content in parts of the least size, the last ones first.
func (s *suite) begin(t *testing.T, key string, content []byte, opts object.PutOptions) (object.Upload, []object.Part) {
	t.Helper()
	u, err := s.store.CreateUpload(t.Context(), key, opts)
	if err != nil {
		t.Fatal(err)
	}
	return u, s.send(t, u, content)
}

func (s *suite) send(t *testing.T, u object.Upload, content []byte) []object.Part {
	t.Helper()
	each := int(s.opts.PartSize)
	parts := make([]object.Part, (len(content)+each-1)/each)
	var wg sync.WaitGroup
	for i := range parts {
		wg.Go(func() {
			piece := content[i*each : min((i+1)*each, len(content))]
			p, err := u.PutPart(t.Context(), i+1, object.Bytes(piece))
			if err != nil || p.Number != i+1 || p.Size != int64(len(piece)) || p.ETag == "" {
				t.Errorf("part %d: %+v, %v", i+1, p, err)
			}
			parts[i] = p
		})
	}
	wg.Wait()
	return parts
}

func testUpload(t *testing.T, s *suite) {
	content := noise(2*s.opts.PartSize + 1000)
	meta := map[string]string{"mode": "33188", "name": "ü"}
	u, parts := s.begin(t, "dir/big", content, object.PutOptions{Metadata: meta, ContentType: "text/x-test"})
	s.wantMissing(t, "dir/big")
	info, err := u.Complete(t.Context(), parts)
	if err != nil {
		t.Fatal(err)
	}
	head, err := s.store.Head(t.Context(), "dir/big")
	if err != nil || head.ETag != info.ETag || head.Size != int64(len(content)) || info.Size != head.Size || head.ContentType != "text/x-test" {
		t.Errorf("complete tells %+v, head %+v, %v", info, head, err)
	}
	if diff := cmp.Diff(meta, head.Metadata); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	s.wantContent(t, "dir/big", string(content))
	edge := s.opts.PartSize - 5
	got, _ := s.get(t, "dir/big", object.GetOptions{Offset: edge, Length: 10, IfMatch: info.ETag})
	if string(got) != string(content[edge:edge+10]) {
		t.Error("a range over the edge of two parts is wrong")
	}
	// S3 may answer a repeated Complete as it did the first.
	if again, err := u.Complete(t.Context(), parts); err == nil && again.ETag != info.ETag || err != nil && !errors.Is(err, object.ErrNoUpload) {
		t.Errorf("complete again: %+v, %v", again, err)
	}
}

func testUploadConditions(t *testing.T, s *suite) {
	old := s.put(t, "o", "old")
	now := s.put(t, "o", "now")
	for _, test := range []struct {
		key  string
		opts object.PutOptions
		want object.Kind
	}{
		{"o", object.PutOptions{IfNoneMatch: true}, object.KindExists},
		{"o", object.PutOptions{IfMatch: old.ETag}, object.KindChanged},
		{"none", object.PutOptions{IfMatch: old.ETag}, object.KindNotFound},
	} {
		u, parts := s.begin(t, test.key, []byte("new"), test.opts)
		_, err := u.Complete(t.Context(), parts)
		wantKind(t, fmt.Sprintf("%q %+v", test.key, test.opts), err, test.want)
		if err := u.Abort(t.Context()); err != nil {
			t.Errorf("abort: %v", err)
		}
	}
	s.wantContent(t, "o", "now")
	s.wantMissing(t, "none")
	for key, opts := range map[string]object.PutOptions{"o": {IfMatch: now.ETag}, "first": {IfNoneMatch: true}} {
		u, parts := s.begin(t, key, []byte("new"), opts)
		if _, err := u.Complete(t.Context(), parts); err != nil {
			t.Errorf("%q %+v: %v", key, opts, err)
		}
		s.wantContent(t, key, "new")
	}
}

func testUploadResume(t *testing.T, s *suite) {
	content := noise(s.opts.PartSize + 10)
	opts := object.PutOptions{Metadata: map[string]string{"a": "b"}}
	u, parts := s.begin(t, "o", content[:s.opts.PartSize], opts)
	later := s.store.ResumeUpload("o", u.ID(), opts)
	if later.ID() != u.ID() {
		t.Errorf("id %q, want %q", later.ID(), u.ID())
	}
	last, err := later.PutPart(t.Context(), 2, object.Bytes(content[s.opts.PartSize:]))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := later.Complete(t.Context(), append(parts, last)); err != nil {
		t.Fatal(err)
	}
	s.wantContent(t, "o", string(content))
	if head, err := s.store.Head(t.Context(), "o"); err != nil || head.Metadata["a"] != "b" {
		t.Errorf("%+v, %v", head, err)
	}
}

func testUploadAbort(t *testing.T, s *suite) {
	u, parts := s.begin(t, "dir/o", []byte("x"), object.PutOptions{})
	lister, lists := s.store.(object.UploadLister)
	pending := func() (n int) {
		if !lists {
			return 0
		}
		all, err := lister.ListUploads(t.Context(), "dir/")
		if err != nil {
			t.Errorf("list uploads: %v", err)
		}
		for _, p := range all {
			if p.ID == u.ID() && p.Key == "dir/o" {
				n++
			}
		}
		return n
	}
	if lists && pending() != 1 {
		t.Error("the upload is not listed")
	}
	for range 2 { // the second time it is gone
		if err := u.Abort(t.Context()); err != nil {
			t.Errorf("abort: %v", err)
		}
	}
	if pending() != 0 {
		t.Error("the upload is listed after its abort")
	}
	_, err := u.PutPart(t.Context(), 2, object.Bytes([]byte("y")))
	wantKind(t, "a part after abort", err, object.KindNotFound)
	if !errors.Is(err, object.ErrNoUpload) {
		t.Errorf("a part after abort: %v is not ErrNoUpload", err)
	}
	_, err = u.Complete(t.Context(), parts)
	wantKind(t, "complete after abort", err, object.KindNotFound)
	s.wantMissing(t, "dir/o")
}

func testUploadParts(t *testing.T, s *suite) {
	u, _ := s.begin(t, "o", []byte("first"), object.PutOptions{})
	second, err := u.PutPart(t.Context(), 1, object.Bytes([]byte("second")))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, -1, 10001} {
		_, err := u.PutPart(t.Context(), n, object.Bytes([]byte("x")))
		wantKind(t, fmt.Sprintf("part %d", n), err, object.KindInvalid)
	}
	_, err = u.Complete(t.Context(), nil)
	wantKind(t, "complete without parts", err, object.KindInvalid)
	wrong := second
	wrong.ETag = "00000000000000000000000000000000"
	_, err = u.Complete(t.Context(), []object.Part{wrong})
	wantKind(t, "complete with a part that was not sent", err, object.KindInvalid)
	if _, err := u.Complete(t.Context(), []object.Part{second}); err != nil {
		t.Fatal(err)
	}
	s.wantContent(t, "o", "second")
}

func testCopyPart(t *testing.T, s *suite) {
	content := noise(2*s.opts.PartSize + 500)
	u, parts := s.begin(t, "src", content, object.PutOptions{})
	src, err := u.Complete(t.Context(), parts)
	if err != nil {
		t.Fatal(err)
	}
	u, err = s.store.CreateUpload(t.Context(), "dst", object.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	first, err := u.CopyPart(t.Context(), 1, "src", src.ETag, 100, s.opts.PartSize)
	if err != nil || first.Number != 1 || first.Size != s.opts.PartSize || first.ETag == "" {
		t.Fatalf("%+v, %v", first, err)
	}
	_, err = u.CopyPart(t.Context(), 2, "src", "00000000000000000000000000000000", 0, 10)
	wantKind(t, "another version", err, object.KindChanged)
	_, err = u.CopyPart(t.Context(), 2, "none", "", 0, 10)
	wantKind(t, "no source", err, object.KindNotFound)
	second, err := u.PutPart(t.Context(), 2, object.Bytes([]byte("tail")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Complete(t.Context(), []object.Part{first, second}); err != nil {
		t.Fatal(err)
	}
	s.wantContent(t, "dst", string(content[100:100+s.opts.PartSize])+"tail")
}
