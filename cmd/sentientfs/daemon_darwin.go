package main

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

func dup2(from, to int) error { return unix.Dup2(from, to) }

// childAttr sets a process apart from the terminal's signals.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

const macFUSE = "/Library/Filesystems/macfuse.fs"

// checkDevice tells whether macFUSE is there.
func checkDevice() error {
	if _, err := os.Stat(macFUSE); err != nil {
		return fail(codeFUSE, "install macFUSE: brew install --cask macfuse, then allow it in System Settings and restart",
			"cannot use FUSE: macFUSE is not installed")
	}
	return nil
}

const installFUSE = "install macFUSE: brew install --cask macfuse"
