//go:build !sandbox

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/sentient-agi/sentientfs/internal/localstore"
	"github.com/sentient-agi/sentientfs/internal/mounts"
)

// demoBucket is the bucket of the demo.
const demoBucket = "demo"

func (p *program) demoCommand() *cli.Command {
	return &cli.Command{
		Name:      "demo",
		Usage:     "try it: an S3 server, a mount and a self-check on this machine",
		Category:  "Without an account",
		ArgsUsage: "[MOUNTPOINT]",
		Description: "It serves a folder as a bucket, mounts it, checks that files work, and stays until Ctrl-C, which\n" +
			"leaves nothing but that folder.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "dir", Usage: "the `DIR` for the data (default: ~/.local/share/sentientfs/demo)", Local: true},
			&cli.BoolFlag{Name: "check", Usage: "unmount after the self-check and exit with its result", Local: true},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			if c.Args().Len() > 1 {
				return fail(codeUsage, "see sentientfs demo --help", "demo takes one mount point")
			}
			d, err := p.newDemo(c.String("dir"), c.Args().First())
			if err != nil {
				return err
			}
			return d.run(ctx, c.Bool("check"))
		},
	}
}

// A demo is a store in this process and a mount of it in another.
type demo struct {
	*program
	dir, point string // absolute
	madePoint  bool
	environ    []string // of the processes that use the store
	endpoint   string
	mount      *os.Process
	patience   time.Duration // with a mount that does not end
}

// demoUnmountTimeout is enough for a server on this machine, if it answers at all. Whoever sees the self-check fail
// should not wait for the 5 minutes that a mount has for what is pending.
const demoUnmountTimeout = 30 * time.Second

func (p *program) newDemo(dir, point string) (*demo, error) {
	if dir == "" {
		base := os.Getenv("XDG_DATA_HOME")
		if !filepath.IsAbs(base) {
			home, err := os.UserHomeDir()
			if err != nil {
				return nil, fail(codeConfig, "give --dir DIR", "cannot find a folder for the data: %v", err)
			}
			base = filepath.Join(home, ".local", "share")
		}
		dir = filepath.Join(base, "sentientfs", "demo")
	}
	if point == "" {
		point = filepath.Join(dir, "mnt")
	}
	var err error
	if dir, err = filepath.Abs(dir); err == nil {
		point, err = filepath.Abs(point)
	}
	if err != nil {
		return nil, fail(codeFailure, "", "cannot find the folders: %v", err)
	}
	return &demo{program: p, dir: dir, point: point, patience: demoUnmountTimeout + 10*time.Second}, nil
}

// run does all of it and cleans up whatever happens.
func (d *demo) run(ctx context.Context, checkOnly bool) (err error) {
	// The mount is told to stop when the thread that started it ends, should this process be killed.
	runtime.LockOSThread()
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := checkDevice(); err != nil {
		return err
	}
	store, err := d.startStore()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := d.startMount(); err != nil {
		d.removePoint()
		return err
	}
	defer func() { err = d.stopMount(err) }()
	fmt.Fprintf(d.stdout, "the bucket %q at %s is mounted on %s\n", demoBucket, d.endpoint, d.point)
	if err := d.check(ctx); err != nil {
		return err
	}
	if checkOnly {
		fmt.Fprintln(d.stdout, "everything works")
		return nil
	}
	d.tellNext()
	<-ctx.Done()
	fmt.Fprintln(d.stdout)
	return nil
}

// startStore starts the server with keys of its own: the person's real keys have no business here.
func (d *demo) startStore() (*localstore.Server, error) {
	for _, kv := range d.program.environ {
		name, _, _ := strings.Cut(kv, "=")
		if demoForgets(name) {
			os.Unsetenv(name)
			continue
		}
		d.environ = append(d.environ, kv)
	}
	dir := filepath.Join(d.dir, "store")
	keyID, secret, err := localstore.Keys(dir)
	if err != nil {
		return nil, fail(codeFailure, "give --dir a folder that you may write", "cannot keep the keys of the demo: %v", err)
	}
	// The server lives until Close: at Ctrl-C the mount still has to upload.
	s, err := startStore(context.Background(), localstore.Options{Dir: dir, Addr: "127.0.0.1:0", KeyID: keyID,
		Secret: secret, Bucket: demoBucket, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	d.endpoint = s.Endpoint()
	d.environ = append(d.environ, "AWS_ACCESS_KEY_ID="+keyID, "AWS_SECRET_ACCESS_KEY="+secret)
	return s, nil
}

// demoForgets names the variables that are about another bucket than the demo's.
func demoForgets(name string) bool {
	for _, prefix := range []string{"AWS_", "SENTIENTFS_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	switch name {
	case "ROMA_S3_BUCKET", "S3_BUCKET_NAME", "STORAGE_BASE_PATH", "ENV", "HTTP_PROXY", "http_proxy":
		return true
	}
	return false
}

func (d *demo) flags() []string {
	return []string{"--env-file", os.DevNull, "--endpoint", d.endpoint, "--region", localstore.Region,
		"--cache-dir", filepath.Join(d.dir, "cache")}
}

func (d *demo) startMount() error {
	if _, err := os.Lstat(d.point); errors.Is(err, os.ErrNotExist) {
		if err := os.MkdirAll(d.point, 0o755); err != nil {
			return fail(codeMountPoint, "give a folder that you may write", "cannot make the mount point: %v", err)
		}
		d.madePoint = true
	}
	args := append([]string{"sentientfs", "mount", "-f", "--log-file", filepath.Join(d.dir, "mount.log"),
		"--unmount-timeout", demoUnmountTimeout.String()}, d.flags()...)
	var err error
	d.mount, err = startMount(append(args, demoBucket, d.point), childAttr(), d.environ)
	return err
}

// check runs the self-check in a process of its own.
func (d *demo) check(ctx context.Context) error {
	exe, err := os.Executable()
	if err != nil {
		return fail(codeFailure, "", "cannot find the own program: %v", err)
	}
	cmd := exec.CommandContext(ctx, exe, append(append([]string{"self-check"}, d.flags()...), demoBucket, d.point)...)
	cmd.Env, cmd.Stdout, cmd.Stderr = d.environ, d.stdout, d.stderr
	cmd.SysProcAttr = childAttr()
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fail(codeSelfCheck, "", "the self-check was interrupted")
	case errors.As(err, &exit):
		return fail(codeSelfCheck, "see "+filepath.Join(d.dir, "mount.log"), "the self-check failed")
	}
	return fail(codeSelfCheck, "", "cannot run the self-check: %v", err)
}

func (d *demo) tellNext() {
	fmt.Fprintf(d.stdout, `
everything works. In another terminal, try:
  cp -r /etc/ssl %[1]s/ && ls -l %[1]s/ssl
  git init %[1]s/repo
  tail -f %[1]s/log &  echo hello >> %[1]s/log
The objects are files below %[2]s
Your own bucket: sentientfs mount BUCKET MOUNTPOINT
Ctrl-C ends the demo.
`, d.point, filepath.Join(d.dir, "store"))
}

// stopMount ends the mount and takes away what the demo made but its data.
func (d *demo) stopMount(err error) error {
	code, serr := d.endMount()
	err = errors.Join(err, serr)
	if code == codePending {
		return errors.Join(err, fail(codePending, "run the demo again to upload the rest", "not everything was uploaded"))
	}
	if _, there, merr := mounts.At(d.point); merr == nil && there {
		if uerr := mounts.Unmount(context.Background(), d.point, true); uerr != nil {
			return errors.Join(err, uerr)
		}
	}
	d.removePoint()
	if rerr := os.RemoveAll(filepath.Join(d.dir, "cache")); rerr != nil {
		d.note("warning: %v", rerr)
	}
	return err
}

// endMount tells the mount to end, waits for that and returns its exit code. One that does not end in time, or not soon
// enough for the person at the keyboard, is told once more, which makes it leave what is pending to its journal, and
// killed at last.
func (d *demo) endMount() (code int, err error) {
	interrupts := make(chan os.Signal, 2)
	signal.Notify(interrupts, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(interrupts)
	ended := make(chan int, 1)
	go func() { // ends with the mount, which is killed at last
		state, err := d.mount.Wait()
		if err != nil {
			ended <- codeFailure
			return
		}
		ended <- state.ExitCode()
	}()
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGTERM, syscall.SIGKILL} {
		if err := d.mount.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return codeFailure, fail(codeFailure, "", "cannot end the mount: %v", err)
		}
		if s == syscall.SIGKILL {
			break
		}
		select {
		case code := <-ended:
			return code, nil
		case <-interrupts:
		case <-time.After(d.patience):
		}
	}
	<-ended
	return codeFailure, fail(codeFailure, "see "+filepath.Join(d.dir, "mount.log"), "the mount did not end and was killed")
}

// removePoint removes the folder that the demo made, never one with something in it.
func (d *demo) removePoint() {
	if d.madePoint {
		if err := os.Remove(d.point); err != nil && !errors.Is(err, os.ErrNotExist) {
			d.note("warning: %v", err)
		}
	}
}
