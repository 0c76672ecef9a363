//go:build linux && !sandbox

package bounds

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sentient-agi/sentientfs/test/harness"
	"github.com/sentient-agi/sentientfs/test/wirefaults/front"
)

func TestMain(m *testing.M) { harness.Main(m) }

// What --memory-limit 64M promises of resident memory, in KiB.
const maxRSS = 128 << 10

// size returns the value of a variable, else short or long.
func size(variable string, short, long int) int {
	if n, err := strconv.Atoi(os.Getenv(variable)); err == nil {
		return n
	}
	if testing.Short() {
		return short
	}
	return long
}

// peak is the most resident memory that the daemon has had, in KiB.
func peak(t *testing.T, m *harness.Mount) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", m.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("no VmHWM")
	return 0
}

func wantPeak(t *testing.T, m *harness.Mount) int {
	t.Helper()
	kib := peak(t, m)
	if kib > maxRSS {
		t.Errorf("the daemon had %d MiB of resident memory, at most %d are promised", kib>>10, maxRSS>>10)
	}
	return kib
}

func needMount(t *testing.T) {
	t.Helper()
	if harness.Plain() {
		t.Skip("a plain folder has no daemon")
	}
}

// TestP8MemoryOfAListing: ls -l of a folder of any size stays in the memory that was given.
func TestP8MemoryOfAListing(t *testing.T) {
	needMount(t)
	t.Parallel()
	n := size("SENTIENTFS_BOUNDS_NAMES", 20_000, 100_000)
	s := harness.StartServer(t, harness.Fake)
	f := front.New(t, s)
	f.Use(many(n))
	m := harness.NewMount(t, harness.MountOptions{Server: s, Endpoint: f.Endpoint, Args: []string{"--memory-limit", "64M"}})
	for _, args := range [][]string{{"-l", "--color=never"}, {"-f"}} {
		out, err := exec.Command("ls", append(args, m.Path("many"))...).Output()
		if err != nil {
			t.Fatalf("ls %q: %v", args, err)
		}
		if lines := bytes.Count(out, []byte("n0")); lines != n {
			t.Errorf("ls %q shows %d names, want %d", args, lines, n)
		}
	}
	fmt.Printf("figure: bounds: ls -l of %d names with --memory-limit 64M: peak %d MiB of 128, %d requests\n", n, wantPeak(t, m)>>10, f.Requests())
}

// TestP8DiskOfALargeFile: a file much larger than --cache-size goes through it, and the disk has never more than that
// and one part.
func TestP8DiskOfALargeFile(t *testing.T) {
	needMount(t)
	t.Parallel()
	mibs := size("SENTIENTFS_BOUNDS_GIB", 0, 3) << 10
	if mibs == 0 {
		mibs = 512
	}
	const cache, part, slack = 128 << 20, 8 << 20, 2 << 20 // slack: the journal and the folders
	s := harness.StartServer(t, harness.Fake)
	f := front.New(t, s)
	k := &sink{parts: map[int]int64{}, done: -1}
	f.Use(k.hook)
	m := harness.NewMount(t, harness.MountOptions{Server: s, Endpoint: f.Endpoint,
		Args: []string{"--memory-limit", "64M", "--cache-size", strconv.Itoa(cache)}})
	stop, most := make(chan struct{}), make(chan int64)
	go func() {
		var top int64
		for {
			top = max(top, usage(m.CacheDir()))
			select {
			case <-stop:
				most <- top
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	out, err := os.Create(m.Path("sink"))
	zeros := make([]byte, 1<<20)
	for i := 0; i < mibs && err == nil; i++ {
		_, err = out.Write(zeros)
	}
	t.Logf("completed before close: %d", k.early)
	if err = errors.Join(err, out.Close()); err != nil {
		t.Errorf("writing %d MiB through %d MiB of disk: %v", mibs, cache>>20, err)
	}
	close(stop)
	top := <-most
	if k.done != int64(mibs)<<20 && err == nil {
		t.Errorf("the bucket got %d bytes, want %d", k.done, int64(mibs)<<20)
	}
	if top > cache+part+slack {
		t.Errorf("the cache folder had %d MiB, at most %d and a part are allowed", top>>20, cache>>20)
	}
	fmt.Printf("figure: bounds: %d MiB written through --cache-size 128 MiB: at most %d MiB of disk, peak %d MiB of memory\n",
		mibs, top>>20, wantPeak(t, m)>>10)
}

// usage is what a folder takes of the disk, in bytes.
func usage(dir string) (sum int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // it went while we looked
		}
		if info, err := d.Info(); err == nil {
			if st, ok := info.Sys().(*syscall.Stat_t); ok && info.Mode().IsRegular() {
				sum += st.Blocks * 512
			}
		}
		return nil
	})
	return sum
}

// TestP8DiskOfWhatIsRead: what is read does not fill the disk either, and is right.
func TestP8DiskOfWhatIsRead(t *testing.T) {
	needMount(t)
	t.Parallel()
	const cache = 64 << 20
	s := harness.StartServer(t, harness.Fake)
	m := harness.NewMount(t, harness.MountOptions{Server: s, Args: []string{"--memory-limit", "64M", "--cache-size", strconv.Itoa(cache)}})
	for i := range 8 {
		s.Put(t, fmt.Sprintf("f%d", i), bytes.Repeat([]byte{byte('a' + i)}, 20<<20), nil)
	}
	var top int64
	for round := range 2 {
		for i := range 8 {
			b, err := os.ReadFile(m.Path(fmt.Sprintf("f%d", i)))
			if err != nil || len(b) != 20<<20 || bytes.Count(b, []byte{byte('a' + i)}) != len(b) {
				t.Errorf("round %d: f%d has %d bytes, %v", round, i, len(b), err)
			}
			top = max(top, usage(m.CacheDir()))
		}
	}
	if top > cache+(8<<20)+(2<<20) {
		t.Errorf("the cache folder had %d MiB, at most %d and a part are allowed", top>>20, cache>>20)
	}
	fmt.Printf("figure: bounds: 320 MiB read through --cache-size 64 MiB: at most %d MiB of disk, peak %d MiB of memory\n", top>>20, wantPeak(t, m)>>10)
}

// TestP8DeadServer: a server that never answers costs an error, and the mount ends.
func TestP8DeadServer(t *testing.T) {
	needMount(t)
	t.Parallel()
	s := harness.StartServer(t, harness.Fake)
	s.Put(t, "f", []byte("text"), nil)
	p := harness.NewProxy(t, s)
	m := harness.NewMount(t, harness.MountOptions{Server: s, Endpoint: p.Endpoint,
		Args: []string{"--http-timeout", "500ms", "--unmount-timeout", "2s"}})
	p.Inject(&harness.Fault{Stall: true})
	for name, op := range map[string]func() error{
		"stat":  func() error { _, err := os.Stat(m.Path("g")); return err },
		"open":  func() error { _, err := os.ReadFile(m.Path("f")); return err },
		"list":  func() error { _, err := os.ReadDir(m.Dir); return err },
		"mkdir": func() error { return os.Mkdir(m.Path("d"), 0o755) },
	} {
		done := make(chan error, 1)
		go func() { done <- op() }()
		select {
		case err := <-done:
			if !errors.Is(err, syscall.EIO) && !errors.Is(err, syscall.ETIMEDOUT) {
				t.Errorf("%s: %v, want EIO", name, err)
			}
		case <-time.After(3 * time.Minute):
			t.Fatalf("%s waits for ever", name)
		}
	}
	m.Unmount(t)
	p.Heal()
}

// TestP8LockedCacheFolder: a cache folder that is in use is refused with a code of its own.
func TestP8LockedCacheFolder(t *testing.T) {
	needMount(t)
	t.Parallel()
	const codeCache = 10
	m := harness.NewMount(t, harness.MountOptions{})
	m.Unmount(t)
	locks, err := filepath.Glob(filepath.Join(m.CacheDir(), "*", "*", "lock"))
	if err != nil || len(locks) != 1 {
		t.Fatalf("lock files: %q, %v", locks, err)
	}
	f, err := os.OpenFile(locks[0], os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	home := t.TempDir()
	cmd := exec.CommandContext(ctx, harness.Binary(t), "mount", "-f", "--endpoint", m.Server.Endpoint, "--region", harness.Region,
		"--cache-dir", m.CacheDir(), harness.Bucket, m.Dir)
	cmd.Dir, cmd.Env = home, harness.Env(home)
	harness.Watch(m.Dir)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != codeCache {
		t.Errorf("%v, want exit code %d:\n%s", err, codeCache, out)
	}
	if !bytes.Contains(out, []byte("cache folder")) {
		t.Errorf("it says nothing of the cache folder:\n%s", out)
	}
}
