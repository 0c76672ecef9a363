//go:build linux && !sandbox

package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sentient-agi/sentientfs/test/harness"
)

// TestGoofys: goofys' own command lines, in its dialect, under its name.
func TestGoofys(t *testing.T) {
	s := newShell(t)
	for name, flags := range map[string][]string{
		"the guide's": {"--stat-cache-ttl", "1s", "--type-cache-ttl", "1s", "--region", "us-east-1", "--endpoint", s.server.Endpoint},
		"one dash, =": {"-stat-cache-ttl=1s", "-type-cache-ttl=1s", "-region=us-east-1", "-endpoint=" + s.server.Endpoint,
			"-cheap", "-no-implicit-dir", "-max-idle-handles=100", "-storage-class=STANDARD", "-http-timeout=30s"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &shell{t: t, server: s.server, home: s.home, env: s.env}
			dir, source := s.point(), harness.Bucket+":"+strings.Fields(name)[0]
			s.wantOK(s.run("goofys", join(flags, []string{source, dir})...), "goofys")
			wantMount(t, dir, "fuse.goofys", source)
			s.wantWorks(dir, strings.Fields(name)[0]+"/hello")
			s.umount(dir)
		})
	}
}

// TestROMA: the flags of ROMA-DSPy's start script. What one user makes the others can change.
func TestROMA(t *testing.T) {
	s := newShell(t)
	dir := s.point()
	args := []string{"--stat-cache-ttl", "1s", "--type-cache-ttl", "1s", "--dir-mode", "0777", "--file-mode", "0666"}
	if os.Getuid() == 0 {
		args = append(args, "-o", "allow_other")
	}
	s.wantOK(s.run("goofys", join(args, endpoint(s), []string{harness.Bucket, dir})...), "goofys")
	wantMount(t, dir, "fuse.goofys", harness.Bucket)
	s.wantWorks(dir, "hello")
	if err := os.MkdirAll(filepath.Join(dir, "executions/id/artifacts"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{"hello": 0o666, "executions/id": os.ModeDir | 0o777} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v; want %v", name, info.Mode(), err, want)
		}
	}
	if os.Getuid() == 0 {
		if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // of the test's own folder
			t.Fatal(err)
		}
		cmd := exec.Command("sh", "-c", `echo theirs >>"$1/hello" && echo new >"$1/executions/id/artifacts/new"`, "sh", dir)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("another user: %v\n%s", err, out)
		}
	}
	s.umount(dir)
}

// TestFstab: what mount(8) runs for a line of fstab, by both names of the helper.
func TestFstab(t *testing.T) {
	s := newShell(t)
	options := "rw,_netdev,nofail,--stat-cache-ttl=1s,--region=us-east-1,--endpoint=" + s.server.Endpoint
	if os.Getuid() == 0 {
		options += ",allow_other"
	}
	for _, helper := range []string{"mount.sentientfs", "mount.fuse.sentientfs"} {
		t.Run(helper, func(t *testing.T) {
			s := &shell{t: t, server: s.server, home: s.home, env: s.env}
			dir := s.point()
			s.wantOK(s.run(helper, harness.Bucket, dir, "-o", options), helper)
			wantMount(t, dir, "fuse.sentientfs", harness.Bucket)
			s.wantWorks(dir, "hello")
			s.umount(dir)
		})
	}
}

// TestEnvironment: no arguments at all, everything from variables or from a .env file.
func TestEnvironment(t *testing.T) {
	s := newShell(t)
	dir := s.point()
	text := "ROMA_S3_BUCKET=" + harness.Bucket + "\nSTORAGE_BASE_PATH=" + dir + "\nAWS_REGION=us-east-1\nAWS_ENDPOINT_URL_S3=" +
		s.server.Endpoint + " # ours\n"
	if err := os.WriteFile(filepath.Join(s.home, ".env"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.wantOK(s.run("sentientfs", "mount"), "mount")
	wantMount(t, dir, "fuse.sentientfs", harness.Bucket)
	s.wantWorks(dir, "hello")
	wantFailure(t, s.run("sentientfs", "mount"), 9)
	s.wantOK(s.run("sentientfs", "umount"), "umount without arguments")
	wantFailure(t, s.run("sentientfs", "umount", dir), 12)
}

// TestReadOnly: a mount that refuses every change.
func TestReadOnly(t *testing.T) {
	s := newShell(t)
	s.server.Put(t, "there", []byte("text"), nil)
	for _, flag := range [][]string{{"--read-only"}, {"-o", "ro"}} {
		dir := s.point()
		s.wantOK(s.run("sentientfs", join([]string{"mount"}, flag, endpoint(s), []string{harness.Bucket, dir})...), "mount")
		if got, err := os.ReadFile(filepath.Join(dir, "there")); string(got) != "text" || err != nil {
			t.Errorf("%q: %q, %v", flag, got, err)
		}
		if err := os.WriteFile(filepath.Join(dir, "new"), nil, 0o644); err == nil {
			t.Errorf("%q: a file was made", flag)
		}
		s.umount(dir)
	}
}

// TestKilledDaemon: the corpse of a mount is cleared by the next mount, and what was written is there.
func TestKilledDaemon(t *testing.T) {
	s := newShell(t)
	dir := s.point()
	args := join([]string{"mount"}, endpoint(s), []string{harness.Bucket, dir})
	s.wantOK(s.run("sentientfs", args...), "mount")
	s.wantWorks(dir, "hello")
	pids := daemons(t, dir)
	if len(pids) != 1 {
		t.Fatalf("%d daemons", len(pids))
	}
	if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.waitForDaemons(dir)
	s.wantOK(s.run("sentientfs", args...), "mount over the corpse")
	if got, err := os.ReadFile(filepath.Join(dir, "hello")); string(got) != "hello" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	s.umount(dir)
}

// TestBusy: umount refuses while a file is open, and goes on to work.
func TestBusy(t *testing.T) {
	s := newShell(t)
	dir := s.point()
	s.wantOK(s.run("sentientfs", join([]string{"mount"}, endpoint(s), []string{harness.Bucket, dir})...), "mount")
	f, err := os.Create(filepath.Join(dir, "open"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	wantFailure(t, s.run("sentientfs", "umount", dir), 13)
	if _, err := f.WriteString("goes on"); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	s.umount(dir)
	if got, _ := s.server.Get(t, "open"); string(got) != "goes on" {
		t.Errorf("%q", got)
	}
}

// TestDemoCheck: the demo as the README has it.
func TestDemoCheck(t *testing.T) {
	s := newShell(t)
	dir := s.point()
	s.wantOK(s.run("sentientfs", "demo", "--check", "--dir", filepath.Join(s.home, "demo"), dir), "demo --check")
	if m, ok := harness.Mounted(dir); ok {
		t.Errorf("still mounted: %+v", m)
	}
}
