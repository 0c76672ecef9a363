package fs

import (
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/sentient-agi/sentientfs/internal/object/memstore"
)

// A file without a name is written and read here, and nothing of it is sent, listed or journaled.
func TestTmpfileStaysHere(t *testing.T) {
	bucket := memstore.New(memstore.Options{})
	m := newMachine(t, bucket, nil)
	var out fuse.EntryOut
	in, fh, _, errno := m.root.Tmpfile(ctx, syscall.O_RDWR|syscall.O_EXCL, 0o600, &out)
	m.want("tmpfile", errno, 0)
	if out.Nlink != 0 {
		t.Errorf("it has %d links, want none", out.Nlink)
	}
	h := fh.(*handle)
	if n := m.requests(func() {
		for _, text := range []string{"temporary", "TEMP"} {
			_, errno = h.Write(ctx, []byte(text), 0)
			m.want("write", errno, 0)
			m.want("fsync", h.Fsync(ctx, 0), 0)
		}
		if got := m.read(h); got != "TEMPorary" {
			t.Errorf("it has %q", got)
		}
		m.want("close", h.Flush(ctx), 0)
	}); n != 0 {
		t.Errorf("it took %d requests", n)
	}
	if records := m.opts.Content.Records(); len(records) != 0 {
		t.Errorf("the journal has %v", records)
	}
	h.Release(ctx)
	if files, _ := m.Pending(); files != 0 || asNode(in) == nil || len(contents(t, bucket)) != 0 {
		t.Errorf("%d files pending, the bucket has %v", files, contents(t, bucket))
	}
}
