package fs

import (
	"os/exec"
	"syscall"
)

// detach is umount -l, by fusermount3 for those who are not root.
func detach(dir string) error {
	if err := syscall.Unmount(dir, syscall.MNT_DETACH); err == nil {
		return nil
	}
	return exec.Command("fusermount3", "-uz", dir).Run()
}
