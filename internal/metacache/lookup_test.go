package metacache

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sentient-agi/sentientfs/internal/object"
)

func TestLookupForms(t *testing.T) {
	s := newCounting()
	s.put(t, "file", "x", object.PutOptions{})
	s.put(t, "marked/", "", object.PutOptions{ContentType: "text/plain"})
	s.put(t, "implicit/deep/f", "x", object.PutOptions{})
	s.put(t, "both", "x", object.PutOptions{})
	s.put(t, "both/below", "x", object.PutOptions{})
	s.put(t, "old", "", object.PutOptions{ContentType: "application/x-directory; charset=UTF-8"})
	s.put(t, "older", "", object.PutOptions{ContentType: "httpd/unix-directory"})
	s.put(t, "full", "x", object.PutOptions{ContentType: "application/x-directory"})
	s.put(t, "hadoop_$folder$", "", object.PutOptions{})
	long := strings.Repeat(strings.Repeat("n", 255)+"/", 4) // 1,024 bytes
	s.put(t, long[:1023]+"x", "x", object.PutOptions{})
	tests := map[string]string{
		"file": "file file", "marked": "marked marked/", "implicit": "dir", "implicit/deep": "dir",
		"implicit/deep/f": "file implicit/deep/f", "both": "file both", "old": "marked old", "older": "marked older",
		"full": "file full", "hadoop": "absent", "none": "absent", "file/x": "absent", "": "dir",
		"a//b": "absent", "..": "absent", "a/.": "absent", strings.Repeat("n", 256): "absent",
		long[:1023]: "absent", long[:768] + "n": "absent",
	}
	for _, o := range []Options{
		{PosixMetadata: true, ImplicitDirs: true},
		{ImplicitDirs: true},
		{PosixMetadata: true, ImplicitDirs: true, Cheap: true},
		{PosixMetadata: true},
		{Cheap: true},
	} {
		t.Run(fmt.Sprintf("posix=%v,implicit=%v,cheap=%v", o.PosixMetadata, o.ImplicitDirs, o.Cheap), func(t *testing.T) {
			c := newCache(t, s, o)
			for path, want := range tests {
				if want == "dir" && path != "" && !o.ImplicitDirs {
					want = "absent"
				}
				e, err := c.Lookup(t.Context(), path, false)
				if got := what(e, err); got != want {
					t.Errorf("%q: got %s, want %s", path, got, want)
				}
				if has := e.Info.Metadata != nil; err == nil && has != (o.PosixMetadata && (!e.Dir || e.Marker)) {
					t.Errorf("%q: metadata is %v", path, e.Info.Metadata)
				}
			}
		})
	}
}

func TestLookupRequests(t *testing.T) {
	s := newCounting()
	s.put(t, "f", "x", object.PutOptions{})
	s.put(t, "d/f", "x", object.PutOptions{})
	s.put(t, "m/", "", object.PutOptions{})
	cheap := typical()
	cheap.Cheap = true
	marked := typical()
	marked.ImplicitDirs = false
	off := typical()
	off.PosixMetadata = false
	tests := []struct {
		path string
		o    Options
		want map[string]int
	}{
		{"none", typical(), map[string]int{"HEAD": 2, "LIST": 1}},
		{"none", off, map[string]int{"HEAD": 1, "LIST": 1}},
		{"none", marked, map[string]int{"HEAD": 2}},
		{"f", cheap, map[string]int{"HEAD": 1}},
		{"m", cheap, map[string]int{"HEAD": 2}},
		{"d", cheap, map[string]int{"HEAD": 2, "LIST": 1}},
	}
	for _, tt := range tests {
		c := newCache(t, s, tt.o)
		s.took()
		lookup(t, c, tt.path, false)
		if diff := cmp.Diff(tt.want, s.took()); diff != "" {
			t.Errorf("%s: %s", tt.path, diff)
		}
	}
}

func TestLookupIsOneRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newCounting()
		s.put(t, "d/f", "x", object.PutOptions{})
		s.before = func(string, string) { time.Sleep(time.Second) }
		c := newCache(t, s, typical())
		for _, path := range []string{"d", "d/f", "none"} {
			start := time.Now()
			lookup(t, c, path, false)
			if took := time.Since(start); took != time.Second {
				t.Errorf("%s took %v, want one round trip of 1 s", path, took)
			}
		}
	})
}

func TestLookupReturnsWhenDecided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newCounting()
		s.put(t, "f", "x", object.PutOptions{})
		s.before = func(op, key string) {
			if op == "LIST" || key == "f/" {
				time.Sleep(time.Hour)
			}
		}
		c := newCache(t, s, typical())
		start := time.Now()
		if got := lookup(t, c, "f", true); got != "file f" || time.Since(start) != 0 {
			t.Errorf("got %s after %v", got, time.Since(start))
		}
	})
}

func TestLookupErrors(t *testing.T) {
	s := newCounting()
	s.put(t, "f", "x", object.PutOptions{})
	s.put(t, "d/f", "x", object.PutOptions{})
	tests := []struct{ op, key, path, want string }{
		{"HEAD", "f/", "f", "file f"},
		{"HEAD", "f", "f", `HEAD "f": access denied`},
		{"HEAD", "d/", "d", "dir"},
		{"LIST", "none/", "none", `LIST "none/": access denied`},
		{"HEAD", "none/", "none", `HEAD "none/": access denied`},
	}
	for _, tt := range tests {
		c := newCache(t, s, typical())
		s.mu.Lock() // questions of the case before may still run
		s.fail = func(op, key string) object.Kind {
			if op == tt.op && key == tt.key {
				return object.KindDenied
			}
			return 0
		}
		s.mu.Unlock()
		if got := lookup(t, c, tt.path, false); got != tt.want {
			t.Errorf("%s %s fails: got %s, want %s", tt.op, tt.key, got, tt.want)
		}
	}
}

func TestTTLs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newCounting()
		s.put(t, "f", "x", object.PutOptions{})
		s.put(t, "d/", "", object.PutOptions{})
		o := typical()
		o.StatTTL, o.TypeTTL, o.NegativeTTL = ttl(10*time.Second), ttl(20*time.Second), ttl(5*time.Second)
		c := newCache(t, s, o)
		for path, want := range map[string]time.Duration{"f": 10 * time.Second, "d": 20 * time.Second,
			"none": 5 * time.Second} {
			lookup(t, c, path, false)
			synctest.Wait()
			s.took()
			time.Sleep(want - time.Nanosecond)
			if lookup(t, c, path, false); sum(s.took()) != 0 {
				t.Errorf("%s: asked within its TTL", path)
			}
			time.Sleep(time.Nanosecond)
			if lookup(t, c, path, false); sum(s.took()) == 0 {
				t.Errorf("%s: not asked after its TTL", path)
			}
		}
	})
}

func TestAbsenceIsAskedEachTime(t *testing.T) {
	s := newCounting()
	c := newCache(t, s, typical())
	list(t, c, "", 10) // which does not have it
	for range 2 {
		s.took()
		if got := lookup(t, c, "x", false); got != "absent" || sum(s.took()) != 3 {
			t.Error("an absence was believed")
		}
	}
	s.put(t, "x", "1", object.PutOptions{})
	if got := lookup(t, c, "x", false); got != "file x" {
		t.Errorf("got %s after another machine made it", got)
	}
}

func TestFreshLookupAsks(t *testing.T) {
	s := newCounting()
	s.put(t, "x", "1", object.PutOptions{})
	c := newCache(t, s, typical())
	lookup(t, c, "x", false)
	s.remove(t, "x")
	s.put(t, "x/y", "1", object.PutOptions{})
	if got := lookup(t, c, "x", false); got != "file x" {
		t.Errorf("got %s within the TTL", got)
	}
	if got := lookup(t, c, "x", true); got != "dir" {
		t.Errorf("got %s from a fresh lookup", got)
	}
	if got := lookup(t, c, "x", false); got != "dir" {
		t.Errorf("got %s after a fresh lookup", got)
	}
}

func TestLookupsShareRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newCounting()
		s.put(t, "f", "1", object.PutOptions{})
		s.before = func(string, string) { time.Sleep(time.Second) }
		c := newCache(t, s, typical())
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { lookup(t, c, "f", false) })
		}
		wg.Wait()
		if got := s.took()["LIST"]; got != 1 {
			t.Errorf("10 lookups made %d LISTs, want 1", got)
		}
	})
}

func TestFreshLookupJoinsNoOlderOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newCounting()
		s.after = func(string, string) { time.Sleep(time.Second) }
		c := newCache(t, s, typical())
		go lookup(t, c, "f", false) // its questions see nothing
		synctest.Wait()
		s.put(t, "f", "1", object.PutOptions{})
		if got := lookup(t, c, "f", true); got != "file f" {
			t.Errorf("got %s from a request that began before the call", got)
		}
	})
}

func TestCallersEndDoesNotEndSharedWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newCounting()
		s.put(t, "f", "1", object.PutOptions{})
		s.before = func(string, string) { time.Sleep(time.Second) }
		c := newCache(t, s, typical())
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan error)
		go func() { _, err := c.Lookup(ctx, "f", false); first <- err }()
		synctest.Wait()
		second := make(chan string)
		go func() { second <- lookup(t, c, "f", false) }()
		synctest.Wait()
		cancel()
		if err := <-first; !object.Is(err, object.KindCanceled) {
			t.Errorf("the canceled caller got %v", err)
		}
		if got := <-second; got != "file f" {
			t.Errorf("the other caller got %s", got)
		}
		if got := s.took()["HEAD"]; got != 2 {
			t.Errorf("%d HEADs, want 2", got)
		}
	})
}

func TestClosedCache(t *testing.T) {
	c, err := New(newCounting(), typical())
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if _, err := c.Lookup(t.Context(), "x", false); !object.Is(err, object.KindCanceled) {
		t.Errorf("Lookup: %v", err)
	}
	if _, err := c.OpenDir(t.Context(), "x"); !object.Is(err, object.KindCanceled) {
		t.Errorf("OpenDir: %v", err)
	}
}

func TestHasChildren(t *testing.T) {
	s := newCounting()
	s.page = 1
	for _, key := range []string{"m/", "one/f", "two/f", "two/g", "dir/", "dir/f/x", "odd//x"} {
		s.put(t, key, "", object.PutOptions{})
	}
	c := newCache(t, s, typical())
	tests := []struct {
		dir, except string
		want        bool
	}{{"m", "", false}, {"none", "", false}, {"one", "", true}, {"one", "one/f", false}, {"two", "two/f", true},
		{"dir", "dir/f", false}, {"dir", "dir/", true}, {"odd", "", true}, {"", "", true}}
	for _, tt := range tests {
		got, err := c.HasChildren(t.Context(), tt.dir, tt.except)
		if err != nil || got != tt.want {
			t.Errorf("HasChildren(%q, %q) = %v, %v", tt.dir, tt.except, got, err)
		}
	}
}
