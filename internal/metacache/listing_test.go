package metacache

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// A file and a directory of one name are one, also where other names and page edges come between them.
func TestNamesComeOnce(t *testing.T) {
	s := newCounting()
	for _, key := range []string{"a", "a ", "a-b/x", "a-b", "a.txt", "a/x", "a0", "d/x", "d-/x", "z"} {
		s.put(t, key, "1", object.PutOptions{})
	}
	want := []string{"a", "a ", "a-b", "a.txt", "a0", "d-/", "d/", "z"}
	for page := 1; page <= 11; page++ {
		for n := 1; n <= 9; n += 4 {
			s.page = page
			c := newCache(t, s, typical())
			if diff := cmp.Diff(want, list(t, c, "", n)); diff != "" {
				t.Errorf("pages of %d, read by %d: %s", page, n, diff)
			}
		}
	}
}

func TestUnusableNamesAreLeftOut(t *testing.T) {
	s := newCounting()
	s.page = 2
	for _, key := range []string{"d/", "d//x", "d/./x", "d/..", "d/" + strings.Repeat("n", 256), "d/nul\x00", "d/ok",
		"d/\x01", "/root"} {
		s.put(t, key, "1", object.PutOptions{})
	}
	var log bytes.Buffer
	o := typical()
	o.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c := newCache(t, s, o)
	for range 2 {
		if diff := cmp.Diff([]string{"\x01", "ok"}, list(t, c, "d", 10)); diff != "" {
			t.Error(diff)
		}
	}
	if got := strings.Count(log.String(), "left out"); got != 1 || !strings.Contains(log.String(), "names=5") {
		t.Errorf("logged %d times: %s", got, log.String())
	}
	if diff := cmp.Diff([]string{"d/"}, list(t, c, "", 10)); diff != "" {
		t.Error(diff)
	}
}

func TestMissingDirectoryIsEmpty(t *testing.T) {
	c := newCache(t, newCounting(), typical())
	if got := list(t, c, "none", 10); got != nil {
		t.Errorf("got %q", got)
	}
	if _, err := c.OpenDir(t.Context(), "a//b"); !object.Is(err, object.KindNotFound) {
		t.Errorf("got %v", err)
	}
}

func fillStore(t *testing.T, s *counting, n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("%06d", i))
		s.put(t, "d/"+names[i], "1", object.PutOptions{})
	}
	return names
}

func TestPositionsHold(t *testing.T) {
	for _, memory := range []int64{0, 4096} { // the second spills at once
		s := newCounting()
		s.page = 100
		want := fillStore(t, s, 1000)
		o := typical()
		o.Memory, o.Dir = memory, t.TempDir()
		c := newCache(t, s, o)
		l, err := c.OpenDir(t.Context(), "d")
		if err != nil {
			t.Fatal(err)
		}
		for _, pos := range []int{0, 500, 3, 999, 998, 63, 64, 65} {
			got, err := l.Read(t.Context(), pos, 150)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, e := range got {
				names = append(names, e.Name)
				if e.Info.Key != "d/"+e.Name || e.Info.Size != 1 || e.Info.ETag == "" || e.Info.LastModified.IsZero() {
					t.Fatalf("%+v", e)
				}
			}
			if diff := cmp.Diff(want[pos:min(pos+150, 1000)], names); diff != "" {
				t.Errorf("at %d: %s", pos, diff)
			}
		}
		if _, err := l.Read(t.Context(), 1000, 1); err != io.EOF {
			t.Errorf("at the end: %v", err)
		}
		if spilled := l.d.names.file != nil; spilled != (memory != 0) {
			t.Errorf("spilled: %v with a budget of %d", spilled, memory)
		}
		if memory != 0 && c.listed.Load() > memory {
			t.Errorf("%d bytes of names in memory, at most %d", c.listed.Load(), memory)
		}
		if files, _ := os.ReadDir(o.Dir); len(files) != 1 || files[0].Name() != slotsFile {
			t.Errorf("left in the folder: %v", files)
		}
		l.Close()
		l.Close()
		if _, err := l.Read(t.Context(), 2000, 1); err == nil {
			t.Error("a closed listing answers")
		}
	}
}

func TestLookupFromListing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, memory := range []int64{0, 16384} {
			s := newCounting()
			fillStore(t, s, 200)
			s.put(t, "d/sub/x", "1", object.PutOptions{})
			o := typical()
			o.PosixMetadata, o.Memory, o.TypeTTL = false, memory, ttl(time.Second)
			c := newCache(t, s, o)
			l, err := c.OpenDir(t.Context(), "d")
			if err != nil {
				t.Fatal(err)
			}
			s.took()
			for _, path := range []string{"d/000000", "d/000064", "d/000199", "d/sub"} {
				if got := lookup(t, c, path, false); got != "file "+path && path != "d/sub" || got == "absent" {
					t.Errorf("%s: %s", path, got)
				}
			}
			if n := sum(s.took()); n != 0 {
				t.Errorf("%d requests for names that a fresh listing has", n)
			}
			time.Sleep(time.Second)
			if _, ok := c.Known("d/sub"); ok {
				t.Error("a directory is known after its TTL")
			}
			if _, ok := c.Known("d/000000"); !ok {
				t.Error("a file is not known within its TTL")
			}
			s.remove(t, "d/000000")
			lookup(t, c, "d/000000", true)
			if _, ok := c.Known("d/000000"); ok {
				t.Error("the listing is believed against a later answer")
			}
			time.Sleep(time.Minute)
			if _, ok := c.Known("d/000001"); ok {
				t.Error("a file is known after its TTL")
			}
			l.Close()
		}
	})
}

func TestOpenDirListsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newCounting()
		fillStore(t, s, 3)
		o := typical()
		c := newCache(t, s, o)
		list(t, c, "d", 10)
		list(t, c, "d", 10)
		if n := s.took()["LIST"]; n != 2 {
			t.Errorf("%d LISTs with ListTTL 0, want one for each opendir", n)
		}
		o.ListTTL = ttl(time.Minute)
		c = newCache(t, s, o)
		for range 3 {
			list(t, c, "d", 10)
			time.Sleep(20 * time.Second)
		}
		if n := s.took()["LIST"]; n != 1 {
			t.Errorf("%d LISTs within ListTTL, want 1", n)
		}
		list(t, c, "d", 10)
		if n := s.took()["LIST"]; n != 1 {
			t.Errorf("%d LISTs after ListTTL, want 1", n)
		}
	})
}

func TestChangesShowWithinListTTL(t *testing.T) {
	s := newCounting()
	o := typical()
	o.ListTTL = ttl(time.Minute)
	c := newCache(t, s, o)
	fillStore(t, s, 3)
	list(t, c, "d", 10)
	s.took()
	put(t, c, "d/000001x", "1", nil)
	put(t, c, "d/new/deep", "1", nil)
	remove(t, c, "d/000002")
	want := []string{"000000", "000001", "000001x", "new/"}
	for range 2 {
		if diff := cmp.Diff(want, list(t, c, "d", 10)); diff != "" {
			t.Error(diff)
		}
	}
	for _, name := range want[:3] {
		remove(t, c, "d/"+name)
	}
	if diff := cmp.Diff([]string{"new/"}, list(t, c, "d", 10)); diff != "" {
		t.Error(diff)
	}
	if n := s.took()["LIST"]; n != 0 {
		t.Errorf("%d LISTs, want none", n)
	}
}

// What this mount changes while a LIST runs is taken from the change, whatever the LIST saw.
func TestChangesWhileAListRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newCounting()
		s.page = 3
		for _, key := range []string{"d/a", "d/b", "d/c", "d/m", "d/n", "d/o"} {
			s.put(t, key, "1", object.PutOptions{})
		}
		c := newCache(t, s, typical())
		s.after = func(op, _ string) {
			if op == "LIST" {
				time.Sleep(time.Second)
			}
		}
		var l *Listing
		done := make(chan struct{})
		go func() {
			defer close(done)
			var err error
			if l, err = c.OpenDir(t.Context(), "d"); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		put(t, c, "d/bb", "1", nil)     // in the page that runs
		put(t, c, "d/c", "longer", nil) // the same, replaced
		remove(t, c, "d/a")
		put(t, c, "d/nn", "1", nil) // in the next page
		remove(t, c, "d/o")
		put(t, c, "d/sub/x", "1", nil)
		<-done
		defer l.Close()
		got, err := l.Read(t.Context(), 0, 3)
		if err != nil || len(got) != 3 || got[2].Info.Size != 6 {
			t.Errorf("%+v, %v", got, err)
		}
		put(t, c, "d/zz", "1", nil) // while the last page runs
		put(t, c, "d/aa", "1", nil) // behind the reader: not seen, and no position moves
		want := []string{"b", "bb", "c", "m", "n", "nn", "sub/", "zz"}
		if diff := cmp.Diff(want, rest(t, l, 0, 2, l.Read)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestListingAfterAnError(t *testing.T) {
	s := newCounting()
	s.page = 2
	want := fillStore(t, s, 6)
	c := newCache(t, s, typical())
	l, err := c.OpenDir(t.Context(), "d")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s.mu.Lock()
	s.fail = func(op, _ string) object.Kind { return object.KindUnavailable }
	s.mu.Unlock()
	if _, err := l.Read(t.Context(), 0, 6); !object.Is(err, object.KindUnavailable) {
		t.Errorf("got %v", err)
	}
	if _, err := c.OpenDir(t.Context(), "d"); !object.Is(err, object.KindUnavailable) {
		t.Errorf("got %v", err)
	}
	s.mu.Lock()
	s.fail = nil
	s.mu.Unlock()
	if diff := cmp.Diff(want, rest(t, l, 0, 2, l.Read)); diff != "" {
		t.Error(diff)
	}
}

func TestFullDiskIsNoShortListing(t *testing.T) {
	s := newCounting()
	fillStore(t, s, 2000)
	o := typical()
	o.Dir, o.Memory = t.TempDir(), 4096
	c := newCache(t, s, o)
	os.RemoveAll(o.Dir) // so that no file can be made
	l, err := c.OpenDir(t.Context(), "d")
	if err == nil {
		defer l.Close()
		_, err = l.Read(t.Context(), 0, 5000)
	}
	if !object.Is(err, object.KindUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestReaderEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newCounting()
		fillStore(t, s, 1)
		s.before = func(string, string) { time.Sleep(time.Hour) }
		c := newCache(t, s, typical())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.OpenDir(ctx, "d"); !object.Is(err, object.KindTimeout) {
			t.Errorf("got %v", err)
		}
	})
}

// Many changes make a listing useless for lookups, and never wrong or large.
func TestManyChanges(t *testing.T) {
	s := newCounting()
	o := typical()
	o.ListTTL = ttl(time.Hour)
	c := newCache(t, s, o)
	names := fillStore(t, s, overlayMax+100)
	l, err := c.OpenDir(t.Context(), "d")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if got := rest(t, l, 0, 1000, l.Read); !slices.Equal(got, names) {
		t.Fatal("wrong names")
	}
	for _, name := range names {
		remove(t, c, "d/"+name)
	}
	if n := len(l.d.overlay); n > overlayMax+1 {
		t.Errorf("%d changes remembered", n)
	}
	if got := list(t, c, "d", 1000); len(got) != 0 {
		t.Errorf("%d names after all were removed", len(got))
	}
}
