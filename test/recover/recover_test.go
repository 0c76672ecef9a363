//go:build linux && !sandbox

package recover

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sentient-agi/sentientfs/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// patience is far above what any step needs.
const patience = 2 * time.Minute

// A scene is a mount whose daemon gets killed.
type scene struct {
	t      *testing.T
	server *harness.Server
	wire   *harness.Proxy
	mount  *harness.Mount
	prefix string
}

func newScene(t *testing.T, s *harness.Server, prefix string) *scene {
	t.Helper()
	if harness.Plain() {
		t.Skip("a plain folder cannot be killed")
	}
	c := &scene{t: t, server: s, wire: harness.NewProxy(t, s), prefix: prefix}
	c.mount = harness.NewMount(t, harness.MountOptions{Server: s, Endpoint: c.wire.Endpoint, Prefix: prefix})
	return c
}

// recover runs a recover command and returns what it printed and its exit code. It gets no endpoint: the journal knows.
func (c *scene) recover(args ...string) (stdout, stderr string, code int) {
	c.t.Helper()
	home := c.t.TempDir()
	cmd := exec.Command(harness.Binary(c.t), append([]string{"recover", args[0], "--cache-dir", c.mount.CacheDir()}, args[1:]...)...)
	cmd.Env, cmd.Dir = harness.Env(home), home
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		c.t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// must runs a recover command that must do what it is for.
func (c *scene) must(args ...string) {
	c.t.Helper()
	if _, errs, code := c.recover(args...); code != 0 {
		c.t.Fatalf("recover %q: exit code %d\n%s", args, code, errs)
	}
}

// refused runs a recover command that must end with a code, a sentence and a hint.
func (c *scene) refused(want int, says string, args ...string) {
	c.t.Helper()
	_, errs, code := c.recover(args...)
	if code != want || !strings.Contains(errs, says) || !strings.Contains(errs, "hint: ") {
		c.t.Fatalf("recover %q: exit code %d, want %d and %q\n%s", args, code, want, says, errs)
	}
}

// An entry is what recover list --json tells of a file.
type entry struct {
	ID, Key, State, Reason string
	Size, Written          int64
	Base                   *struct{ ETag string }
}

func (c *scene) list() []entry {
	c.t.Helper()
	out, errs, code := c.recover("list", "--json")
	var entries []entry
	if err := json.Unmarshal([]byte(out), &entries); err != nil || code != 0 {
		c.t.Fatalf("recover list: %v, exit code %d\n%s%s", err, code, out, errs)
	}
	return entries
}

// only returns the one file that is in the journal, in a state.
func (c *scene) only(state string) entry {
	c.t.Helper()
	entries := c.list()
	if len(entries) != 1 || entries[0].State != state {
		c.t.Fatalf("the journal has %+v, want one file in state %s", entries, state)
	}
	return entries[0]
}

func (c *scene) nothingLeft() {
	c.t.Helper()
	if entries := c.list(); len(entries) > 0 {
		c.t.Errorf("the journal still has %+v", entries)
	}
	for _, key := range c.server.Uploads(c.t) {
		if strings.HasPrefix(key, c.prefix+"/") {
			c.t.Errorf("an upload of %s is left in the bucket", key)
		}
	}
}

func (c *scene) wantObject(name, want string) {
	c.t.Helper()
	if got, _ := c.server.Get(c.t, c.prefix+"/"+name); string(got) != want {
		c.t.Errorf("the bucket has %d bytes %.40q as %s, want %d bytes %.40q", len(got), got, name, len(want), want)
	}
}

// halfCopy is killed while a program writes a file: size bytes of it were taken by write(2). The program must not be
// this one, which closes its files in each program that it starts, and with that has them uploaded.
func (c *scene) halfCopy(name string, size int) string {
	c.t.Helper()
	data := strings.Repeat("0123456789abcdef", (size+15)/16)[:size]
	cmd := exec.Command("sh", "-c", `exec cat >"$1"`, "sh", c.mount.Path(name))
	feed, err := cmd.StdinPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	if _, err := io.WriteString(feed, data); err != nil {
		c.t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		// A part that is being sent tells that its upload is in the journal: the begin of one whose answer came to
		// nobody is left to the bucket's lifecycle rule.
		begun := size < 16<<20 || c.wire.Counts()["PART"] > 0
		if entries := c.list(); begun && len(entries) == 1 && entries[0].Size == int64(size) {
			break
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("the journal has %+v", c.list())
		}
	}
	c.refused(13, "is being written", "restore", c.only("open").ID)
	c.mount.Kill(c.t)
	feed.Close()
	_ = cmd.Wait()
	return data
}

// conflict makes a change in place that someone else's version is in the way of.
func (c *scene) conflict(name string) {
	c.t.Helper()
	c.server.Put(c.t, c.prefix+"/"+name, []byte("0123456789"), nil)
	f, err := os.OpenFile(c.mount.Path(name), os.O_RDWR, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("XY"), 0); err != nil {
		c.t.Fatal(err)
	}
	c.server.Put(c.t, c.prefix+"/"+name, []byte("theirs"), nil)
	if err := f.Close(); !errors.Is(err, syscall.ESTALE) {
		c.t.Fatalf("close: %v, want ESTALE", err)
	}
}

// emptyETag is that of an object without bytes: the MD5 of nothing.
const emptyETag = "d41d8cd98f00b204e9800998ecf8427e"

func TestRecoverHalfACopy(t *testing.T) {
	s := harness.StartServer(t, harness.Fake)
	for _, size := range []int{100_000, 30 << 20} {
		for name, do := range map[string]func(c *scene, id, data string){
			"without a mount": func(c *scene, id, data string) {
				c.must("restore", id)
				c.wantObject("d.bin", data)
			},
			"elsewhere": func(c *scene, id, data string) {
				c.must("restore", "--to", "saved/half.bin", id)
				c.wantObject("saved/half.bin", data)
			},
			"by the mount": func(c *scene, id, data string) {
				c.mount.Start(t)
				c.must("restore", "--to", c.mount.Path("half.bin"), id)
				if got, err := os.ReadFile(c.mount.Path("half.bin")); err != nil || string(got) != data {
					t.Errorf("the mount shows %d bytes, %v", len(got), err)
				}
			},
			"dropped": func(c *scene, id, _ string) {
				c.refused(2, "nowhere else", "discard", id)
				c.must("discard", "--yes", id)
			},
			"taken by another": func(c *scene, id, data string) {
				c.server.Put(t, c.prefix+"/d.bin", []byte("theirs"), nil)
				c.refused(14, "cannot store", "restore", id)
				c.wantObject("d.bin", "theirs")
				c.must("restore", "--overwrite", id)
				c.wantObject("d.bin", data)
			},
		} {
			if testing.Short() && size > 1<<20 && name != "without a mount" && name != "dropped" {
				continue
			}
			t.Run(name, func(t *testing.T) {
				c := newScene(t, s, strings.ReplaceAll(t.Name(), "/", "-"))
				data := c.halfCopy("d.bin", size)
				e := c.only("open")
				// The shell's first flush may have made the empty object before it wrote.
				if e.Key != "d.bin" || e.Base != nil && e.Base.ETag != emptyETag || e.Written != int64(size) {
					t.Errorf("the journal has %+v", e)
				}
				do(c, e.ID, data)
				c.nothingLeft()
			})
		}
	}
}

func TestRecoverAConflict(t *testing.T) {
	s := harness.StartServer(t, harness.Fake)
	for name, do := range map[string]func(c *scene, id string){
		"by the mount, over theirs": func(c *scene, id string) {
			c.refused(14, "changed by someone else", "restore", id)
			c.must("restore", "--overwrite", id)
			c.wantObject("f", "XY23456789")
		},
		"by the mount, beside theirs": func(c *scene, id string) {
			c.must("restore", "--to", "g", id)
			c.wantObject("f", "theirs")
			c.wantObject("g", "XY23456789")
		},
		"what was written": func(c *scene, id string) {
			c.mount.Kill(c.t)
			c.refused(14, "gone from S3", "restore", "--overwrite", id)
			c.wantObject("f", "theirs")
			c.must("restore", "--part", "--to", "g", id)
			c.wantObject("f", "theirs")
			c.wantObject("g", "XY"+strings.Repeat("\x00", 8))
		},
		"saved here": func(c *scene, id string) {
			c.mount.Kill(c.t)
			to := filepath.Join(c.t.TempDir(), "saved")
			c.refused(14, "--part", "restore", "--to-file", to, id)
			c.must("restore", "--part", "--to-file", to, id)
			if got, err := os.ReadFile(to); err != nil || string(got) != "XY"+strings.Repeat("\x00", 8) {
				c.t.Errorf("saved %q, %v", got, err)
			}
			c.refused(1, "cannot save", "restore", "--part", "--to-file", to, id)
			c.only("conflict")
			c.must("discard", "--yes", id)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newScene(t, s, strings.NewReplacer("/", "-", ",", "").Replace(t.Name()))
			c.conflict("f")
			do(c, c.only("conflict").ID)
			c.nothingLeft()
		})
	}
}
