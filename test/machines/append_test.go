//go:build linux && !sandbox

package machines

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sentient-agi/sentientfs/test/harness"
)

// TestP4TwoAppends: two machines append to one file at the same time, a little and much, and both are there. One of
// them has read the file before, or has just failed to rename another one over it.
func TestP4TwoAppends(t *testing.T) {
	if harness.Plain() {
		t.Skip("two plain folders are no two machines")
	}
	s := harness.StartServer(t, harness.Fake)
	var m [2]*harness.Mount
	for i := range m {
		m[i] = harness.NewMount(t, harness.MountOptions{Server: s, Args: []string{"--stat-cache-ttl", "0s", "--type-cache-ttl", "0s"}})
	}
	for name, prelude := range map[string]func(path string){
		"nothing": func(string) {},
		"read":    func(path string) { _, _ = os.ReadFile(path) },
		"rename":  func(path string) { _ = os.Rename(path+"-is-not-there", path) },
	} {
		lost := 0
		for i := range rounds(t, 20, 40) {
			path := fmt.Sprintf("%s%d", name, i)
			if err := os.WriteFile(m[i%2].Path(path), []byte("base"), 0o644); err != nil {
				t.Fatal(err)
			}
			ops := [2]*op{{kind: appendTo, path: path, data: "<little>"}, {kind: appendTo, path: path, data: strings.Repeat("<much>", 300)}}
			var wg sync.WaitGroup
			for who, o := range ops {
				wg.Go(func() {
					if who == 0 {
						prelude(m[0].Path(path))
					}
					o.do(m[who].Dir, time.Now())
				})
			}
			wg.Wait()
			body, _ := s.Get(t, path)
			if got := string(body); got != "base"+ops[0].data+ops[1].data && got != "base"+ops[1].data+ops[0].data {
				lost++
				t.Errorf("%s: %s after\n%v\n%v", path, brief(got), ops[0], ops[1])
			}
		}
		t.Logf("%s before: %d lost", name, lost)
	}
}
