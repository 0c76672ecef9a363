//go:build linux && !sandbox

package twomount

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sentient-agi/sentientfs/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// onBoth runs a test with two mounts over each kind of server. In plain mode both are one folder.
func onBoth(t *testing.T, test func(t *testing.T, a, b *harness.Mount)) {
	for _, kind := range []harness.Kind{harness.Versity, harness.Fake} {
		t.Run(string(kind), func(t *testing.T) {
			if harness.Plain() {
				m := harness.NewMount(t, harness.MountOptions{})
				test(t, m, m)
				return
			}
			opts := harness.MountOptions{Server: harness.StartServer(t, kind)}
			test(t, harness.NewMount(t, opts), harness.NewMount(t, opts))
		})
	}
}

// rounds is n, or a tenth of it with -short.
func rounds(n int) int {
	if testing.Short() {
		return max(n/10, 3)
	}
	return n
}

// atOnce runs each function in a goroutine of its own and returns their errors in order.
func atOnce(functions ...func() error) []error {
	errs := make([]error, len(functions))
	var ready, done sync.WaitGroup
	ready.Add(len(functions))
	for i, f := range functions {
		done.Go(func() {
			ready.Done()
			ready.Wait()
			errs[i] = f()
		})
	}
	done.Wait()
	return errs
}

// TestWriteThenRead: a missing name that B has asked for, listed and asked for again is there when A has closed it,
// and so is each later version, larger or smaller, whatever B has open and cached of those before.
func TestWriteThenRead(t *testing.T) {
	onBoth(t, func(t *testing.T, a, b *harness.Mount) {
		if err := os.Mkdir(a.Path("d"), 0o755); err != nil {
			t.Fatal(err)
		}
		for i := range rounds(100) {
			name := fmt.Sprintf("d/f%d", i%7)
			if _, err := os.Stat(b.Path(name)); i < 7 && !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("round %d: before it was written: %v", i, err)
			}
			if _, err := os.ReadDir(b.Path("d")); err != nil {
				t.Fatal(err)
			}
			body := bytes.Repeat([]byte{byte('a' + i%26)}, 1+(i*7919)%200_000)
			if err := os.WriteFile(a.Path(name), body, 0o644); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(b.Path(name))
			if err != nil || !bytes.Equal(got, body) {
				t.Fatalf("round %d: %d bytes of %.1q, %v; want %d of %.1q", i, len(got), got, err, len(body), body)
			}
			a, b = b, a
		}
	})
}

// TestOneWinner: of two machines that make the same name at the same time one succeeds and the other is told so.
func TestOneWinner(t *testing.T) {
	races := map[string]func(m *harness.Mount, me, name string) error{
		"O_EXCL": func(m *harness.Mount, me, name string) error {
			f, err := os.OpenFile(m.Path(name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
			if err != nil {
				return err
			}
			_, err = f.WriteString(me)
			return errors.Join(err, f.Close())
		},
		"mkdir": func(m *harness.Mount, me, name string) error { return os.Mkdir(m.Path(name), 0o755) },
		"rename": func(m *harness.Mount, me, name string) error {
			if err := os.WriteFile(m.Path(name+"-from-"+me), []byte(me), 0o644); err != nil {
				return fmt.Errorf("cannot prepare: %v", err)
			}
			return unix.Renameat2(unix.AT_FDCWD, m.Path(name+"-from-"+me), unix.AT_FDCWD, m.Path(name), unix.RENAME_NOREPLACE)
		},
	}
	for what, race := range races {
		t.Run(what, func(t *testing.T) {
			onBoth(t, func(t *testing.T, a, b *harness.Mount) {
				for i := range rounds(50) {
					name := fmt.Sprintf("%s-%d", what, i)
					errs := atOnce(func() error { return race(a, "a", name) }, func() error { return race(b, "b", name) })
					winner := slices.Index(errs, nil)
					if winner < 0 || !errors.Is(errs[1-winner], syscall.EEXIST) {
						t.Fatalf("round %d: a: %v, b: %v; want one nil and one EEXIST", i, errs[0], errs[1])
					}
					if what == "mkdir" {
						continue
					}
					for _, m := range []*harness.Mount{a, b} {
						if got, err := os.ReadFile(m.Path(name)); string(got) != "ab"[winner:winner+1] || err != nil {
							t.Fatalf("round %d: it holds %q, %v; %c won", i, got, err, "ab"[winner])
						}
					}
				}
			})
		})
	}
}

// TestAppendsFromBoth: lines that both append to one file, each with an open of its own, are all there, once, whole,
// and each machine's in its order.
func TestAppendsFromBoth(t *testing.T) {
	onBoth(t, func(t *testing.T, a, b *harness.Mount) {
		n := rounds(50)
		appender := func(m *harness.Mount, me string) func() error {
			return func() error {
				for i := range n {
					f, err := os.OpenFile(m.Path("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
					if err != nil {
						return fmt.Errorf("line %d: %w", i, err)
					}
					_, err = fmt.Fprintf(f, "%s %04d %s\n", me, i, strings.Repeat(me, 1+i*37%500))
					if err := errors.Join(err, f.Close()); err != nil {
						return fmt.Errorf("line %d: %w", i, err)
					}
				}
				return nil
			}
		}
		if errs := atOnce(appender(a, "a"), appender(b, "b")); errors.Join(errs...) != nil {
			t.Fatal(errs)
		}
		for _, m := range []*harness.Mount{a, b} {
			text, err := os.ReadFile(m.Path("log"))
			if err != nil {
				t.Fatal(err)
			}
			next := map[string]int{}
			for line := range strings.Lines(string(text)) {
				var me, fill string
				var i int
				if _, err := fmt.Sscanf(line, "%s %d %s\n", &me, &i, &fill); err != nil || fill != strings.Repeat(me, 1+i*37%500) {
					t.Fatalf("a torn line: %.60q", line)
				}
				if i != next[me] {
					t.Fatalf("line %d of %s comes where %d was due", i, me, next[me])
				}
				next[me]++
			}
			if next["a"] != n || next["b"] != n {
				t.Errorf("%v lines, want %d of each", next, n)
			}
		}
	})
}

// TestLockFile: a lock by O_EXCL and unlink guards a counter that both machines raise.
func TestLockFile(t *testing.T) {
	onBoth(t, func(t *testing.T, a, b *harness.Mount) {
		n := rounds(30)
		if err := os.WriteFile(a.Path("counter"), []byte("0"), 0o644); err != nil {
			t.Fatal(err)
		}
		raise := func(m *harness.Mount) func() error {
			return func() error {
				for range n {
					if err := locked(m, func() error { return raiseCounter(m) }); err != nil {
						return err
					}
				}
				return nil
			}
		}
		if errs := atOnce(raise(a), raise(b)); errors.Join(errs...) != nil {
			t.Fatal(errs)
		}
		if got, err := os.ReadFile(b.Path("counter")); string(got) != fmt.Sprint(2*n) || err != nil {
			t.Errorf("the counter is %q, %v; want %d", got, err, 2*n)
		}
	})
}

func locked(m *harness.Mount, do func() error) error {
	for {
		f, err := os.OpenFile(m.Path("lock"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if errors.Is(err, fs.ErrExist) {
			continue // each try is a round trip, which is pause enough
		}
		if err != nil {
			return fmt.Errorf("lock: %w", err)
		}
		return errors.Join(f.Close(), do(), os.Remove(m.Path("lock")))
	}
}

func raiseCounter(m *harness.Mount) error {
	text, err := os.ReadFile(m.Path("counter"))
	if err != nil {
		return err
	}
	var n int
	if _, err := fmt.Sscan(string(text), &n); err != nil {
		return err
	}
	tmp := m.Path("counter.tmp")
	if err := os.WriteFile(tmp, []byte(fmt.Sprint(n+1)), 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, m.Path("counter"))
}
