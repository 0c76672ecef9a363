//go:build linux && !sandbox

package semantics

import (
	"bytes"
	"os"
	"syscall"
	"testing"

	"github.com/sentient-agi/sentientfs/test/harness"
)

// TestP1DurableOnClose: when close or fsync returns 0 the object has the bytes; when the store refuses them, the call
// says so and the journal has them.
func TestP1DurableOnClose(t *testing.T) {
	both(t, testDurable)
}

func testDurable(t *testing.T, kind harness.Kind) {
	p := newPair(t, kind, "--http-timeout", "2s")
	for name, size := range map[string]int{"small": 11, "part": 8 << 20, "parts": 20<<20 + 5} {
		want := random(size)
		write(t, p.a.Path(name), want)
		if got, _ := p.server.Get(t, name); !bytes.Equal(got, want) {
			t.Errorf("after close the object %s has %d bytes, want %d", name, len(got), size)
		}
	}
	synced, err := os.Create(p.a.Path("synced"))
	if err != nil {
		t.Fatal(err)
	}
	defer synced.Close()
	for _, line := range []string{"one\n", "two\n"} {
		if _, err := synced.WriteString(line); err != nil {
			t.Fatal(err)
		}
		if err := synced.Sync(); err != nil {
			t.Fatal(err)
		}
		if got, _ := p.server.Get(t, "synced"); !bytes.HasSuffix(got, []byte(line)) {
			t.Errorf("after fsync the object has %q, want it to end with %q", got, line)
		}
	}
}

// TestP1CloseTellsErrors: what the server refuses is the errno of close, and is uploaded when the server takes it.
func TestP1CloseTellsErrors(t *testing.T) {
	p := newPair(t, harness.Fake, "--http-timeout", "2s")
	f, err := os.Create(p.a.Path("refused"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("precious"); err != nil {
		t.Fatal(err)
	}
	p.wireA.Inject(&harness.Fault{Kinds: "PUT", Status: 403, Code: "AccessDenied"})
	wantErrno(t, "close of what is denied", f.Close(), syscall.EACCES)
	if keys := p.server.Keys(t, "refused"); len(keys) != 0 {
		t.Errorf("the server has %q though it refused", keys)
	}
	wantContent(t, p.a.Path("refused"), []byte("precious"))
	p.wireA.Heal()
	p.a.Unmount(t)
	if got, _ := p.server.Get(t, "refused"); string(got) != "precious" {
		t.Errorf("after the unmount the object has %q", got)
	}
}
