//go:build linux && !sandbox

package harness

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// MountLine is what the kernel tells of a mount.
type MountLine struct {
	Dir, Type, Source string
	Options           []string // of the mount and of its filesystem
}

// unescape undoes what the kernel does to names in mountinfo.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// Mounted returns what is mounted at dir, the topmost if there are several, and whether anything is. It asks the
// kernel's table: a stat of a mount whose daemon is dead may wait for ever, and may succeed as well.
func Mounted(dir string) (MountLine, bool) {
	if real, err := filepath.EvalSymlinks(filepath.Dir(dir)); err == nil {
		dir = filepath.Join(real, filepath.Base(dir))
	}
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return MountLine{}, false
	}
	var found MountLine
	for line := range strings.Lines(string(table)) {
		// 36 35 98:0 /root /dir rw,noatime master:1 - fuse.x source rw,user_id=0
		front, back, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
		f, b := strings.Fields(front), strings.SplitN(back, " ", 3)
		if len(f) < 6 || len(b) < 3 || unescape.Replace(f[4]) != dir {
			continue
		}
		found = MountLine{Dir: dir, Type: b[0], Source: unescape.Replace(b[1]),
			Options: append(strings.Split(f[5], ","), strings.Split(b[2], ",")...)}
	}
	return found, found.Dir != ""
}

// lock takes the lock file name, for as long as it needs, and returns what gives it back.
func lock(name string) (func(), error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}
