//go:build !sandbox

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v3"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// selfCheckCommand works on a mount as a program would and looks into the bucket beside it. It is a process of its own
// since the one that serves a mount must not touch it.
func (p *program) selfCheckCommand() *cli.Command {
	r := &flagRecorder{}
	return &cli.Command{
		Name:      "self-check",
		Hidden:    true,
		Usage:     "check a mount: BUCKET[:PREFIX] MOUNTPOINT",
		ArgsUsage: "BUCKET[:PREFIX] MOUNTPOINT",
		Flags:     settingFlags(r),
		Action: func(ctx context.Context, c *cli.Command) error {
			cfg := p.load(r, c.Args().Slice())
			if err := fatal(cfg.Fatal()); err != nil {
				return err
			}
			store, err := openBucket(ctx, cfg, slog.New(slog.DiscardHandler), nil)
			if err != nil {
				return err
			}
			defer store.Close()
			return p.selfCheck(ctx, store, cfg.MountPoint)
		},
	}
}

// A check is one thing that a program does with files. The folder is on the mount, its key in the store.
type check struct {
	what string
	run  func(ctx context.Context, c checker) error
}

type checker struct {
	dir   string // on the mount
	key   string // of dir in the store
	store object.Store
}

func (c checker) path(name string) string { return filepath.Join(c.dir, name) }

// selfCheck runs all checks in a folder of its own, and removes it.
func (p *program) selfCheck(ctx context.Context, store object.Store, mountPoint string) error {
	var random [6]byte
	rand.Read(random[:])
	name := ".sentientfs-check-" + hex.EncodeToString(random[:])
	c := checker{dir: filepath.Join(mountPoint, name), key: name, store: store}
	if err := os.Mkdir(c.dir, 0o755); err != nil {
		return fail(codeSelfCheck, "see the log of the mount", "the self-check cannot make a folder: %v", err)
	}
	bad := 0
	for _, ch := range checks {
		if err := ch.run(ctx, c); err != nil {
			bad++
			fmt.Fprintf(p.stdout, "  ✗ %s: %v\n", ch.what, err)
			continue
		}
		fmt.Fprintf(p.stdout, "  ✓ %s\n", ch.what)
	}
	if err := os.RemoveAll(c.dir); err != nil {
		bad++
		fmt.Fprintf(p.stdout, "  ✗ clean up: %v\n", err)
	}
	if bad > 0 {
		return fail(codeSelfCheck, "see the log of the mount", "%d of %d checks failed", bad, len(checks))
	}
	return nil
}

var checks = []check{
	{"write a file and read it back", checkWrite},
	{"append to it", checkAppend},
	{"overwrite bytes in its middle", checkOverwrite},
	{"cut it with truncate", checkTruncate},
	{"replace a file by rename", checkRename},
	{"make and follow a symbolic link", checkSymlink},
	{"keep a file's mode", checkMode},
	{"refuse to create a file twice (O_EXCL)", checkExclusive},
	{"rename a folder with files", checkFolder},
	{"find the bytes in the bucket after close", checkStored},
	{"remove a file", checkRemove},
}

func expect(path string, want []byte) error {
	got, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("read %d bytes, and not what was written", len(got))
	}
	return nil
}

// change opens a file, does something with it and closes it.
func change(path string, flag int, do func(f *os.File) error) error {
	f, err := os.OpenFile(path, flag, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(do(f), f.Close())
}

func checkWrite(_ context.Context, c checker) error {
	data := bytes.Repeat([]byte("0123456789abcdef"), 64<<10) // 1 MiB
	if err := os.WriteFile(c.path("write"), data, 0o644); err != nil {
		return err
	}
	return expect(c.path("write"), data)
}

func checkAppend(_ context.Context, c checker) error {
	for _, line := range []string{"one\n", "two\n", "three\n"} {
		err := change(c.path("log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, func(f *os.File) error {
			_, err := f.WriteString(line)
			return err
		})
		if err != nil {
			return err
		}
	}
	return expect(c.path("log"), []byte("one\ntwo\nthree\n"))
}

func checkOverwrite(_ context.Context, c checker) error {
	err := change(c.path("log"), os.O_RDWR, func(f *os.File) error {
		_, err := f.WriteAt([]byte("TWO"), 4)
		return err
	})
	if err != nil {
		return err
	}
	return expect(c.path("log"), []byte("one\nTWO\nthree\n"))
}

func checkTruncate(_ context.Context, c checker) error {
	if err := os.Truncate(c.path("log"), 8); err != nil {
		return err
	}
	return expect(c.path("log"), []byte("one\nTWO\n"))
}

func checkRename(_ context.Context, c checker) error {
	if err := os.WriteFile(c.path("config"), []byte("old"), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(c.path("config.tmp"), []byte("new"), 0o644); err != nil {
		return err
	}
	if err := os.Rename(c.path("config.tmp"), c.path("config")); err != nil {
		return err
	}
	if _, err := os.Stat(c.path("config.tmp")); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the old name is still there: %v", err)
	}
	return expect(c.path("config"), []byte("new"))
}

func checkSymlink(_ context.Context, c checker) error {
	if err := os.Symlink("config", c.path("link")); err != nil {
		return err
	}
	if to, err := os.Readlink(c.path("link")); err != nil || to != "config" {
		return fmt.Errorf("the link goes to %q: %v", to, err)
	}
	return expect(c.path("link"), []byte("new"))
}

func checkMode(_ context.Context, c checker) error {
	if err := os.WriteFile(c.path("script"), []byte("#!/bin/sh\n"), 0o644); err != nil {
		return err
	}
	if err := os.Chmod(c.path("script"), 0o750); err != nil {
		return err
	}
	info, err := os.Stat(c.path("script"))
	if err != nil {
		return err
	}
	if info.Mode().Perm() != 0o750 {
		return fmt.Errorf("it is %v", info.Mode())
	}
	return nil
}

func checkExclusive(_ context.Context, c checker) error {
	none := func(*os.File) error { return nil }
	if err := change(c.path("lock"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, none); err != nil {
		return err
	}
	if err := change(c.path("lock"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, none); !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("the second time: %v", err)
	}
	return nil
}

func checkFolder(_ context.Context, c checker) error {
	if err := os.MkdirAll(c.path("before/deep"), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(c.path("before/deep/file"), []byte("x"), 0o644); err != nil {
		return err
	}
	if err := os.Rename(c.path("before"), c.path("after")); err != nil {
		return err
	}
	if _, err := os.Stat(c.path("before")); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the old folder is still there: %v", err)
	}
	return expect(c.path("after/deep/file"), []byte("x"))
}

// checkStored reads past the mount: what close returned for is in the bucket, under its name, as it is.
func checkStored(ctx context.Context, c checker) error {
	if err := os.WriteFile(c.path("result"), []byte("in the bucket"), 0o644); err != nil {
		return err
	}
	r, err := c.store.Get(ctx, c.key+"/result", object.GetOptions{})
	if err != nil {
		return err
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if string(got) != "in the bucket" {
		return fmt.Errorf("the bucket has %d other bytes", len(got))
	}
	return nil
}

func checkRemove(ctx context.Context, c checker) error {
	if err := os.Remove(c.path("result")); err != nil {
		return err
	}
	if _, err := os.Stat(c.path("result")); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("it is still there: %v", err)
	}
	if _, err := c.store.Head(ctx, c.key+"/result"); !object.Is(err, object.KindNotFound) {
		return fmt.Errorf("the bucket still has it: %v", err)
	}
	return nil
}
