package mounts

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Mount is one line of the table.
type Mount struct {
	Point   string // where it is
	Type    string // such as fuse.sentientfs
	Source  string // the bucket as it was typed
	Options string
}

// Ours tells whether a program of ours or goofys serves the mount.
func (m Mount) Ours() bool {
	return m.Type == "fuse.sentientfs" || m.Type == "fuse.goofys" || m.Type == "sentientfs" || m.Type == "goofys"
}

// ErrNotMounted says that nothing is mounted where something was expected.
var ErrNotMounted = errors.New("nothing is mounted there")

// ErrBusy says that files below the mount are open or someone's working directory is there.
var ErrBusy = errors.New("it is in use")

// At returns the topmost mount whose point is dir, an absolute path without links.
func At(dir string) (Mount, bool, error) {
	all, err := List()
	if err != nil {
		return Mount{}, false, err
	}
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Point == filepath.Clean(dir) {
			return all[i], true, nil
		}
	}
	return Mount{}, false, nil
}

// Holding returns the mount on which an absolute path lies, by its text alone: a hanging mount is not asked.
func Holding(path string) (Mount, error) {
	all, err := List()
	if err != nil {
		return Mount{}, err
	}
	best := -1
	path = filepath.Clean(path)
	for i, m := range all {
		if path == m.Point || m.Point == "/" || strings.HasPrefix(path, m.Point+"/") {
			if best < 0 || len(m.Point) >= len(all[best].Point) {
				best = i
			}
		}
	}
	if best < 0 {
		return Mount{}, ErrNotMounted
	}
	return all[best], nil
}

// Answers asks the server of the mount on dir with statfs(2). ENOTCONN means that it died; a context's error that it
// did not answer in time, in which case the question stays behind until it does.
func Answers(ctx context.Context, dir string) error {
	answer := make(chan error, 1)
	go func() {
		var st unix.Statfs_t
		for {
			err := unix.Statfs(dir, &st)
			if !errors.Is(err, syscall.EINTR) {
				answer <- err
				return
			}
		}
	}()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Unmount takes the mount on dir away, with umount(2) where that is allowed, else with fusermount3. Lazy detaches it
// also while it is in use; open files go on. ErrBusy and ErrNotMounted are in the chain of what it returns.
func Unmount(ctx context.Context, dir string, lazy bool) error {
	err := unmountSystem(dir, lazy)
	if err == nil {
		return nil
	}
	switch {
	case errors.Is(err, syscall.EBUSY):
		return fmt.Errorf("cannot unmount %s: %w", dir, ErrBusy)
	case errors.Is(err, syscall.EINVAL):
		return fmt.Errorf("cannot unmount %s: %w", dir, ErrNotMounted)
	case !errors.Is(err, syscall.EPERM):
		return fmt.Errorf("cannot unmount %s: %w", dir, err)
	}
	return unmountHelper(ctx, dir, lazy)
}

func unmountHelper(ctx context.Context, dir string, lazy bool) error {
	name, args, err := helper(dir, lazy)
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err == nil {
		return nil
	}
	if m, ok, lerr := At(dir); lerr == nil && !ok {
		return fmt.Errorf("cannot unmount %s: %w", dir, ErrNotMounted)
	} else if lerr == nil && !lazy && m.Ours() && Answers(ctx, dir) == nil {
		// fusermount3 has one exit code for everything; a live mount of the caller's that stays is one in use.
		return fmt.Errorf("cannot unmount %s: %w (%s)", dir, ErrBusy, strings.TrimSpace(string(out)))
	}
	return fmt.Errorf("cannot unmount %s: %s", dir, strings.TrimSpace(string(out)))
}
