//go:build linux && !sandbox

package posix

import (
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/hanwen/go-fuse/v2/posixtest"

	"github.com/sentient-agi/sentientfs/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// left says why a test of the list is not run.
var left = map[string]string{
	"Link":                "hard links: link() is EPERM, since an object has one key",
	"LinkUnlinkRename":    "hard links",
	"FcntlFlockLocksFile": "fails on ext4: it looks for the flock of go-fuse's loopback under its fcntl lock",
	"OpenSymlinkRace":     "fails on ext4: it attacks a server that follows links in its backing folder, and ours has none",
}

func TestPosix(t *testing.T) {
	m := harness.NewMount(t, harness.MountOptions{Args: []string{"--symlinks=all"}}) // one test reads an absolute link
	for _, name := range slices.Sorted(maps.Keys(posixtest.All)) {
		t.Run(name, func(t *testing.T) {
			if why := left[name]; why != "" {
				t.Skip(why)
			}
			dir := m.Path(name)
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			posixtest.All[name](t, dir)
		})
	}
}
