//go:build linux && !sandbox

package cli

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sentient-agi/sentientfs/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// patience is for what hangs.
const patience = 2 * time.Minute

// A shell runs commands with a home, a cache and a log of its own, and knows one S3 server.
type shell struct {
	t      *testing.T
	server *harness.Server
	home   string
	env    []string
}

func newShell(t *testing.T) *shell {
	if harness.Plain() {
		t.Skip("mounts with command lines")
	}
	harness.NeedFUSE(t)
	s := &shell{t: t, server: harness.StartServer(t, harness.Versity), home: t.TempDir()}
	s.env = harness.Env(s.home, "SENTIENTFS_CACHE_DIR="+filepath.Join(s.home, "cache"), "SENTIENTFS_LOG_FILE="+filepath.Join(s.home, "log"))
	t.Cleanup(func() {
		if log, err := os.ReadFile(filepath.Join(s.home, "log")); err == nil && t.Failed() {
			t.Logf("the daemons' log:\n%s", log)
		}
	})
	return s
}

// A result is what a command came to.
type result struct {
	stdout, stderr string
	code           int
}

// run runs the binary under a name, which is a link to it.
func (s *shell) run(name string, args ...string) result {
	s.t.Helper()
	path := filepath.Join(s.home, name)
	if err := os.Symlink(harness.Binary(s.t), path); err != nil && !errors.Is(err, os.ErrExist) {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = s.env, s.home, &stdout, &stderr
	cmd.WaitDelay = 20 * time.Second
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		s.t.Errorf("%s %q: something it started holds its output open", name, args)
	} else if err != nil && cmd.ProcessState == nil {
		s.t.Fatal(err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// point makes a mount point, and unmounts it at the end of the test if that was not done.
func (s *shell) point() string {
	dir := s.t.TempDir()
	harness.Watch(dir)
	s.t.Cleanup(func() {
		if _, ok := harness.Mounted(dir); ok {
			_ = unix.Unmount(dir, unix.MNT_DETACH)
			_ = exec.Command("fusermount3", "-uz", dir).Run()
		}
		s.waitForDaemons(dir)
	})
	return dir
}

// daemons returns the processes of our binary that have dir in their command line.
func daemons(t *testing.T, dir string) []int {
	binary, err := filepath.EvalSymlinks(harness.Binary(t))
	if err != nil {
		t.Fatal(err)
	}
	entries, _ := os.ReadDir("/proc")
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		exe, _ := os.Readlink(filepath.Join("/proc", e.Name(), "exe"))
		line, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if exe == binary && slices.Contains(strings.Split(string(line), "\x00"), dir) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// waitForDaemons fails if a daemon of dir does not end by itself, and ends it.
func (s *shell) waitForDaemons(dir string) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		pids := daemons(s.t, dir)
		if len(pids) == 0 {
			return
		}
		if time.Now().After(deadline) {
			s.t.Errorf("the processes %v of %s go on", pids, dir)
			for _, pid := range pids {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
			return
		}
	}
}

// wantOK fails unless r is a success.
func (s *shell) wantOK(r result, what string) {
	s.t.Helper()
	if r.code != 0 {
		s.t.Fatalf("%s: code %d\n%s%s", what, r.code, r.stdout, r.stderr)
	}
}

// wantFailure fails unless r is the exit code with a sentence and a hint, and without a stack trace.
func wantFailure(t *testing.T, r result, code int) {
	t.Helper()
	if r.code != code {
		t.Errorf("code %d, want %d:\n%s%s", r.code, code, r.stdout, r.stderr)
	}
	lines := strings.Split(strings.TrimSpace(r.stderr), "\n")
	if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "sentientfs: ") }) ||
		!slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "hint: ") }) || len(lines) > 4 {
		t.Errorf("want a sentence and a hint:\n%s", r.stderr)
	}
	for _, bad := range []string{"goroutine ", "panic", harness.Secret} {
		if strings.Contains(r.stderr+r.stdout, bad) {
			t.Errorf("the output has %q in it:\n%s%s", bad, r.stdout, r.stderr)
		}
	}
}

// wantWorks writes and reads in a mount, and looks at the object.
func (s *shell) wantWorks(dir, key string) {
	s.t.Helper()
	name := filepath.Join(dir, "hello")
	if err := os.WriteFile(name, []byte("hello"), 0o644); err != nil {
		s.t.Fatal(err)
	}
	if got, err := os.ReadFile(name); string(got) != "hello" || err != nil {
		s.t.Fatalf("%q, %v", got, err)
	}
	if got, _ := s.server.Get(s.t, key); string(got) != "hello" {
		s.t.Fatalf("the object %s holds %q", key, got)
	}
}

// umount unmounts with our command and waits for the daemon to end.
func (s *shell) umount(dir string) {
	s.t.Helper()
	s.wantOK(s.run("sentientfs", "umount", dir), "umount")
	if m, ok := harness.Mounted(dir); ok {
		s.t.Errorf("still mounted: %+v", m)
	}
	s.waitForDaemons(dir)
}

func wantMount(t *testing.T, dir, kind, source string) {
	t.Helper()
	m, ok := harness.Mounted(dir)
	if !ok || m.Type != kind || m.Source != source {
		t.Fatalf("mounted: %v, %+v; want type %s, source %s", ok, m, kind, source)
	}
	for _, want := range []string{"nosuid", "nodev"} {
		if !slices.Contains(m.Options, want) {
			t.Errorf("mounted without %s: %v", want, m.Options)
		}
	}
}

func endpoint(s *shell) []string {
	return []string{"--endpoint", s.server.Endpoint, "--region", harness.Region}
}

func join(parts ...[]string) []string { return slices.Concat(parts...) }
