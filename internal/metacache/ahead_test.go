package metacache

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/sentient-agi/sentientfs/internal/object"
	"github.com/sentient-agi/sentientfs/internal/object/faultstore"
	"github.com/sentient-agi/sentientfs/internal/object/memstore"
)

// Names that are looked up in the order of a listing take one HEAD each, many at once, and no other question.
func TestLookAhead(t *testing.T) {
	ctx := context.Background()
	old := func() time.Time { return time.Now().Add(-time.Hour) } // versions that are remembered
	wire := faultstore.New(memstore.New(memstore.Options{Now: old}))
	const names = 300
	for i := range names {
		_, err := wire.Put(ctx, fmt.Sprintf("d/n%03d", i), object.Bytes(nil), object.PutOptions{Metadata: map[string]string{"mode": "33188"}})
		if err != nil {
			t.Fatal(err)
		}
	}
	minute := func(string) time.Duration { return time.Minute }
	c, err := New(wire, Options{StatTTL: minute, TypeTTL: minute, PosixMetadata: true, ImplicitDirs: true, Cheap: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	l, err := c.OpenDir(ctx, "d")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if got, err := l.Read(ctx, 0, names); err != nil || len(got) != names {
		t.Fatalf("the listing has %d names, %v", len(got), err)
	}
	heads, lists := wire.Count(faultstore.Head), wire.Count(faultstore.List)
	for i := range names {
		e, err := c.Lookup(ctx, fmt.Sprintf("d/n%03d", i), false)
		if err != nil || e.Info.Metadata["mode"] != "33188" {
			t.Fatalf("name %d: %+v, %v", i, e, err)
		}
		if i == 1 {
			if got := wire.Count(faultstore.Head) - heads; got < aheadNames {
				t.Errorf("the second name in order asked for %d names, want %d", got, aheadNames)
			}
		}
	}
	if got := wire.Count(faultstore.Head) - heads; got != names {
		t.Errorf("%d names took %d HEADs", names, got)
	}
	if got := wire.Count(faultstore.List) - lists; got != 0 {
		t.Errorf("the lookups took %d LISTs", got)
	}
	// A name out of order is asked for alone.
	heads = wire.Count(faultstore.Head)
	c.Forget("d")
	if _, err := c.Lookup(ctx, "d/n200", false); err != nil {
		t.Fatal(err)
	}
	if got := wire.Count(faultstore.Head) - heads; got != 1 {
		t.Errorf("a name out of order took %d HEADs", got)
	}
}
