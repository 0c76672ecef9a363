package objecttest

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// Options say what the Store under test cannot do. The zero value is S3 as its documentation has it.
type Options struct {
	// PartSize is the size in bytes of parts that are not the last; 0 is S3's least, 5 MiB.
	PartSize int64
	// Racy is why two writers at once may both be told that their condition held; "" where exactly one is.
	Racy string
	// SilentDelete is why a conditional delete of a missing object is a success; "" where it is KindNotFound.
	SilentDelete string
	// Refuses tells why a key cannot be stored, "" for one that can. nil takes all.
	Refuses func(key string) string
	// MetadataLimit is the most bytes of metadata that are surely taken; 0 is S3's 2,048.
	MetadataLimit int
	// NoMetadataLimit is why more than 2 KB of metadata are taken; "" where they are KindTooLarge.
	NoMetadataLimit string
	// StartAfterExisting is why StartAfter must be a key that is there; "" where any will do.
	StartAfterExisting string
	// PlainETags tells that the ETag of a Put is the MD5 of its bytes.
	PlainETags bool
}

// suite is one Store under test.
type suite struct {
	store object.Store
	opts  Options
}

// Run tests the Stores that open makes: each of its calls returns an empty one.
func Run(t *testing.T, open func(t *testing.T) object.Store, opts Options) {
	if opts.PartSize == 0 {
		opts.PartSize = 5 << 20
	}
	if opts.MetadataLimit == 0 {
		opts.MetadataLimit = 2048
	}
	if opts.Refuses == nil {
		opts.Refuses = func(string) string { return "" }
	}
	for _, test := range []struct {
		name string
		run  func(*testing.T, *suite)
	}{
		{"PutGetHead", testPutGetHead},
		{"Empty", testEmpty},
		{"NotFound", testNotFound},
		{"Ranges", testRanges},
		{"GetConditions", testGetConditions},
		{"PutConditions", testPutConditions},
		{"PutRace", testPutRace},
		{"Metadata", testMetadata},
		{"MetadataLimit", testMetadataLimit},
		{"InvalidKeys", testInvalidKeys},
		{"Keys", testKeys},
		{"List", testList},
		{"ListDelimiter", testListDelimiter},
		{"ListPages", testListPages},
		{"ListStartAfter", testListStartAfter},
		{"ListStartAnywhere", testListStartAnywhere},
		{"ListToken", testListToken},
		{"Delete", testDelete},
		{"DeleteConditions", testDeleteConditions},
		{"DeleteMany", testDeleteMany},
		{"Copy", testCopy},
		{"CopyConditions", testCopyConditions},
		{"CopyOntoItself", testCopyOntoItself},
		{"Upload", testUpload},
		{"UploadConditions", testUploadConditions},
		{"UploadResume", testUploadResume},
		{"UploadAbort", testUploadAbort},
		{"UploadParts", testUploadParts},
		{"CopyPart", testCopyPart},
		{"BodyError", testBodyError},
		{"Canceled", testCanceled},
		{"Traits", testTraits},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, &suite{open(t), opts}) })
	}
}

func (s *suite) put(t *testing.T, key, content string) object.Info {
	t.Helper()
	info, err := s.store.Put(t.Context(), key, object.Bytes([]byte(content)), object.PutOptions{})
	if err != nil {
		t.Fatalf("put %q: %v", key, err)
	}
	return info
}

// get reads an object to its end.
func (s *suite) get(t *testing.T, key string, opts object.GetOptions) ([]byte, object.Info) {
	t.Helper()
	r, err := s.store.Get(t.Context(), key, opts)
	if err != nil {
		t.Fatalf("get %q: %v", key, err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("read %q: %v", key, err)
	}
	return b, r.Info
}

func (s *suite) wantContent(t *testing.T, key, want string) {
	t.Helper()
	if got, _ := s.get(t, key, object.GetOptions{}); string(got) != want {
		t.Errorf("%q holds %.40q (%d bytes), want %.40q (%d bytes)", key, got, len(got), want, len(want))
	}
}

func (s *suite) wantMissing(t *testing.T, key string) {
	t.Helper()
	if info, err := s.store.Head(t.Context(), key); !object.Is(err, object.KindNotFound) {
		t.Errorf("head %q: %+v, %v, want not found", key, info, err)
	}
}

func wantKind(t *testing.T, what string, err error, kinds ...object.Kind) {
	t.Helper()
	if !object.Is(err, kinds...) {
		t.Errorf("%s: error %v, want %v", what, err, kinds)
		return
	}
	var e *object.Error
	if !asError(err, &e) {
		t.Errorf("%s: error %v of type %T is no *object.Error", what, err, err)
	}
}

func asError(err error, to **object.Error) bool {
	e, ok := err.(*object.Error)
	*to = e
	return ok
}

// noise is content that no compression or repetition can fake.
func noise(n int64) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// listAll reads a listing to its end and checks that it goes on.
func (s *suite) listAll(t *testing.T, opts object.ListOptions) (keys, prefixes []string) {
	t.Helper()
	for range 10000 {
		page, err := s.store.List(t.Context(), opts)
		if err != nil {
			t.Fatalf("list %+v: %v", opts, err)
		}
		if opts.Limit > 0 && len(page.Objects)+len(page.Prefixes) > opts.Limit {
			t.Errorf("a page of %d names, at most %d are wanted", len(page.Objects)+len(page.Prefixes), opts.Limit)
		}
		for _, o := range page.Objects {
			keys = append(keys, o.Key)
		}
		prefixes = append(prefixes, page.Prefixes...)
		if !page.More {
			return keys, prefixes
		}
		opts.Token, opts.StartAfter = page.Next, ""
	}
	t.Fatal("a listing without an end")
	return nil, nil
}

// brokenBody fails after some bytes.
type brokenBody struct {
	*bytes.Reader
	err error
}

func (b brokenBody) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > b.Size()/2 {
		return 0, b.err
	}
	return b.Reader.ReadAt(p, off)
}

func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
