package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v3"

	"github.com/sentient-agi/sentientfs/internal/control"
	"github.com/sentient-agi/sentientfs/internal/mounts"
)

// socketPath is where the mount of this user on dir listens for commands.
func socketPath(dir string) string {
	return control.SocketPath(control.Dir(os.Getuid(), os.Getenv("XDG_RUNTIME_DIR"), os.TempDir()), dir)
}

func (p *program) umountCommand() *cli.Command {
	return &cli.Command{
		Name:      "umount",
		Aliases:   []string{"unmount"},
		Usage:     "upload what is pending and unmount",
		Category:  "Mounts",
		ArgsUsage: "[MOUNTPOINT]",
		Flags: []cli.Flag{&cli.BoolFlag{Name: "lazy", Aliases: []string{"l", "z"},
			Usage: "take the mount out of the tree though it is in use; programs keep what they have open"}},
		Description: "Without MOUNTPOINT it is STORAGE_BASE_PATH. It returns when everything is in S3 and the\n" +
			"mount is gone.",
		Action: func(ctx context.Context, c *cli.Command) error {
			dir := c.Args().First()
			if c.Args().Len() == 0 {
				dir = p.load(&flagRecorder{}, nil).MountPoint
			}
			if dir == "" || c.Args().Len() > 1 {
				return fail(codeUsage, "see sentientfs umount --help", "umount takes one mount point")
			}
			return p.umount(ctx, dir, c.Bool("lazy"))
		},
	}
}

func (p *program) umount(ctx context.Context, dir string, lazy bool) error {
	dir, m, ok := p.findMount(dir)
	if !ok {
		return fail(codeNotMounted, "see what is mounted with: mount | grep fuse", "cannot unmount %s: nothing is mounted there", dir)
	}
	if !m.Ours() {
		return fail(codeNotMounted, "use umount", "cannot unmount %s: it is no mount of sentientfs but %s", dir, m.Type)
	}
	_, err := control.Call(ctx, socketPath(dir), control.Request{Op: opUnmount, Force: lazy}, func(s string) { p.note("%s", s) })
	switch {
	case err == nil:
		return nil
	case errors.Is(err, control.ErrNoMount):
		return p.umountPlain(ctx, dir, lazy)
	}
	if _, _, there := p.findMount(dir); !there && !isFailure(err) {
		return nil // it ended before it could say so
	}
	return controlFailure(err)
}

// umountPlain is for a mount that is dead, or of another user or program.
func (p *program) umountPlain(ctx context.Context, dir string, lazy bool) error {
	wait, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	dead := mounts.Answers(wait, dir) != nil
	err := mounts.Unmount(ctx, dir, lazy || dead)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, mounts.ErrBusy):
		return busy(dir)
	case errors.Is(err, mounts.ErrNotMounted):
		return fail(codeNotMounted, "", "%v", err)
	}
	return fail(codeFUSE, "try it as the user who mounted it, or as root", "%v", err)
}

func busy(dir string) error {
	return fail(codeBusy, "end what uses it (fuser -vm "+dir+" tells), or use --lazy", "cannot unmount %s: it is in use", dir)
}

func isFailure(err error) bool {
	var f *control.Failure
	return errors.As(err, &f)
}

// controlFailure makes the error of a running mount one of this command.
func controlFailure(err error) error {
	var f *control.Failure
	if !errors.As(err, &f) {
		return fail(codeFailure, "", "cannot talk to the mount: %v", err)
	}
	code := f.Code
	if code == 0 {
		code = codeFailure
	}
	return &failure{what: f.What, hint: f.Hint, code: code}
}

func (p *program) flushCommand() *cli.Command {
	return &cli.Command{
		Name:        "flush",
		Usage:       "upload everything that is pending in the mount of a path",
		Category:    "Mounts",
		ArgsUsage:   "PATH",
		Description: "It returns when everything written there before is in S3.",
		Action: func(ctx context.Context, c *cli.Command) error {
			path, err := argument(c, "path")
			if err != nil {
				return err
			}
			return p.flush(ctx, path)
		},
	}
}

func (p *program) flush(ctx context.Context, path string) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return fail(codeUsage, "", "cannot find %s: %v", path, err)
	}
	m, err := mounts.Holding(abs)
	if err == nil && !m.Ours() {
		if real, lerr := filepath.EvalSymlinks(abs); lerr == nil {
			m, err = mounts.Holding(real)
		}
	}
	if err != nil || !m.Ours() {
		return fail(codeNotMounted, "give a path below a mount of sentientfs", "cannot flush %s: it is in no mount of sentientfs", path)
	}
	_, err = control.Call(ctx, socketPath(m.Point), control.Request{Op: opFlush}, func(s string) { p.note("%s", s) })
	if errors.Is(err, control.ErrNoMount) {
		return fail(codeNotMounted, "run it as the user who mounted it", "cannot flush %s: its mount does not answer this user", path)
	}
	if err != nil {
		return controlFailure(err)
	}
	return nil
}
