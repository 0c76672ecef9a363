package fs

import (
	"context"
	"io"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/metacache"
	"github.com/sentient-agi/sentientfs/internal/object"
	"github.com/sentient-agi/sentientfs/internal/object/faultstore"
	"github.com/sentient-agi/sentientfs/internal/object/memstore"
	"github.com/sentient-agi/sentientfs/internal/transfer"
)

var ctx = context.Background()

// A machine is a filesystem that is not mounted, on a bucket in memory. Its requests are counted.
type machine struct {
	*FS
	t      *testing.T
	bucket object.Store // as another machine sees it
	wire   *faultstore.Store
	stop   func()
}

// newMachine starts a machine on a bucket. change may change its options.
func newMachine(t *testing.T, bucket object.Store, change func(*Options)) *machine {
	t.Helper()
	wire := faultstore.New(bucket)
	long := func(string) time.Duration { return time.Hour }
	never := func(string) time.Duration { return 0 }
	names, err := metacache.New(wire, metacache.Options{StatTTL: long, TypeTTL: long, PosixMetadata: true, ImplicitDirs: true,
		Cheap: true}) // one question after the other: none is on its way when requests are counted
	if err != nil {
		t.Fatal(err)
	}
	local, err := content.Open(content.Options{Dir: filepath.Join(t.TempDir(), "content")})
	if err != nil {
		t.Fatal(err)
	}
	traits, _ := memstore.New(memstore.Options{}).Traits(ctx)
	engine := transfer.New(transfer.Options{Store: names, Traits: traits})
	o := Options{Names: names, Content: local, Engine: engine, Traits: traits, UID: 1000, GID: 1000, FileMode: 0o644,
		DirMode: 0o755, PosixMetadata: true, Symlinks: SymlinksInside, StatTTL: long, TypeTTL: long, NegativeTTL: never, OpenTTL: never}
	if change != nil {
		change(&o)
	}
	f := New(o)
	fusefs.NewNodeFS(f.root, &fusefs.Options{})
	m := &machine{FS: f, t: t, bucket: bucket, wire: wire}
	stopped := false
	m.stop = func() {
		if stopped {
			return
		}
		stopped = true
		f.Close()
		engine.Close()
		names.Close()
		local.Close()
	}
	t.Cleanup(m.stop)
	return m
}

// put stores an object as another machine does.
func put(t *testing.T, s object.Store, key, body string, meta map[string]string) object.Info {
	t.Helper()
	info, err := s.Put(ctx, key, object.Bytes([]byte(body)), object.PutOptions{Metadata: meta})
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// contents returns all objects of a bucket.
func contents(t *testing.T, s object.Store) map[string]string {
	t.Helper()
	all := map[string]string{}
	page, err := s.List(ctx, object.ListOptions{})
	if err != nil || page.More {
		t.Fatalf("List: %v, more %v", err, page.More)
	}
	for _, info := range page.Objects {
		r, err := s.Get(ctx, info.Key, object.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		r.Close()
		if err != nil {
			t.Fatal(err)
		}
		all[info.Key] = string(b)
	}
	return all
}

// lookup returns the node of a name, as the kernel's LOOKUP does.
func (m *machine) lookup(d *dir, name string) node {
	m.t.Helper()
	in, errno := d.Lookup(ctx, name, &fuse.EntryOut{})
	if errno != 0 {
		m.t.Fatalf("lookup of %q: %v", name, errno)
	}
	return asNode(in)
}

func (m *machine) mkdir(d *dir, name string) *dir {
	m.t.Helper()
	in, errno := d.Mkdir(ctx, name, 0o755, &fuse.EntryOut{})
	m.want("mkdir "+name, errno, 0)
	return asNode(in).(*dir)
}

// write makes a file and writes to it; the handle stays open.
func (m *machine) write(d *dir, name, body string) (*file, *handle) {
	m.t.Helper()
	in, fh, _, errno := d.Create(ctx, name, syscall.O_RDWR|syscall.O_CREAT, 0o644, &fuse.EntryOut{})
	m.want("create "+name, errno, 0)
	h := fh.(*handle)
	if body != "" {
		_, errno = h.Write(ctx, []byte(body), 0)
		m.want("write "+name, errno, 0)
	}
	d.AddChild(name, in, true) // as the bridge does for the kernel
	return asNode(in).(*file), h
}

// read reads all through a handle.
func (m *machine) read(h *handle) string {
	m.t.Helper()
	buf := make([]byte, 1<<16)
	r, errno := h.Read(ctx, buf, 0)
	m.want("read", errno, 0)
	b, _ := r.Bytes(buf)
	return string(b)
}

func (m *machine) want(what string, got, want syscall.Errno) {
	m.t.Helper()
	if got != want {
		m.t.Fatalf("%s: %v (%d), want %v (%d)", what, got, got, want, want)
	}
}

// requests runs do and returns how many requests it cost.
func (m *machine) requests(do func()) int {
	before := m.wire.Count("")
	do()
	return m.wire.Count("") - before
}
