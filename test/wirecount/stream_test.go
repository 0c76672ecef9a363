//go:build linux && !sandbox

package wirecount

import (
	"testing"

	"github.com/sentient-agi/sentientfs/test/harness"
)

// A large file goes once over the wire, by a program that makes the name anew, by one that makes it with O_EXCL, and by
// one that keeps its time: only a time that was set takes a copy at the end.
func TestLargeFilesAreSentOnce(t *testing.T) {
	server := harness.StartServer(t, harness.Fake)
	proxy := harness.NewProxy(t, server)
	m := harness.NewMount(t, harness.MountOptions{Server: server, Endpoint: proxy.Endpoint})
	for name, script := range map[string]string{
		"dd":           `dd if=/dev/zero of=$M/dd bs=1M count=28 status=none`,
		"cp":           `head -c 28M /dev/zero > $TMPDIR/big; cp $TMPDIR/big $M/cp`,
		"redirection":  `head -c 28M /dev/zero > $M/shell`,
		"mode changed": `head -c 28M /dev/zero > $M/mode; chmod 600 $M/mode`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			proxy.Reset()
			sh(t, m, script)
			proxy.Settle(t)
			got := proxy.Counts()
			copies := 0
			if name == "mode changed" { // after the close: a change of metadata, on a server whose copies take no condition
				copies = 1
			}
			if got["PART"] != 4 || got["COMPLETE"] != 1+copies || got["CREATE"] != 1+copies || got["PARTCOPY"] != copies {
				t.Errorf("28 MiB took %v, want one upload of 4 parts", got)
			}
		})
	}
}
