//go:build linux && !sandbox

package machines

import (
	"os"
	"strings"
	"testing"

	"github.com/sentient-agi/sentientfs/test/harness"
)

// TestP3AppendBehindAReplacement: a machine whose append went behind another version than the one that it had open
// reads that version, not the old bytes that its kernel knew.
func TestP3AppendBehindAReplacement(t *testing.T) {
	if harness.Plain() {
		t.Skip("two plain folders are no two machines")
	}
	s := harness.StartServer(t, harness.Fake)
	var m [2]*harness.Mount
	for i := range m {
		m[i] = harness.NewMount(t, harness.MountOptions{Server: s})
	}
	for name, replacement := range map[string]string{"shorter": "short\n", "longer": strings.Repeat("longer\n", 2000),
		"removed": ""} {
		if err := os.WriteFile(m[1].Path(name), []byte(strings.Repeat("old\n", 2500)), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := os.ReadFile(m[1].Path(name)); err != nil { // the kernel has its pages now
			t.Fatal(err)
		}
		f, err := os.OpenFile(m[1].Path(name), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString("tail\n"); err != nil {
			t.Fatal(err)
		}
		if replacement == "" {
			err = os.Remove(m[0].Path(name))
		} else {
			err = os.WriteFile(m[0].Path(name), []byte(replacement), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatalf("%s: close of an append: %v", name, err)
		}
		for who := range m {
			if got, err := os.ReadFile(m[who].Path(name)); err != nil || string(got) != replacement+"tail\n" {
				t.Errorf("%s: machine %d reads %s, %v; want %s", name, who, brief(string(got)), err, brief(replacement+"tail\n"))
			}
		}
	}
}
