//go:build linux && !sandbox

package semantics

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sentient-agi/sentientfs/test/harness"
)

// TestP5NothingLostInACrash: what was closed, or appended, when the daemon was killed is stored by the next one; what
// its writer had not finished is listed, and its name does not show a part of it; no upload stays behind.
func TestP5NothingLostInACrash(t *testing.T) {
	p := newPair(t, harness.Fake, "--http-timeout", "2s")
	big := random(21 << 20)
	write(t, p.b.Path("log"), []byte("one\n"))
	log, err := os.OpenFile(p.a.Path("log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if _, err := log.WriteString("two\n"); err != nil {
		t.Fatal(err)
	}
	half, err := os.Create(p.a.Path("half"))
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	if _, err := half.Write(big); err != nil {
		t.Fatal(err)
	}
	p.wireA.Inject(&harness.Fault{Kinds: "PUT CREATE PART", Status: 503, Code: "SlowDown"})
	for name, data := range map[string][]byte{"small": []byte("received"), "big": big} {
		if err := os.WriteFile(p.a.Path(name), data, 0o644); err == nil {
			t.Fatalf("%s was stored by a server that refuses", name)
		}
	}
	p.a.Kill(t)
	p.wireA.Heal()
	p.a.Remount(t, false)
	eventually(t, "the journal is stored", func() bool {
		return len(p.server.Keys(t, "")) == 3 && len(p.server.Uploads(t)) <= 1 && sizeOf(p, t, "log") == 8
	})
	wantContent(t, p.b.Path("small"), []byte("received"))
	wantContent(t, p.b.Path("big"), big)
	wantContent(t, p.b.Path("log"), []byte("one\ntwo\n"))
	if keys := p.server.Keys(t, "half"); len(keys) != 0 {
		t.Errorf("a file that was being written shows: %q", keys)
	}
	p.a.Unmount(t)
	list := exec.Command(harness.Binary(t), "recover", "list", "--cache-dir", p.a.CacheDir())
	list.Env = harness.Env(t.TempDir())
	out, err := list.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "half") || !strings.Contains(string(out), "open") {
		t.Errorf("recover list: %v\n%s", err, out)
	}
}

func sizeOf(p *pair, t *testing.T, key string) int {
	body, _ := p.server.Get(t, key)
	return len(body)
}

// eventually waits for what the daemon does by itself.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestP6Rename: a name that is renamed over is at every moment the old or the new file, and directories of any shape
// move whole.
func TestP6Rename(t *testing.T) {
	both(t, testRename)
}

func testRename(t *testing.T, kind harness.Kind) {
	p := newPair(t, kind)
	write(t, p.a.Path("target"), []byte("old"))
	stop, missed := make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(missed)
		for {
			select {
			case <-stop:
				return
			default:
			}
			b, err := os.ReadFile(p.b.Path("target"))
			if err == nil && !bytes.HasPrefix(b, []byte("new")) && string(b) != "old" {
				err = fmt.Errorf("the target has %q", b)
			}
			if err != nil && !errors.Is(err, syscall.ESTALE) {
				missed <- err
				return
			}
		}
	}()
	for i := range 20 {
		write(t, p.a.Path("tmp"), fmt.Appendf(nil, "new%d", i))
		if err := os.Rename(p.a.Path("tmp"), p.a.Path("target")); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(p.b.Path("tmp")); !os.IsNotExist(err) {
			t.Errorf("the old name after a rename: %v", err)
		}
	}
	close(stop)
	if err := <-missed; err != nil {
		t.Error(err)
	}
	wantContent(t, p.b.Path("target"), []byte("new19"))

	for i := range 30 {
		dir := p.a.Path("dir", fmt.Sprintf("sub%d", i%3), "deep")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, fmt.Sprintf("f%d", i)), fmt.Appendf(nil, "body %d", i))
	}
	if err := os.Rename(p.a.Path("dir"), p.a.Path("moved")); err != nil {
		t.Fatal(err)
	}
	if keys := p.server.Keys(t, "dir/"); len(keys) != 0 {
		t.Errorf("after the rename of a directory there are %q", keys)
	}
	for i := range 30 {
		for _, m := range []*harness.Mount{p.a, p.b} {
			wantContent(t, m.Path("moved", fmt.Sprintf("sub%d", i%3), "deep", fmt.Sprintf("f%d", i)), fmt.Appendf(nil, "body %d", i))
		}
	}
}

// TestP7NeverAcceptAndDrop: modes, times and links are what the other machine sees; what cannot be done is an errno.
func TestP7NeverAcceptAndDrop(t *testing.T) {
	p := newPair(t, harness.Versity)
	write(t, p.a.Path("f"), []byte("text"))
	when := time.Unix(1700000000, 123456789)
	if err := os.Chmod(p.a.Path("f"), 0o751); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(p.a.Path("f"), when, when); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("f", p.a.Path("link")); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(p.b.Path("f"))
	if err != nil {
		t.Fatal(err)
	}
	if st.Mode() != 0o751 || !st.ModTime().Equal(when) {
		t.Errorf("the other machine sees mode %v and time %v, want 0751 and %v", st.Mode(), st.ModTime(), when)
	}
	if target, err := os.Readlink(p.b.Path("link")); err != nil || target != "f" {
		t.Errorf("the link points to %q, %v", target, err)
	}
	wantContent(t, p.b.Path("link"), []byte("text"))
	wantErrno(t, "link", os.Link(p.a.Path("f"), p.a.Path("hard")), syscall.EPERM)
	wantErrno(t, "mknod of a device", syscall.Mknod(p.a.Path("dev"), syscall.S_IFCHR|0o600, 0x103), syscall.EPERM)
	_, err = os.Create(p.a.Path(strings.Repeat("n", 256)))
	wantErrno(t, "a name of 256 bytes", err, syscall.ENAMETOOLONG)
}

// TestP8Bounded: a server that never answers makes close fail within its time-outs, and the mount still ends.
func TestP8Bounded(t *testing.T) {
	p := newPair(t, harness.Fake, "--http-timeout", "1s", "--unmount-timeout", "3s")
	f, err := os.Create(p.a.Path("stuck"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("bytes"); err != nil {
		t.Fatal(err)
	}
	p.wireA.Inject(&harness.Fault{Stall: true})
	wantErrno(t, "close while the server is silent", f.Close(), syscall.EIO)
	if err := syscall.Kill(p.a.Pid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the mount is gone", func() bool { _, there := harness.Mounted(p.a.Dir); return !there })
	p.a.Kill(t) // what is left of it
	p.wireA.Heal()
	p.a.Start(t)
	eventually(t, "the journal is stored", func() bool { return sizeOfAny(p, t, "stuck") == 5 })
}

func sizeOfAny(p *pair, t *testing.T, key string) int {
	if len(p.server.Keys(t, key)) == 0 {
		return -1
	}
	return sizeOf(p, t, key)
}

// TestP9Safe: links that a sandbox made do not lead out of the mount, and secrets are in no file that others read.
func TestP9Safe(t *testing.T) {
	p := newPair(t, harness.Versity)
	for name, target := range map[string]string{"abs": "/etc/passwd", "up": "../../../../etc/passwd", "sly": "d/../../etc/passwd"} {
		p.server.Put(t, name, []byte(target), map[string]string{"mode": "41471"})
		if b, err := os.ReadFile(p.a.Path(name)); err == nil {
			t.Errorf("the link %s to %s reads %d bytes of the host", name, target, len(b))
		}
	}
	err := filepath.WalkDir(p.a.CacheDir(), func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && path != p.a.CacheDir() && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{harness.Secret} {
		if strings.Contains(p.a.Log(), secret) {
			t.Error("the log has the secret key")
		}
		argv, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.a.Pid()))
		if err != nil || bytes.Contains(argv, []byte(secret)) {
			t.Errorf("the command line has the secret key (%v)", err)
		}
	}
}
