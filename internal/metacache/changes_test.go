package metacache

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sentient-agi/sentientfs/internal/object"
)

func TestChangesAreKnown(t *testing.T) {
	s := newCounting()
	s.put(t, "src", "abc", object.PutOptions{Metadata: map[string]string{"mode": "1"}})
	c := newCache(t, s, typical())
	ctx := t.Context()
	put(t, c, "put", "x", map[string]string{"mode": "2"})
	put(t, c, "bare", "x", nil)
	put(t, c, "dir/", "", map[string]string{"mode": "3"})
	src, err := c.Head(ctx, "src")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Copy(ctx, "copy", "src", object.CopyOptions{Source: &src, SourceETag: src.ETag}); err != nil {
		t.Fatal(err)
	}
	u, err := c.CreateUpload(ctx, "sent", object.PutOptions{Metadata: map[string]string{"mode": "4"}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := u.PutPart(ctx, 1, object.Bytes([]byte("part")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Complete(ctx, []object.Part{p}); err != nil {
		t.Fatal(err)
	}
	s.took()
	for path, mode := range map[string]string{"put": "2", "bare": "", "dir": "3", "src": "1", "copy": "1", "sent": "4"} {
		e, ok := c.Known(path)
		if !ok || e.Name != path || e.Info.Metadata == nil || e.Info.Metadata["mode"] != mode || e.Dir != (path == "dir") {
			t.Errorf("%s: known as %+v, %v", path, e, ok)
		}
		lookup(t, c, path, false)
	}
	if n := sum(s.took()); n != 0 {
		t.Errorf("%d requests for what is known", n)
	}
}

func TestFailedChangeIsForgotten(t *testing.T) {
	s := newCounting()
	c := newCache(t, s, typical())
	put(t, c, "f", "1", nil)
	s.fail = func(op, _ string) object.Kind { return map[string]object.Kind{"PUT": object.KindTimeout}[op] }
	if _, err := c.Put(t.Context(), "f", object.Bytes(nil), object.PutOptions{}); err == nil {
		t.Fatal("no error")
	}
	if e, ok := c.Known("f"); ok {
		t.Errorf("known as %+v after a change that may have happened", e)
	}
}

func TestDeleteOfTheLastChild(t *testing.T) {
	for _, batch := range []bool{false, true} {
		s := newCounting()
		s.put(t, "m/", "", object.PutOptions{})
		c := newCache(t, s, typical())
		put(t, c, "a/b/f", "1", nil)
		put(t, c, "m/b/f", "1", nil)
		for _, dir := range []string{"a", "a/b", "m", "m/b"} {
			lookup(t, c, dir, false)
		}
		keys := []string{"a/b/f", "m/b/f"}
		if batch {
			if failed, err := c.DeleteMany(t.Context(), keys); err != nil || len(failed) > 0 {
				t.Fatal(failed, err)
			}
		} else {
			remove(t, c, keys[0])
			remove(t, c, keys[1])
		}
		for _, path := range []string{"a", "a/b", "a/b/f", "m/b", "m/b/f"} {
			if e, ok := c.Known(path); ok {
				t.Errorf("%s is known as %s", path, what(e, nil))
			}
			if got := lookup(t, c, path, false); got != "absent" {
				t.Errorf("%s: %s", path, got)
			}
		}
		if _, ok := c.Known("m"); !ok {
			t.Error("a directory with a marker was forgotten with its last child")
		}
	}
}

func TestPutMakesParents(t *testing.T) {
	s := newCounting()
	o := typical()
	o.NegativeTTL = ttl(time.Minute)
	c := newCache(t, s, o)
	for _, path := range []string{"a", "a/b", "a/b/f"} {
		if got := lookup(t, c, path, false); got != "absent" {
			t.Fatal(got)
		}
	}
	put(t, c, "a/b/f", "1", nil)
	for path, want := range map[string]string{"a": "dir", "a/b": "dir", "a/b/f": "file a/b/f"} {
		if got := lookup(t, c, path, false); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

func TestForget(t *testing.T) {
	s := newCounting()
	c := newCache(t, s, typical())
	for _, key := range []string{"a", "a-b", "a/f", "a/d/f", "b"} {
		put(t, c, key, "1", nil)
	}
	c.Forget("a")
	var known []string
	for _, path := range []string{"a", "a-b", "a/f", "a/d/f", "b"} {
		if _, ok := c.Known(path); ok {
			known = append(known, path)
		}
	}
	if diff := cmp.Diff([]string{"a-b", "b"}, known); diff != "" {
		t.Error(diff)
	}
}

// An answer that was on its way while this mount changed the name must not replace what the change told.
func TestLateAnswersAreNotKept(t *testing.T) {
	asks := map[string]func(t *testing.T, c *Cache){
		"lookup": func(t *testing.T, c *Cache) { c.Lookup(t.Context(), "f", true) },
		"head":   func(t *testing.T, c *Cache) { c.Head(t.Context(), "f") },
	}
	for name, ask := range asks {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newCounting()
				s.put(t, "f", "old", object.PutOptions{})
				c := newCache(t, s, typical())
				s.after = func(op, _ string) {
					if op != "PUT" {
						time.Sleep(time.Second)
					}
				}
				done := make(chan struct{})
				go func() { ask(t, c); close(done) }()
				synctest.Wait()
				put(t, c, "f", "newer", nil)
				<-done
				if e, ok := c.Known("f"); !ok || e.Info.Size != 5 {
					t.Errorf("known as %+v, %v", e, ok)
				}
			})
		})
	}
}

// Of two answers the one that was asked for later counts, in whatever order they come.
func TestOlderAnswerComesLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newCounting()
		s.put(t, "f", "old", object.PutOptions{})
		c := newCache(t, s, typical())
		delay := 3 * time.Second
		s.after = func(string, string) {
			d := delay
			delay = 0
			time.Sleep(d)
		}
		done := make(chan struct{})
		go func() { c.Head(t.Context(), "f"); close(done) }()
		synctest.Wait()
		time.Sleep(time.Second)
		s.put(t, "f", "newer", object.PutOptions{})
		c.Head(t.Context(), "f")
		<-done
		if e, ok := c.Known("f"); !ok || e.Info.Size != 5 {
			t.Errorf("known as %+v, %v", e, ok)
		}
	})
}

func TestMarkerBehindFile(t *testing.T) {
	s := newCounting()
	c := newCache(t, s, typical())
	put(t, c, "f", "1", nil)
	put(t, c, "f/", "", nil)
	if got := lookup(t, c, "f", false); got != "file f" {
		t.Errorf("got %s", got)
	}
	if _, err := c.Head(t.Context(), "f/"); err != nil {
		t.Error(err)
	}
	if got := lookup(t, c, "f", false); got != "file f" {
		t.Errorf("after a HEAD of the marker: got %s", got)
	}
}

// A lookup that this mount's change overtook answers with the change.
func TestLookupSeesChangeMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newCounting()
		c := newCache(t, s, typical())
		s.after = func(op, _ string) {
			if op != "PUT" {
				time.Sleep(time.Second)
			}
		}
		got := make(chan string)
		go func() { got <- lookup(t, c, "f", false) }()
		synctest.Wait()
		put(t, c, "f", "1", nil)
		if got := <-got; got != "file f" {
			t.Errorf("got %s", got)
		}
	})
}

// The same for the directories above: the first child makes them.
func TestLookupOfParentMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newCounting()
		o := typical()
		o.NegativeTTL = ttl(time.Hour)
		c := newCache(t, s, o)
		s.after = func(op, _ string) {
			if op != "PUT" {
				time.Sleep(time.Second)
			}
		}
		done := make(chan struct{})
		go func() { lookup(t, c, "a", false); close(done) }()
		synctest.Wait()
		put(t, c, "a/b/f", "1", nil)
		<-done
		if got := lookup(t, c, "a", false); got != "dir" {
			t.Errorf("got %s", got)
		}
	})
}

func TestOverlappingChangesLeaveNothingKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newCounting()
		c := newCache(t, s, typical())
		s.before = func(op, _ string) {
			if op == "PUT" {
				time.Sleep(time.Second)
			}
		}
		done := make(chan struct{})
		go func() { put(t, c, "f", "1", nil); close(done) }()
		synctest.Wait()
		remove(t, c, "f")
		<-done
		if e, ok := c.Known("f"); ok {
			t.Errorf("known as %+v though the order is not", e)
		}
	})
}

// A write of five minutes tells what was there when it began at the earliest.
func TestTTLCountsFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newCounting()
		s.after = func(string, string) { time.Sleep(5 * time.Minute) }
		c := newCache(t, s, typical())
		put(t, c, "f", "1", nil)
		if _, ok := c.Known("f"); ok {
			t.Error("known after its TTL")
		}
	})
}

// One mount alone, with endless TTLs: the cache must at all times answer as the bucket would.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newCounting()
		s.page = rapid.IntRange(1, 4).Draw(rt, "page")
		hour := ttl(time.Hour)
		o := Options{StatTTL: hour, TypeTTL: hour, NegativeTTL: hour, ListTTL: hour, ImplicitDirs: true,
			PosixMetadata: rapid.Bool().Draw(rt, "posix")}
		c, err := New(s, o)
		if err != nil {
			rt.Fatal(err)
		}
		defer c.Close()
		name := rapid.SampledFrom([]string{"a", "a-", "a.b", "b"})
		path := rapid.Custom(func(t *rapid.T) string {
			return strings.Join(rapid.SliceOfN(name, 1, 3).Draw(t, "names"), "/")
		})
		key := rapid.Custom(func(t *rapid.T) string {
			return path.Draw(t, "path") + rapid.SampledFrom([]string{"", "", "/"}).Draw(t, "slash")
		})
		rt.Repeat(map[string]func(*rapid.T){
			"put": func(rt *rapid.T) {
				k := key.Draw(rt, "key")
				if strings.HasPrefix(truth(t, s, pathOf(k)), "file") && strings.HasSuffix(k, "/") {
					return // the marker would be taken for a directory where the file is not known any more
				}
				put(t, c, k, "1", map[string]string{"k": "v"})
			},
			"delete": func(rt *rapid.T) { remove(t, c, key.Draw(rt, "key")) },
			"forget": func(rt *rapid.T) { c.Forget(path.Draw(rt, "path")) },
			"lookup": func(rt *rapid.T) {
				p := path.Draw(rt, "path")
				got, want := lookup(t, c, p, false), truth(t, s, p)
				if got == "dir" && !o.PosixMetadata {
					want = strings.Replace(want, "marked "+p+"/", got, 1) // a listing does not tell
				}
				if got != want {
					rt.Fatalf("%s: got %s, want %s", p, got, want)
				}
			},
			"list": func(rt *rapid.T) {
				dir := rapid.OneOf(path, rapid.Just("")).Draw(rt, "dir")
				got, want := list(t, c, dir, rapid.IntRange(1, 5).Draw(rt, "n")), children(t, s, dir)
				if diff := cmp.Diff(want, got); diff != "" {
					rt.Fatalf("%q: %s", dir, diff)
				}
			},
			"metadata": func(rt *rapid.T) {
				dir := rapid.OneOf(path, rapid.Just("")).Draw(rt, "dir")
				checkMetadata(rt, t, c, s, dir)
			},
		})
	})
}

func checkMetadata(rt *rapid.T, t *testing.T, c *Cache, s *counting, dir string) {
	l, err := c.OpenDir(t.Context(), dir)
	if err != nil {
		rt.Fatal(err)
	}
	defer l.Close()
	got, _ := l.Metadata(t.Context(), 0, 100)
	var names []string
	for _, e := range got {
		names = append(names, shown(e))
		want := truth(t, s, below(dir)+e.Name)
		if w := what(e, nil); w != want && (c.o.PosixMetadata || !e.Dir) {
			rt.Fatalf("%s in %q is %s, want %s", e.Name, dir, w, want)
		}
	}
	if diff := cmp.Diff(children(t, s, dir), names); diff != "" {
		rt.Fatalf("%q: %s", dir, diff)
	}
}

func keys(t testing.TB, s *counting) []string {
	page, err := s.Store.List(t.Context(), object.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, o := range page.Objects {
		keys = append(keys, o.Key)
	}
	return keys
}

// truth is what the bucket has at path.
func truth(t testing.TB, s *counting, path string) string {
	all := keys(t, s)
	switch {
	case slices.Contains(all, path):
		return "file " + path
	case slices.Contains(all, path+"/"):
		return fmt.Sprintf("marked %s/", path)
	case slices.ContainsFunc(all, func(k string) bool { return strings.HasPrefix(k, path+"/") }):
		return "dir"
	}
	return "absent"
}

// children are the names in dir, in the order of keys.
func children(t testing.TB, s *counting, dir string) []string {
	files, dirs := map[string]bool{}, map[string]bool{}
	for _, k := range keys(t, s) {
		rest, ok := strings.CutPrefix(k, below(dir))
		if !ok || rest == "" {
			continue
		}
		name, _, isDir := strings.Cut(rest, "/")
		if isDir {
			dirs[name] = true
		} else {
			files[name] = true
		}
	}
	var names []string
	for name := range files {
		names = append(names, name)
	}
	for name := range maps.Keys(dirs) {
		if !files[name] {
			names = append(names, name+"/")
		}
	}
	slices.Sort(names)
	return names
}
