package content

import (
	"os"

	"golang.org/x/sys/unix"
)

// bootID changes with each boot of macOS.
func bootID() string {
	id, err := unix.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return ""
	}
	return id
}

// punch writes zeros: F_PUNCHHOLE takes whole blocks of APFS only, and a cut range must read as zeros to the byte. What
// is cut at the end of the file is given back by truncating.
func punch(f *os.File, off, n int64) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	if off >= size {
		return nil
	}
	if off+n >= size {
		if err := f.Truncate(off); err != nil {
			return err
		}
		return f.Truncate(size)
	}
	return zeroOut(f, off, n)
}
