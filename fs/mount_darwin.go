package fs

import "os/exec"

// directFlags has nothing: macFUSE's helper mounts, and takes words.
var directFlags map[string]uintptr

// detach is a forced unmount: macOS has no lazy one.
func detach(dir string) error { return exec.Command("umount", "-f", dir).Run() }
