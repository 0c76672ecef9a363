//go:build linux && !sandbox

package model

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sentient-agi/sentientfs/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

func TestModel(t *testing.T) {
	opts := harness.MountOptions{Args: []string{"--symlinks=all"}} // the plain folder follows every link
	a := harness.NewMount(t, opts)
	b := a
	if !harness.Plain() {
		opts.Server = a.Server
		b = harness.NewMount(t, opts)
	}
	plain := t.TempDir()
	var round atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		name := fmt.Sprintf("round-%d", round.Add(1))
		p := &pair{mount: a.Path(name), plain: filepath.Join(plain, name)}
		p.do(rt, "mkdir round", func(root string) (any, error) { return nil, os.Mkdir(root, 0o755) })
		rt.Repeat(p.actions())
		if err := a.Flush(); err != nil { // the close of an empty file that was never written does not wait for its PUT
			rt.Fatal(err)
		}
		if diff := cmp.Diff(tree(p.plain), tree(b.Path(name))); diff != "" {
			rt.Errorf("a second mount sees another tree (-plain +mount):\n%s", diff)
		}
	})
}
