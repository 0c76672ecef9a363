package fs

import "os/exec"

// detach is a forced unmount: macOS has no lazy one.
func detach(dir string) error { return exec.Command("umount", "-f", dir).Run() }
