package main

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// dup2 is dup3(2): arm64 has no other.
func dup2(from, to int) error { return unix.Dup3(from, to, 0) }

// childAttr sets a process apart from the terminal's signals; it is told to stop when its parent thread dies.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

// checkDevice tells whether the kernel has FUSE.
func checkDevice() error {
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err == nil {
		return unix.Close(fd)
	}
	switch err {
	case unix.ENOENT, unix.ENODEV, unix.ENXIO:
		return fail(codeFUSE, "run modprobe fuse; in a container add --device /dev/fuse --cap-add SYS_ADMIN",
			"cannot use FUSE: there is no /dev/fuse")
	case unix.EACCES, unix.EPERM:
		return fail(codeFUSE, "run as root, or let this user read and write /dev/fuse (in a container add --device /dev/fuse)",
			"cannot use FUSE: /dev/fuse: %v", err)
	}
	return fail(codeFUSE, "", "cannot use FUSE: /dev/fuse: %v", err)
}

const installFUSE = "install fuse3 (apt install fuse3, dnf install fuse3, apk add fuse3), or run as root"
