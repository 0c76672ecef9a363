//go:build !sandbox

package bench

import (
	"os"

	"golang.org/x/sys/unix"
)

// macOS has no /proc: what a daemon needs is not measured there.

func cpuOf(int) float64  { return 0 }
func resident(int) int64 { return 0 }
func memoryMB() int {
	n, err := unix.SysctlUint64("hw.memsize")
	if err != nil {
		return 0
	}
	return int(n >> 20)
}

func cpuName() string {
	name, err := unix.Sysctl("machdep.cpu.brand_string")
	if err != nil {
		return "unknown"
	}
	return name
}

// forget writes a file to the disk. Its pages stay in the cache, so that cold rows of the local disk are warm.
func forget(f *os.File) error { return f.Sync() }
