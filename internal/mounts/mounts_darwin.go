package mounts

import (
	"golang.org/x/sys/unix"
)

// List asks getfsstat(2) without waiting for any server.
func List() ([]Mount, error) {
	n, err := unix.Getfsstat(nil, unix.MNT_NOWAIT)
	if err != nil {
		return nil, err
	}
	buf := make([]unix.Statfs_t, n)
	if n, err = unix.Getfsstat(buf, unix.MNT_NOWAIT); err != nil {
		return nil, err
	}
	all := make([]Mount, 0, n)
	for i := range buf[:n] {
		all = append(all, Mount{
			Point:  unix.ByteSliceToString(buf[i].Mntonname[:]),
			Type:   unix.ByteSliceToString(buf[i].Fstypename[:]),
			Source: unix.ByteSliceToString(buf[i].Mntfromname[:]),
		})
	}
	return all, nil
}

func unmountSystem(dir string, lazy bool) error {
	flags := 0
	if lazy {
		flags = unix.MNT_FORCE
	}
	return unix.Unmount(dir, flags)
}

func helper(dir string, lazy bool) (string, []string, error) {
	if lazy {
		return "/usr/sbin/diskutil", []string{"unmount", "force", dir}, nil
	}
	return "/sbin/umount", []string{dir}, nil
}
