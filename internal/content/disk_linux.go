package content

import (
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// bootID changes with each boot (proc(5), /proc/sys/kernel/random/boot_id) and not when a virtual machine is paused.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// punch frees a range; where the file system has no holes it writes zeros, which frees nothing but reads the same.
func punch(f *os.File, off, n int64) error {
	err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n)
	if err == syscall.EOPNOTSUPP || err == syscall.ENOSYS {
		return zeroInside(f, off, n)
	}
	return err
}

// zeroInside keeps the size as punching does.
func zeroInside(f *os.File, off, n int64) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return zeroOut(f, off, min(n, info.Size()-off))
}
