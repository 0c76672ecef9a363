package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// CheckMountPoint looks at the folder where the mount is to appear, makes MountPoint absolute, and adds what is wrong
// to Problems. It must not be asked about a folder on which a mount of this process is served.
func (c *Config) CheckMountPoint() {
	if c.MountPoint == "" {
		return
	}
	abs, err := filepath.Abs(c.MountPoint)
	if err != nil {
		c.mountProblem("its path cannot be made absolute: "+reason(err), "write the whole path")
		return
	}
	c.MountPoint = abs
	info, err := os.Lstat(abs)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.mountProblem("it is not there", "mkdir -p "+abs)
	case errors.Is(err, syscall.ENOTCONN):
		c.mountProblem("a mount whose program died is still on it", "sentientfs umount "+abs)
	case err != nil:
		c.mountProblem(reason(err), "give a folder that you own")
	case info.Mode()&fs.ModeSymlink != 0:
		hint := "give the folder itself"
		if target, err := filepath.EvalSymlinks(abs); err == nil {
			hint += ": " + target
		}
		c.mountProblem("it is a symbolic link", hint)
	case !info.IsDir():
		c.mountProblem("it is a file", "give a folder")
	default:
		c.checkContents(abs)
	}
}

func (c *Config) checkContents(dir string) {
	d, err := os.Open(dir)
	if err != nil {
		c.mountProblem(reason(err), "give a folder that you own")
		return
	}
	defer d.Close()
	names, _ := d.Readdirnames(1)
	if len(names) > 0 && !c.NonEmpty {
		c.mountProblem("it is not empty, and the mount would hide what is there",
			"give an empty folder, or add -o nonempty")
	}
}

func (c *Config) mountProblem(why, hint string) {
	c.problem(Problem{Mount: true, Hint: hint, What: fmt.Sprintf("cannot mount on %s: %s", c.MountPoint, why)})
}
