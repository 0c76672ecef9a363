//go:build linux && !sandbox

package fsx

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/sentient-agi/sentientfs/test/harness"
)

var (
	seedFlag = flag.Uint64("fsx.seed", 0, "run this seed alone; 0 runs the usual ones")
	opsFlag  = flag.Int("fsx.ops", 0, "how many operations for each seed; 0 means 20,000 in all, or 2,000 with -short")
)

func TestMain(m *testing.M) { harness.Main(m) }

// TestFsx splits 20,000 operations over seeds with different sizes of files: one within a page or two, one within
// one part of an upload, and one that needs several parts.
func TestFsx(t *testing.T) {
	runs := []struct {
		seed    uint64
		maxSize int64 // bytes
		share   int   // percent of the operations
	}{{1, 20_000, 30}, {2, 256 << 10, 30}, {3, 256 << 10, 20}, {4, 3 << 20, 15}, {5, 20 << 20, 5}}
	total := 20_000
	if testing.Short() {
		total = 2_000
	}
	m := harness.NewMount(t, harness.MountOptions{})
	final := map[string][]byte{} // by name
	for _, r := range runs {
		if *seedFlag != 0 && *seedFlag != r.seed {
			continue
		}
		ops := total * r.share / 100
		if *opsFlag != 0 {
			ops = *opsFlag
		}
		t.Run(fmt.Sprintf("seed %d", r.seed), func(t *testing.T) {
			name := fmt.Sprintf("fsx-%d", r.seed)
			x := newExerciser(t, m.Path(name), r.seed, r.maxSize)
			for range ops {
				x.step()
			}
			want := x.finish()
			final[name] = want
			if m.Server == nil {
				return
			}
			if got, _ := m.Server.Get(t, name); !bytes.Equal(got, want) {
				t.Errorf("the object differs from the file: %s", difference(got, want))
			}
		})
	}
	m.Remount(t, true)
	for name, want := range final {
		if got, err := os.ReadFile(m.Path(name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s on a new mount: %v, %s", name, err, difference(got, want))
		}
	}
}
