//go:build linux && !sandbox

package semantics

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sentient-agi/sentientfs/test/harness"
)

// TestP4NoLostUpdate: appends of both machines are all there; a change in place of what the other changed is ESTALE
// and kept; a replacement wins.
func TestP4NoLostUpdate(t *testing.T) {
	t.Run("append", testAppends)
	t.Run("in place", testInPlace)
	t.Run("replace", testReplace)
}

func testAppends(t *testing.T) {
	p := newPair(t, harness.Fake)
	const lines = 25
	var wg sync.WaitGroup
	errs := make(chan error, 2*lines)
	for who, m := range map[string]*harness.Mount{"a": p.a, "b": p.b} {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range lines {
				if err := appendTo(m.Path("log"), fmt.Appendf(nil, "%s%03d\n", who, i)); err != nil {
					errs <- err
				}
			}
		}()
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	body, _ := p.server.Get(t, "log")
	got := strings.Fields(string(body))
	sort.Strings(got)
	var want []string
	for _, who := range "ab" {
		for i := range lines {
			want = append(want, fmt.Sprintf("%c%03d", who, i))
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the log has %d lines %q, want %d", len(got), got, len(want))
	}
}

func testInPlace(t *testing.T) {
	p := newPair(t, harness.Fake)
	write(t, p.a.Path("f"), []byte("0123456789"))
	f, err := os.OpenFile(p.a.Path("f"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("mine"), 2); err != nil {
		t.Fatal(err)
	}
	write(t, p.b.Path("f"), []byte("theirs"))
	wantErrno(t, "close of a change of what was changed elsewhere", f.Close(), syscall.ESTALE)
	wantContent(t, p.a.Path("f"), []byte("theirs"))
	wantContent(t, p.b.Path("f"), []byte("theirs"))
}

func testReplace(t *testing.T) {
	p := newPair(t, harness.Fake)
	write(t, p.a.Path("f"), []byte("first"))
	f, err := os.Create(p.a.Path("f"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("wins"); err != nil {
		t.Fatal(err)
	}
	write(t, p.b.Path("f"), []byte("meanwhile"))
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	wantContent(t, p.b.Path("f"), []byte("wins"))
}

// TestP4OneWinner: of two machines that create one name with O_EXCL, make one directory or rename to one name with
// RENAME_NOREPLACE exactly one succeeds; a lock file is handed over at once.
func TestP4OneWinner(t *testing.T) {
	p := newPair(t, harness.Fake)
	excl := func(m *harness.Mount, name string) error {
		f, err := os.OpenFile(m.Path(name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		return f.Close()
	}
	mkdir := func(m *harness.Mount, name string) error { return os.Mkdir(m.Path(name), 0o755) }
	rename := func(m *harness.Mount, name string) error {
		from := m.Path(name + "-" + m.Dir[len(m.Dir)-3:])
		if err := os.WriteFile(from, []byte(from), 0o644); err != nil {
			return err
		}
		return unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, m.Path(name), unix.RENAME_NOREPLACE)
	}
	for what, op := range map[string]func(*harness.Mount, string) error{"excl": excl, "mkdir": mkdir, "rename": rename} {
		for i := range 10 {
			name := fmt.Sprintf("%s%d", what, i)
			won := race(func() error { return op(p.a, name) }, func() error { return op(p.b, name) }, t)
			if won != 1 {
				t.Errorf("%s: %d winners, want 1", name, won)
			}
		}
	}
	for i := range 10 { // one holds the lock, the other gets it when it is gone
		m, other := p.a, p.b
		if i%2 == 1 {
			m, other = other, m
		}
		if err := excl(m, "lock"); err != nil {
			t.Fatal(err)
		}
		wantErrno(t, "a lock that is taken", excl(other, "lock"), syscall.EEXIST)
		if err := os.Remove(m.Path("lock")); err != nil {
			t.Fatal(err)
		}
	}
}

func race(a, b func() error, t *testing.T) (winners int) {
	t.Helper()
	errs := make(chan error, 2)
	go func() { errs <- a() }()
	go func() { errs <- b() }()
	for range 2 {
		err := <-errs
		switch {
		case err == nil:
			winners++
		case !errors.Is(err, syscall.EEXIST):
			t.Error(err)
		}
	}
	return winners
}

// TestP4LateRequestsMiss: a chmod and a removal of what this machine last saw do not hit what the other made meanwhile.
func TestP4LateRequestsMiss(t *testing.T) {
	p := newPair(t, harness.Fake)
	write(t, p.a.Path("f"), []byte("old"))
	wantContent(t, p.a.Path("f"), []byte("old"))
	write(t, p.b.Path("f"), []byte("new of the other"))
	// The name is still known to A's kernel with its old version.
	if err := os.Chmod(p.a.Path("f"), 0o600); err != nil {
		t.Logf("chmod: %v", err)
	}
	got, _ := p.server.Get(t, "f")
	if !bytes.Equal(got, []byte("new of the other")) {
		t.Errorf("after a chmod the object has %q", got)
	}
}
