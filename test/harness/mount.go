//go:build linux && !sandbox

package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long the harness waits for a mount to come or go. It is far above what a busy machine needs: only
// a daemon that hangs takes so long.
const patience = 2 * time.Minute

// mountedLine is in the daemon's log when the mount answers.
const mountedLine = "msg=mounted "

// MountOptions say what is mounted, and how.
type MountOptions struct {
	Server   *Server  // nil starts one of Kind Versity
	Endpoint string   // of a Proxy; "" means the server itself
	Prefix   string   // mount Bucket:Prefix
	Args     []string // more flags
	Env      []string // more variables, NAME=VALUE
	Dir      string   // the mount point; "" makes one
	CacheDir string   // "" makes one
}

// A Mount is a mounted bucket, served by a daemon in a process of its own. In plain mode it is a plain folder.
type Mount struct {
	Dir    string
	Server *Server
	opts   MountOptions
	home   string // of the daemon: its HOME and working directory, so that no .env of the user's is read
	log    string // file
	cmd    *exec.Cmd
	ended  <-chan struct{}
}

// NewMount mounts and returns when the mount is there. It is unmounted when the test ends.
func NewMount(t testing.TB, opts MountOptions) *Mount {
	t.Helper()
	m := &Mount{Dir: opts.Dir, opts: opts}
	if m.Dir == "" {
		m.Dir = t.TempDir()
	}
	if Plain() {
		return m
	}
	NeedFUSE(t)
	if m.Server = opts.Server; m.Server == nil {
		m.Server = StartServer(t, Versity)
	}
	if m.opts.CacheDir == "" {
		m.opts.CacheDir = t.TempDir()
	}
	m.home = t.TempDir()
	m.log = filepath.Join(m.home, "log")
	m.Start(t)
	t.Cleanup(func() {
		m.Unmount(t)
		if t.Failed() {
			t.Logf("the daemon's log:\n%s", tail(m.Log(), 100))
		}
	})
	return m
}

// NeedFUSE skips a test where there is no FUSE.
func NeedFUSE(t testing.TB) {
	t.Helper()
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skip("no /dev/fuse here")
	}
}

// Start mounts again what was unmounted or killed, with the same folders.
func (m *Mount) Start(t testing.TB) {
	t.Helper()
	if Plain() {
		return
	}
	log, err := os.OpenFile(m.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	before := strings.Count(m.Log(), mountedLine)
	m.cmd = exec.Command(Binary(t), m.argv()...)
	m.cmd.Dir, m.cmd.Env = m.home, Env(m.home, m.opts.Env...)
	m.cmd.Stdout, m.cmd.Stderr = log, log
	Watch(m.Dir)
	if m.ended, err = startProc(m.cmd, "mount of "+m.Dir); err != nil {
		t.Fatal(err)
	}
	// The kernel has the mount before the daemon knows that it has: an unmount in between would look like a failure.
	up := func() bool {
		_, ok := Mounted(m.Dir)
		return ok && strings.Count(m.Log(), mountedLine) > before
	}
	if !m.await(up) {
		m.giveUp()
		t.Fatalf("sentientfs %q did not mount:\n%s", m.argv(), tail(m.Log(), 100))
	}
}

func (m *Mount) argv() []string {
	endpoint := m.opts.Endpoint
	if endpoint == "" {
		endpoint = m.Server.Endpoint
	}
	bucket := Bucket
	if m.opts.Prefix != "" {
		bucket += ":" + m.opts.Prefix
	}
	argv := []string{"mount", "-f", "--endpoint", endpoint, "--region", Region, "--cache-dir", m.opts.CacheDir}
	return append(append(argv, m.opts.Args...), bucket, m.Dir)
}

// Env is the environment of a process under test: nothing of the caller's but what finds programs, the keys of the
// harness's servers, and more.
func Env(home string, more ...string) []string {
	env := []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(), "LANG=C.UTF-8",
		"AWS_ACCESS_KEY_ID=" + KeyID, "AWS_SECRET_ACCESS_KEY=" + Secret, "AWS_EC2_METADATA_DISABLED=true"}
	if raced {
		env = append(env, "GORACE=halt_on_error=1")
	}
	return append(env, more...)
}

// await waits until ok holds, the daemon ends or patience does.
func (m *Mount) await(ok func() bool) bool {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if ok() {
			return true
		}
		select {
		case <-m.ended:
			return ok()
		case <-time.After(5 * time.Millisecond):
		}
	}
	return false
}

// Pid is the daemon's, 0 in plain mode.
func (m *Mount) Pid() int {
	if m.cmd == nil {
		return 0
	}
	return m.cmd.Process.Pid
}

// CacheDir is the daemon's --cache-dir.
func (m *Mount) CacheDir() string { return m.opts.CacheDir }

// Log is what the daemon has written so far.
func (m *Mount) Log() string {
	text, _ := os.ReadFile(m.log)
	return string(text)
}

// Path returns a path in the mount.
func (m *Mount) Path(names ...string) string {
	return filepath.Join(append([]string{m.Dir}, names...)...)
}

// Unmount unmounts and waits for the daemon to end, which must be without an error. It may be unmounted already.
func (m *Mount) Unmount(t testing.TB) {
	t.Helper()
	if Plain() || m.gone() {
		return
	}
	var err error
	unmounted := m.await(func() bool { // EBUSY: a process that has just ended may hold a file for a moment
		err = unmount(m.Dir)
		return err == nil
	})
	if !unmounted || !m.await(m.gone) {
		_ = m.cmd.Process.Signal(syscall.SIGQUIT) // the goroutines go to the log
		m.await(m.gone)
		m.giveUp()
		t.Errorf("unmounting %s: %v; the daemon's log:\n%s", m.Dir, err, tail(m.Log(), 400))
		return
	}
	if code := m.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("the daemon ended with code %d:\n%s", code, tail(m.Log(), 100))
	}
}

func unmount(dir string) error {
	if os.Getuid() == 0 {
		return unix.Unmount(dir, 0)
	}
	if out, err := exec.Command("fusermount3", "-u", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// gone tells whether the daemon has ended.
func (m *Mount) gone() bool {
	select {
	case <-m.ended:
		return true
	default:
		return m.cmd == nil
	}
}

// Flush waits until everything that was written is in the bucket.
func (m *Mount) Flush() error {
	if Plain() {
		return nil
	}
	cmd := exec.Command(m.cmd.Path, "flush", m.Dir)
	cmd.Dir, cmd.Env = m.home, Env(m.home, m.opts.Env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("sentientfs flush: %w: %s", err, out)
	}
	return nil
}

// Kill ends the daemon with SIGKILL, waits for it, and removes the dead mount.
func (m *Mount) Kill(t testing.TB) {
	t.Helper()
	if Plain() {
		return
	}
	if err := m.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	<-m.ended
	m.giveUp()
}

// giveUp ends what is left of the mount.
func (m *Mount) giveUp() {
	_ = m.cmd.Process.Kill()
	<-m.ended
	if _, ok := Mounted(m.Dir); !ok {
		return
	}
	if os.Getuid() == 0 {
		_ = unix.Unmount(m.Dir, unix.MNT_DETACH)
		return
	}
	_ = exec.Command("fusermount3", "-uz", m.Dir).Run()
}

// Remount unmounts and mounts again, with an empty cache folder if fresh: what another machine would see.
func (m *Mount) Remount(t testing.TB, fresh bool) {
	t.Helper()
	m.Unmount(t)
	if fresh && !Plain() {
		m.opts.CacheDir = t.TempDir()
	}
	m.Start(t)
}

// tail returns the last n lines of text.
func tail(text string, n int) string {
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "")
}
