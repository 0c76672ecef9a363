//go:build linux && !sandbox

package semantics

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"

	"github.com/sentient-agi/sentientfs/test/harness"
)

// TestP2CloseToOpen: what A closed is what B opens, whatever B knew of the name before.
func TestP2CloseToOpen(t *testing.T) {
	both(t, testCloseToOpen)
}

func testCloseToOpen(t *testing.T, kind harness.Kind) {
	p := newPair(t, kind)
	for i := range 20 {
		a, b := p.a, p.b
		if i%2 == 1 {
			a, b = b, a
		}
		name := fmt.Sprintf("file%d", i)
		if _, err := os.Stat(b.Path(name)); !os.IsNotExist(err) {
			t.Fatalf("stat of a missing name: %v", err)
		}
		for _, text := range []string{"short", "a good deal longer than before", "x"} {
			write(t, a.Path(name), []byte(text))
			wantContent(t, b.Path(name), []byte(text))
		}
		if err := os.Remove(a.Path(name)); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Open(b.Path(name)); !os.IsNotExist(err) {
			t.Fatalf("open of what the other machine removed: %v", err)
		}
	}
}

// TestP2OpenDirListsAgain: a directory that is opened shows what the other machine made and removed.
func TestP2OpenDirListsAgain(t *testing.T) {
	p := newPair(t, harness.Versity)
	for i := range 5 {
		write(t, p.a.Path(fmt.Sprintf("n%d", i)), []byte("x"))
		names, err := os.ReadDir(p.b.Dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(names) != i+1 {
			t.Fatalf("the other machine lists %d names, want %d", len(names), i+1)
		}
	}
}

// TestP3NoTornRead: a handle reads one version to its end, however often the object is replaced meanwhile; a version
// that is gone is ESTALE, never a mixture.
func TestP3NoTornRead(t *testing.T) {
	both(t, testNoTornRead)
}

func testNoTornRead(t *testing.T, kind harness.Kind) {
	p := newPair(t, kind)
	old, now := bytes.Repeat([]byte("A"), 6<<20), bytes.Repeat([]byte("B"), 7<<20)
	write(t, p.a.Path("f"), old)
	f, err := os.Open(p.b.Path("f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	head := make([]byte, 4096)
	if _, err := io.ReadFull(f, head); err != nil {
		t.Fatal(err)
	}
	write(t, p.a.Path("f"), now)
	wantContent(t, p.b.Path("f"), now)
	rest, err := io.ReadAll(f)
	if err != nil {
		wantErrno(t, "read of a version that is gone", err, syscall.ESTALE)
	}
	if i := bytes.IndexByte(rest, 'B'); i >= 0 {
		t.Errorf("a handle on the old version read a byte of the new one at %d", i)
	}
	if err == nil && len(rest) != len(old)-len(head) {
		t.Errorf("the old version ended after %d bytes without an error", len(head)+len(rest))
	}
}

// TestP3TailFollowsAppends: a reader at the end goes on into what the other machine appended.
func TestP3TailFollowsAppends(t *testing.T) {
	p := newPair(t, harness.Fake, "--stat-cache-ttl", "0s", "--type-cache-ttl", "0s")
	write(t, p.a.Path("log"), []byte("0\n"))
	f, err := os.Open(p.b.Path("log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	inode := func() uint64 {
		st, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		return st.Sys().(*syscall.Stat_t).Ino
	}
	first := inode()
	want := "0\n"
	got := ""
	buf := make([]byte, 100)
	for i := 1; i <= 10; i++ {
		n, err := f.Read(buf)
		if err != nil && err != io.EOF {
			t.Fatal(err)
		}
		got += string(buf[:n])
		if got != want {
			t.Fatalf("the reader has %q, want %q", got, want)
		}
		for range i%3 + 1 { // it may miss some of the versions
			line := fmt.Sprintf("%d\n", i)
			want += line
			if err := appendTo(p.a.Path("log"), []byte(line)); err != nil {
				t.Fatal(err)
			}
		}
		if now := inode(); now != first {
			t.Fatalf("the inode went from %d to %d", first, now)
		}
		if st, err := os.Stat(p.b.Path("log")); err != nil || st.Sys().(*syscall.Stat_t).Ino != first {
			t.Fatalf("the name has another inode than the open file (%v): tail -F would print it again", err)
		}
	}
}
