//go:build linux && !sandbox

package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// Plain tells whether plain folders stand in for mounts.
func Plain() bool { return os.Getenv("SENTIENTFS_TEST_PLAIN") == "1" }

// started is what this process has started; Main looks through it at the end.
var started struct {
	mu     sync.Mutex
	mounts map[string]bool      // mount points
	procs  map[*exec.Cmd]string // processes that were not waited for, and their names
}

// Main runs the tests of a suite, and is all that its TestMain does. It fails a run that leaves mounts or processes.
func Main(m *testing.M) {
	if kind := os.Getenv(serverVar); kind != "" {
		os.Exit(serve(Kind(kind)))
	}
	started.mounts, started.procs = map[string]bool{}, map[*exec.Cmd]string{}
	code := m.Run()
	if left := leftovers(); len(left) > 0 && code == 0 {
		fmt.Fprintf(os.Stderr, "harness: the tests left behind: %q\n", left)
		code = 1
	}
	os.Exit(code)
}

func leftovers() []string {
	started.mu.Lock()
	defer started.mu.Unlock()
	var left []string
	for dir := range started.mounts {
		if _, ok := Mounted(dir); ok {
			left = append(left, "mount "+dir)
		}
	}
	for _, name := range started.procs {
		left = append(left, "process "+name)
	}
	return left
}

// Watch makes Main look whether dir is still mounted at the end. Tests that mount by themselves call it.
func Watch(dir string) {
	started.mu.Lock()
	defer started.mu.Unlock()
	started.mounts[dir] = true
}

// startProc starts cmd and returns a channel that is closed when it has ended and been waited for.
func startProc(cmd *exec.Cmd, name string) (<-chan struct{}, error) {
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	started.mu.Lock()
	started.procs[cmd] = fmt.Sprintf("%s (%d)", name, cmd.Process.Pid)
	started.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // cmd.ProcessState tells the rest
		started.mu.Lock()
		delete(started.procs, cmd)
		started.mu.Unlock()
		close(ended)
	}()
	return ended, nil
}

var binary struct {
	once sync.Once
	path string
	err  error
}

// Binary returns the path of the sentientfs binary: $SENTIENTFS_BIN, else what `go build` makes of this module. It is
// kept in the user's cache folder, where an unchanged one is not linked again.
func Binary(t testing.TB) string {
	t.Helper()
	binary.once.Do(func() {
		if binary.path = os.Getenv("SENTIENTFS_BIN"); binary.path == "" {
			binary.path, binary.err = build()
		}
	})
	if binary.err != nil {
		t.Fatal(binary.err)
	}
	return binary.path
}

func build() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "sentientfs-test")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	path, args := filepath.Join(dir, "sentientfs"), []string{"build"}
	if raced {
		path, args = path+"-race", append(args, "-race")
	}
	unlock, err := lock(path + ".lock") // suites run at the same time
	if err != nil {
		return "", err
	}
	defer unlock()
	cmd := exec.Command("go", append(args, "-o", path, "github.com/sentient-agi/sentientfs/cmd/sentientfs")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("harness: cannot build sentientfs: %w\n%s", err, out)
	}
	return path, nil
}
