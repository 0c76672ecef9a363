package content

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func open(t *testing.T, o Options) *Store {
	t.Helper()
	if o.KeepFree == 0 {
		o.KeepFree = -1
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// crash is kill -9: the lock ends, nothing is written.
func crash(t *testing.T, s *Store) {
	t.Helper()
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	if err := s.unlock(); err != nil {
		t.Fatal(err)
	}
}

func version(t *testing.T, s *Store, v Version) *File {
	t.Helper()
	f, err := s.Version(v)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func create(t *testing.T, s *Store, key string) *File {
	t.Helper()
	f, err := s.Create(key)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, f *File, off int64, b []byte) {
	t.Helper()
	if n, err := f.WriteAt(b, off); err != nil || n != len(b) {
		t.Fatalf("WriteAt(%d bytes, %d) = %d, %v", len(b), off, n, err)
	}
}

func content(t *testing.T, f *File) []byte {
	t.Helper()
	b := make([]byte, f.Size())
	if n, err := f.ReadAt(b, 0); n != len(b) || (err != nil && err != io.EOF) {
		t.Fatalf("ReadAt(%d bytes) = %d, %v", len(b), n, err)
	}
	return b
}

func wantContent(t *testing.T, f *File, want []byte) {
	t.Helper()
	if got := content(t, f); !bytes.Equal(got, want) {
		t.Fatalf("content differs at %d: %d bytes, want %d", firstDiff(got, want), len(got), len(want))
	}
}

func firstDiff(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// pattern is n bytes, none of them zero.
func pattern(n int, seed byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7+i/251)%250 + 1 + seed%5
	}
	return b
}

func TestCreateWriteStoreAttach(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	f := create(t, s, "a/b")
	want := pattern(200_000, 1)
	write(t, f, 0, want[:100_000])
	write(t, f, 100_000, want[100_000:])
	if got := f.DirtyRanges(); !cmp.Equal(got, []Range{{0, 200_000}}) {
		t.Errorf("DirtyRanges = %v", got)
	}
	v := Version{Key: "a/b", ETag: "e1", Size: 200_000}
	must(t, f.Stored(f.Generation(), v))
	if f.Dirty() || len(s.Records()) != 0 || len(f.DirtyRanges()) != 0 {
		t.Errorf("dirty after Stored: %v", s.Records())
	}
	g := version(t, s, v)
	if g != f {
		t.Error("Version after Stored is another File")
	}
	g.Release()
	f.Release()
	must(t, s.Close())

	s = open(t, Options{Dir: dir})
	f = version(t, s, v)
	defer f.Release()
	if got := f.Missing(0, 200_000); len(got) != 0 {
		t.Errorf("Missing after reopening = %v", got)
	}
	if n, err := f.ReadAt(make([]byte, 10), 200_001); n != 0 || err != io.EOF { // in the last block, before it was verified
		t.Errorf("ReadAt behind the end = %d, %v", n, err)
	}
	wantContent(t, f, want)
	if u := s.Usage(); u.CleanFiles != 1 || u.DirtyFiles != 0 || u.Clean < 200_000 || u.Dirty != 0 {
		t.Errorf("Usage = %+v", u)
	}
}

func TestVersionIsShared(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	v := Version{Key: "k", ETag: "e", Size: 10}
	a, b := version(t, s, v), version(t, s, v)
	if a != b {
		t.Error("two Files of one version")
	}
	for _, o := range []Version{{Key: "k", ETag: "f", Size: 10}, {Key: "k", ETag: "e", Size: 11}, {Key: "l", ETag: "e", Size: 10},
		{Key: "ke", ETag: "", Size: 10}} {
		c := version(t, s, o)
		if c == a {
			t.Errorf("%v shares the File of %v", o, v)
		}
		c.Release()
	}
	must(t, a.Fill([]byte("0123456789"), 0))
	write(t, a, 0, []byte("x"))
	c := version(t, s, v)
	if c == a {
		t.Error("a changed File is still the version's")
	}
	var miss *MissingError
	if _, err := c.ReadAt(make([]byte, 1), 0); !errors.As(err, &miss) {
		t.Errorf("ReadAt of the new copy: %v", err)
	}
	wantContent(t, a, []byte("x123456789"))
	for _, f := range []*File{a, b, c} {
		f.Release()
	}
}

func TestLocked(t *testing.T) {
	dir := t.TempDir()
	open(t, Options{Dir: dir})
	_, err := Open(Options{Dir: dir})
	var locked *LockedError
	if !errors.As(err, &locked) || locked.PID != os.Getpid() {
		t.Errorf("second Open: %v", err)
	}
}

func TestNewerFormatIsRefused(t *testing.T) {
	dir := t.TempDir()
	must(t, open(t, Options{Dir: dir}).Close())
	must(t, os.WriteFile(filepath.Join(dir, "format"), []byte("2\n"), 0o600))
	_, err := Open(Options{Dir: dir})
	var format *FormatError
	if !errors.As(err, &format) || format.Have != 2 || format.Want != storeFormat {
		t.Errorf("Open: %v", err)
	}
}

func TestNewerRecordIsRefusedAndKept(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	f := create(t, s, "k")
	write(t, f, 0, []byte("bytes"))
	must(t, s.Close())
	name := filepath.Join(dir, dirJournal, f.ID())
	b, err := os.ReadFile(name)
	must(t, err)
	b[8]++
	must(t, os.WriteFile(name, b, 0o600))
	_, err = Open(Options{Dir: dir})
	var format *FormatError
	if !errors.As(err, &format) {
		t.Fatalf("Open: %v", err)
	}
	b[8]--
	must(t, os.WriteFile(name, b, 0o600))
	s = open(t, Options{Dir: dir})
	fs := s.Recovered()
	if len(fs) != 1 {
		t.Fatalf("%d files recovered", len(fs))
	}
	wantContent(t, fs[0], []byte("bytes"))
}

func TestNoKeyInFileNamesAndModes(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: filepath.Join(dir, "c")})
	key := "secret\x00\xff/../..//name"
	f := create(t, s, key)
	write(t, f, 0, []byte("x"))
	must(t, f.SetTarget(Target{Key: key, Metadata: map[string]string{"m\xfe": "\xfd"}, Intent: IntentReplace}))
	crash(t, s)
	s = open(t, Options{Dir: filepath.Join(dir, "c")})
	r := s.Records()
	if len(r) != 1 || r[0].Key != key || r[0].Target.Metadata["m\xfe"] != "\xfd" || r[0].Target.Intent != IntentReplace {
		t.Errorf("Records = %+v", r)
	}
	must(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		must(t, err)
		info, err := d.Info()
		must(t, err)
		if strings.Contains(path[len(dir):], "secret") || strings.Contains(path[len(dir):], "name") {
			t.Errorf("%s has the key's text", path)
		}
		if path != dir && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %o", path, info.Mode().Perm())
		}
		return nil
	}))
}

func TestFlippedBitIsFoundAndFetchedAgain(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	v := Version{Key: "k", ETag: "e", Size: 3*blockSize + 100}
	want := pattern(int(v.Size), 0)
	f := version(t, s, v)
	must(t, f.Fill(want, 0))
	id := f.ID()
	f.Release()
	must(t, s.Close())
	name := filepath.Join(dir, dirData, id)
	b, err := os.ReadFile(name)
	must(t, err)
	b[blockSize+5] ^= 0x10
	must(t, os.WriteFile(name, b, 0o600))

	s = open(t, Options{Dir: dir})
	f = version(t, s, v)
	defer f.Release()
	var miss *MissingError
	if _, err := f.ReadAt(make([]byte, v.Size), 0); !errors.As(err, &miss) || miss.Range != (Range{blockSize, blockSize}) {
		t.Fatalf("ReadAt over a flipped bit: %v", err)
	}
	if got := f.Missing(0, v.Size); !cmp.Equal(got, []Range{{blockSize, blockSize}}) {
		t.Errorf("Missing = %v", got)
	}
	must(t, f.Fill(want[blockSize:2*blockSize], blockSize))
	wantContent(t, f, want)
}

func TestFlippedBitBesideAWriteIsFound(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	v := Version{Key: "k", ETag: "e", Size: blockSize}
	f := version(t, s, v)
	must(t, f.Fill(pattern(blockSize, 0), 0))
	id := f.ID()
	f.Release()
	must(t, s.Close())
	name := filepath.Join(dir, dirData, id)
	b, err := os.ReadFile(name)
	must(t, err)
	b[5] ^= 0x10
	must(t, os.WriteFile(name, b, 0o600))

	s = open(t, Options{Dir: dir})
	f = version(t, s, v)
	defer f.Release()
	write(t, f, 1000, []byte("new"))
	want := []Range{{0, 1000}, {1003, blockSize - 1003}}
	if got := f.Missing(0, v.Size); !cmp.Equal(got, want) {
		t.Errorf("Missing = %v, want %v", got, want)
	}
}

func TestLeastRecentlyUsedGoesFirst(t *testing.T) {
	dir := t.TempDir()
	o := Options{Dir: dir, Size: 1 << 20}
	s := open(t, o)
	v := func(key string) Version { return Version{Key: key, ETag: "e", Size: 300 << 10} }
	use := func(key string) {
		f := version(t, s, v(key))
		if len(f.Missing(0, 300<<10)) > 0 {
			must(t, f.Fill(pattern(300<<10, 0), 0))
		}
		f.Release()
	}
	use("a")
	use("b")
	use("c")
	use("a")
	must(t, s.Close())
	s = open(t, o)
	use("d") // b was used least recently, also over a restart
	local := ""
	for _, key := range []string{"a", "b", "c", "d"} {
		f := version(t, s, v(key))
		if len(f.Missing(0, 300<<10)) == 0 {
			local += key
		}
		f.Release()
	}
	if local != "acd" {
		t.Errorf("local are %q, want acd", local)
	}
	if u := s.Usage(); u.Clean > o.Size {
		t.Errorf("Usage = %+v", u)
	}
}

func TestFullOfDirtyBytesIsENOSPC(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir(), Size: 1 << 20})
	f := create(t, s, "k")
	write(t, f, 0, pattern(900<<10, 0))
	if _, err := f.WriteAt(pattern(200<<10, 0), 900<<10); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("WriteAt above the budget: %v", err)
	}
	write(t, f, 0, pattern(900<<10, 1)) // in place takes nothing
	wantContent(t, f, pattern(900<<10, 1))
	must(t, f.Truncate(0))
	write(t, f, 0, pattern(900<<10, 2))
}

func TestLargeFileIsReadThroughASmallBudget(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir(), Size: 4 << 20})
	v := Version{Key: "k", ETag: "e", Size: 32 << 20}
	f := version(t, s, v)
	defer f.Release()
	b := pattern(1<<20, 0)
	for off := int64(0); off < v.Size; off += 1 << 20 {
		must(t, f.Fill(b, off))
		got := make([]byte, 1<<20)
		if _, err := f.ReadAt(got, off); err != nil || !bytes.Equal(got, b) {
			t.Fatalf("ReadAt(%d): %v", off, err)
		}
	}
	if u := s.Usage(); u.Clean > 4<<20 {
		t.Errorf("Usage = %+v", u)
	}
}
