package fs

import (
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/sentient-agi/sentientfs/internal/object/faultstore"
	"github.com/sentient-agi/sentientfs/internal/object/memstore"
)

// Where the server ignores conditions of copies, the metadata of a small file that is here change by one PUT on condition.
func TestSetattrByPut(t *testing.T) {
	bucket := memstore.New(memstore.Options{})
	m := newMachine(t, bucket, func(o *Options) { o.Traits.CopyIfMatch = false })
	f, h := m.write(m.root, "f", "text")
	m.want("close", h.Flush(ctx), 0)
	puts, copies := m.wire.Count(faultstore.Put), m.wire.Count(faultstore.Copy)
	m.want("chmod", f.Setattr(ctx, h, chmod(0o600), &fuse.AttrOut{}), 0)
	if puts, copies = m.wire.Count(faultstore.Put)-puts, m.wire.Count(faultstore.Copy)-copies; puts != 1 || copies != 0 {
		t.Errorf("a chmod took %d PUTs and %d copies, want one PUT", puts, copies)
	}
	if got := contents(t, bucket)["f"]; got != "text" {
		t.Errorf("after the chmod the object has %q", got)
	}
	info, err := bucket.Head(ctx, "f")
	if err != nil || info.Metadata[metaMode] != "33152" {
		t.Errorf("the object's mode is %q, %v", info.Metadata[metaMode], err)
	}
	put(t, bucket, "f", "theirs", nil) // by another machine
	f.Setattr(ctx, h, chmod(0o640), &fuse.AttrOut{})
	if got := contents(t, bucket)["f"]; got != "theirs" {
		t.Errorf("a chmod of what was replaced made %q of it", got)
	}
}
