package metacache

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sentient-agi/sentientfs/internal/object"
)

func openDir(t testing.TB, c *Cache, dir string) *Listing {
	t.Helper()
	l, err := c.OpenDir(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// modes reads the metadata of all of dir.
func modes(t testing.TB, c *Cache, dir string) map[string]string {
	t.Helper()
	got, err := openDir(t, c, dir).Metadata(t.Context(), 0, 10000)
	if err != nil && err != io.EOF {
		t.Fatal(err)
	}
	m := map[string]string{}
	for _, e := range got {
		m[shown(e)] = "unknown"
		if e.Info.Metadata != nil {
			m[shown(e)] = e.Info.Metadata["mode"]
		}
	}
	return m
}

func withMode(mode string) object.PutOptions {
	return object.PutOptions{Metadata: map[string]string{"mode": mode}}
}

func TestMetadataOfListing(t *testing.T) {
	dir := t.TempDir()
	s := newCounting()
	s.put(t, "d/a", "1", withMode("1"))
	s.put(t, "d/b", "", withMode("2"))
	s.put(t, "d/marked/", "", withMode("3"))
	s.put(t, "d/implicit/x", "", withMode("4"))
	s.put(t, "d/old", "", object.PutOptions{Metadata: map[string]string{"mode": "5"}, ContentType: "application/x-directory"})
	want := map[string]string{"a": "1", "b": "2", "marked/": "3", "implicit/": "unknown", "old/": "5"}
	o := typical()
	o.Dir = dir
	for _, tt := range []struct {
		o            Options
		first, again int // HEADs
	}{
		{typical(), 5, 0},
		{o, 5, 0},
		{o, 2, 0}, // the versions' metadata is on disk; directories have no version in a listing
	} {
		c, err := New(s, tt.o)
		if err != nil {
			t.Fatal(err)
		}
		for _, heads := range []int{tt.first, tt.again} {
			s.took()
			if diff := cmp.Diff(want, modes(t, c, "d")); diff != "" {
				t.Error(diff)
			}
			if got := s.took(); got["HEAD"] != heads || got["LIST"] != 1 {
				t.Errorf("%v, want %d HEADs and 1 LIST", got, heads)
			}
		}
		lookup(t, c, "d/a", false)
		if n := sum(s.took()); n != 0 {
			t.Errorf("%d requests for a lookup of what was listed with metadata", n)
		}
		c.Close()
	}
}

func TestMetadataOff(t *testing.T) {
	s := newCounting()
	fillStore(t, s, 100)
	o := typical()
	o.PosixMetadata = false
	c := newCache(t, s, o)
	if got := modes(t, c, "d"); len(got) != 100 || got["000000"] != "unknown" {
		t.Errorf("%v", got)
	}
	if diff := cmp.Diff(map[string]int{"LIST": 1}, s.took()); diff != "" {
		t.Error(diff)
	}
}

// Metadata of a version that another may still look like is believed for its TTL only.
func TestYoungVersionsAreNotKeptForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newCounting()
		c := newCache(t, s, typical())
		info := object.Info{Key: "d/f", ETag: "e", Size: 1, LastModified: time.Now(), Metadata: map[string]string{}}
		if c.known.put(info) {
			t.Error("kept")
		}
		time.Sleep(settled)
		if !c.known.put(info) {
			t.Error("not kept")
		}
	})
}

func TestOwnChangesNeedNoHeads(t *testing.T) {
	s := newCounting()
	c := newCache(t, s, typical())
	put(t, c, "d/f", "1", map[string]string{"mode": "1"})
	put(t, c, "d/sub/", "", map[string]string{"mode": "2"})
	s.took()
	if diff := cmp.Diff(map[string]string{"f": "1", "sub/": "2"}, modes(t, c, "d")); diff != "" {
		t.Error(diff)
	}
	if n := s.took()["HEAD"]; n != 0 {
		t.Errorf("%d HEADs", n)
	}
}

// Entries that were listed before this mount changed them show the change.
func TestMetadataAfterChange(t *testing.T) {
	for _, posix := range []bool{true, false} {
		s := newCounting()
		for _, key := range []string{"d/a", "d/b", "d/c"} {
			s.put(t, key, "1", object.PutOptions{})
		}
		o := typical()
		o.PosixMetadata = posix
		c := newCache(t, s, o)
		modes(t, c, "d") // so that the old versions are known
		l := openDir(t, c, "d")
		put(t, c, "d/a", "longer", nil)
		remove(t, c, "d/b")
		for _, read := range []readFunc{l.Read, l.Metadata} {
			got, err := read(t.Context(), 0, 10)
			if err != nil || len(got) != 2 || got[0].Info.Size != 6 || got[1].Name != "c" {
				t.Errorf("posix %v: %+v, %v", posix, got, err)
			}
		}
	}
}

func TestGoneAndFailingNames(t *testing.T) {
	s := newCounting()
	names := fillStore(t, s, 20)
	c := newCache(t, s, typical())
	l := openDir(t, c, "d")
	first, err := l.Read(t.Context(), 0, 5)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{2, 6, 7, 19} {
		s.remove(t, "d/"+names[i])
	}
	s.fail = func(op, key string) object.Kind {
		return map[string]object.Kind{"d/" + names[10]: object.KindDenied}[key]
	}
	var want []string
	for i, name := range names {
		if i != 6 && i != 7 && i != 19 { // number 2 was returned before, and keeps its place
			want = append(want, name)
		}
	}
	if diff := cmp.Diff(want, rest(t, l, 0, 3, l.Metadata)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, rest(t, l, 0, 7, l.Read)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want[5:], rest(t, l, len(first), 7, l.Read)); diff != "" {
		t.Error(diff)
	}
	got, err := l.Metadata(t.Context(), 8, 1)
	if err != nil || got[0].Name != names[10] || got[0].Info.Metadata != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestHeadsRunTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newCounting()
		fillStore(t, s, 1000)
		var now, most atomic.Int64
		s.before = func(op, _ string) {
			if op != "HEAD" {
				return
			}
			n := now.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			time.Sleep(time.Second)
			now.Add(-1)
		}
		c := newCache(t, s, typical())
		start := time.Now()
		modes(t, c, "d")
		if took := time.Since(start); took != 16*time.Second || most.Load() != DefaultHeads {
			t.Errorf("1000 HEADs took %v with up to %d at once", took, most.Load())
		}
	})
}

// A reader that is interrupted and comes again finds what was asked for on its behalf.
func TestInterruptedMetadata(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newCounting()
		fillStore(t, s, 100)
		c := newCache(t, s, typical())
		l, err := c.OpenDir(t.Context(), "d")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		s.before = func(string, string) { time.Sleep(2 * time.Second) }
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.Metadata(ctx, 0, 100); !object.Is(err, object.KindTimeout) {
			t.Errorf("got %v", err)
		}
		time.Sleep(2 * time.Second)
		if _, err := l.Metadata(t.Context(), 0, 100); err != nil {
			t.Error(err)
		}
		if n := s.took()["HEAD"]; n != 100 {
			t.Errorf("%d HEADs for 100 names", n)
		}
	})
}

func TestSlotsSurviveDamage(t *testing.T) {
	dir := t.TempDir()
	log := newCache(t, newCounting(), Options{}).log
	fill := func(s *slots, get bool) (n int) {
		for i := range 64 {
			fp := fingerprintOf(object.Info{Key: string(rune('a' + i)), ETag: "e"})
			if !get {
				s.put(fp, "value")
			} else if v, ok := s.get(fp); ok && v != "value" {
				t.Fatalf("got %q", v)
			} else if ok {
				n++
			}
		}
		return n
	}
	s, err := openSlots(dir, 4096, log)
	if err != nil {
		t.Fatal(err)
	}
	fill(s, false)
	if n := fill(s, true); n < 60 {
		t.Errorf("%d of 64 are there", n)
	}
	s.put(fingerprint{}, string(make([]byte, slotSize)))
	if _, ok := s.get(fingerprint{}); ok {
		t.Error("a value that is longer than its slot was kept")
	}
	s.close()
	path := filepath.Join(dir, slotsFile)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		if i%slotSize == slotHead+2 {
			b[i] ^= 1
		}
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err = openSlots(dir, 4096, log); err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if n := fill(s, true); n != 0 {
		t.Errorf("%d damaged slots were believed", n)
	}
	fill(s, false)
	if n := fill(s, true); n < 60 {
		t.Errorf("%d of 64 are there after the damage", n)
	}
	for i := range 100_000 {
		s.put(fingerprintOf(object.Info{Size: int64(i)}), "value")
	}
	if st, err := os.Stat(path); err != nil || st.Size() > 4096*slotSize {
		t.Errorf("%v, %v", st.Size(), err)
	}
}

func TestBudget(t *testing.T) {
	s := newCounting()
	o := typical()
	o.Memory = 4 << 20
	c := newCache(t, s, o)
	old := time.Now().Add(-time.Hour)
	c.mu.Lock()
	l := c.newListLocked("big")
	c.keepLocked(l)
	c.mu.Unlock()
	buf := []byte("big/000000000")
	for i := range 1_000_000 {
		for j, n := len(buf)-1, i; j > 4; j, n = j-1, n/10 {
			buf[j] = byte('0' + n%10)
		}
		info := object.Info{Key: string(buf), ETag: "e", Size: 1, LastModified: old, Metadata: map[string]string{"mode": "1"}}
		c.known.put(info)
		c.learn(info.Key, c.watch(info.Key), &state{e: entryOf(info), at: old})
		l.mu.Lock()
		err := l.names.append(item{raw: info.Key[4:], size: 1, etag: "e", mod: old})
		l.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		if i%1000 == 0 {
			c.account(l)
			c.mu.Lock()
			used := c.entries.used + c.known.mem.used + c.lists.used
			c.mu.Unlock()
			if used > o.Memory || c.listed.Load() > o.Memory/4 {
				t.Fatalf("%d bytes used after %d names, at most %d", used, i, o.Memory)
			}
		}
	}
	if n := len(c.entries.m); n < 1000 {
		t.Errorf("%d entries are known in 2 MiB", n)
	}
}
