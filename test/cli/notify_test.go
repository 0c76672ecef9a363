//go:build linux && !sandbox

package cli

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sentient-agi/sentientfs/test/harness"
)

// A service manager is told when the mount answers, and when it begins to end.
func TestNotifySystemd(t *testing.T) {
	if harness.Plain() {
		t.Skip("no daemon")
	}
	path := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	next := func(want string) {
		t.Helper()
		for buf := make([]byte, 4096); ; {
			n, err := l.Read(buf)
			if err != nil {
				t.Fatalf("no %s: %v", want, err)
			}
			lines := strings.Split(string(buf[:n]), "\n")
			for _, line := range lines {
				if line == want && strings.Contains(string(buf[:n]), "STATUS=") {
					return
				}
			}
		}
	}
	m := harness.NewMount(t, harness.MountOptions{Env: []string{"NOTIFY_SOCKET=" + path}})
	next("READY=1")
	m.Unmount(t)
	next("STOPPING=1")
}
