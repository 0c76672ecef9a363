package metacache

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// Whatever order changes, lookups and listings of one mount take, what is known afterwards is what the bucket has.
func TestManyAtOnce(t *testing.T) {
	for round := range 20 {
		s := newCounting()
		s.page = 3
		yield := func(string, string) {
			for range rand.IntN(5) {
				runtime.Gosched()
			}
		}
		s.before, s.after = yield, yield
		hour := ttl(time.Hour)
		c := newCache(t, s, Options{StatTTL: hour, TypeTTL: hour, NegativeTTL: hour, ListTTL: hour,
			ImplicitDirs: true, PosixMetadata: round%2 == 0})
		var paths []string
		for _, dir := range []string{"", "a/", "a-/", "a/b/"} {
			for i := range 4 {
				paths = append(paths, fmt.Sprintf("%sf%d", dir, i))
			}
		}
		var wg sync.WaitGroup
		for g := range 6 {
			rng := rand.New(rand.NewPCG(uint64(round), uint64(g)))
			wg.Go(func() { actAtRandom(t, c, rng, paths, 60) })
		}
		wg.Wait()
		for _, path := range append(paths, "a", "a-", "a/b") {
			if got, want := lookup(t, c, path, false), truth(t, s, path); got != want {
				t.Fatalf("round %d: %s is %s, want %s", round, path, got, want)
			}
		}
		for _, dir := range []string{"", "a", "a/b"} {
			if diff := cmp.Diff(children(t, s, dir), list(t, c, dir, 2)); diff != "" {
				t.Fatalf("round %d: %q: %s", round, dir, diff)
			}
		}
		c.mu.Lock()
		if len(c.watches)+len(c.changing)+len(c.flights) != 0 {
			t.Errorf("left behind: %v %v %v", c.watches, c.changing, c.flights)
		}
		c.mu.Unlock()
	}
}

func actAtRandom(t *testing.T, c *Cache, rng *rand.Rand, paths []string, n int) {
	ctx := t.Context()
	for range n {
		path := paths[rng.IntN(len(paths))]
		dir, _ := split(path)
		switch rng.IntN(6) {
		case 0, 1:
			c.Put(ctx, path, object.Bytes([]byte(path)), object.PutOptions{})
		case 2:
			c.Delete(ctx, path, object.DeleteOptions{})
		case 3:
			c.Lookup(ctx, path, rng.IntN(2) == 0)
			c.Lookup(ctx, dir, false)
		case 4:
			c.Head(ctx, path)
		case 5:
			if l, err := c.OpenDir(ctx, dir); err == nil {
				l.Metadata(ctx, 0, 2)
				l.Read(ctx, 0, 100)
				l.Close()
			}
		}
	}
}
