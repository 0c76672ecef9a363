package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/sentient-agi/sentientfs/internal/config"
	"github.com/sentient-agi/sentientfs/internal/mounts"
)

// answerTimeout is how long a mount that is in the table may take to say that it lives.
const answerTimeout = 5 * time.Second

// mountCommand is `sentientfs mount`, also under the names of goofys and of mount(8)'s helpers.
func (p *program) mountCommand(calledAs string) *cli.Command {
	r := &flagRecorder{}
	usage := "sentientfs mount"
	if calledAs != "mount" {
		usage = calledAs
	}
	return &cli.Command{
		Name:      calledAs,
		Usage:     "mount a bucket, or a part of it, on a folder",
		Category:  "Mounts",
		ArgsUsage: "[BUCKET[:PREFIX] [MOUNTPOINT]]",
		Flags: append(settingFlags(r), &cli.BoolFlag{Name: "version", Aliases: []string{"v"},
			Usage: "tell the version", Local: true}),
		HideVersion:                   true,
		CustomHelpTemplate:            plainTemplate(mountHelp(usage)),
		CustomRootCommandHelpTemplate: plainTemplate(mountHelp(usage)),
		Action: func(ctx context.Context, c *cli.Command) error {
			if c.Bool("version") {
				_, err := p.stdout.Write([]byte(calledVersion(calledAs)))
				return err
			}
			return p.mount(ctx, p.load(r, c.Args().Slice()), fsType(calledAs))
		},
	}
}

func calledVersion(calledAs string) string {
	if strings.Contains(calledAs, "goofys") {
		return "goofys version sentientfs-" + version() + "\n"
	}
	return "sentientfs " + version() + "\n"
}

// fsType is what follows "fuse." in the mount table: people's scripts look for the name that they called.
func fsType(calledAs string) string {
	if strings.Contains(calledAs, "goofys") {
		return "goofys"
	}
	return "sentientfs"
}

func mountHelp(usage string) string {
	return usage + ` - mount a bucket, or a part of it, on a folder

usage: ` + usage + ` [flags] [BUCKET[:PREFIX] [MOUNTPOINT]]

   Without arguments the bucket is ROMA_S3_BUCKET or S3_BUCKET_NAME and the mount point
   STORAGE_BASE_PATH. It returns when the mount answers and serves on in the background;
   with -f it stays. Flags take one dash or two, and their value behind = or a blank.
   Each flag is also a variable: --stat-cache-ttl is SENTIENTFS_STAT_CACHE_TTL. The first
   place that has a value wins: flags, environment, .env.<ENV>, .env,
   ` + config.SystemFile + `.
   PATTERN is a path of the mount with *, ? and **: --open-ttl '**/site-packages/**=60s'

   fstab: bucket:prefix /mnt fuse.sentientfs _netdev,allow_other,--stat-cache-ttl=1s 0 0
` + flagHelp() + `
Exit codes:
` + exitHelp() + `
Signals: SIGTERM, SIGINT upload what is pending and unmount, a second one ends at once;
   SIGUSR1 writes a status to the log; SIGUSR2 changes the log level.
`
}

// helperArguments drops the flags with which mount(8) calls a helper: -n, -s, -v say nothing here, -t and -N have a
// value. A fake mount (-f) does nothing.
func helperArguments(args []string) (rest []string, fake bool) {
	for i := 0; i < len(args); i++ {
		switch args[i] {
		case "-n", "-s", "-v":
		case "-t", "-N":
			i++
		case "-f":
			fake = true
		default:
			rest = append(rest, args[i])
		}
	}
	return rest, fake
}

// fstabForm tells whether args are what mount.fuse(8) runs for a line of fstab: BUCKET /MOUNT/POINT -o OPTIONS.
func fstabForm(args []string) bool {
	return len(args) >= 4 && filepath.IsAbs(args[1]) && args[2] == "-o" && !strings.HasPrefix(args[0], "-")
}

// mount checks what can be checked, then serves here or in a process of its own.
func (p *program) mount(ctx context.Context, c *config.Config, kind string) error {
	start := newStarter()
	err := p.prepareMount(ctx, c, start)
	if err == nil && !c.Foreground && !start.waiting() {
		_, err = startMount(p.args, &syscall.SysProcAttr{Setsid: true}, p.environ)
		return err
	}
	if err == nil {
		err = p.serveMount(ctx, c, kind, start)
	}
	if err != nil && start.waiting() {
		start.tell(err)
		return fail(toFailure(err).code, "", "")
	}
	return err
}

// prepareMount finds all mistakes that need no network.
func (p *program) prepareMount(ctx context.Context, c *config.Config, start *starter) error {
	if !start.waiting() || c.Foreground { // else it was said by the process that started this one
		p.tellNotes(c)
	}
	if os.Getenv("PATH") == "" { // mount(8) and systemd may give none
		os.Setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	}
	if err := p.clearPoint(ctx, c); err != nil {
		return err
	}
	c.CheckMountPoint()
	if err := fatal(c.Fatal()); err != nil {
		return err
	}
	if dir, err := filepath.EvalSymlinks(c.MountPoint); err == nil {
		c.MountPoint = dir // as the kernel's table will have it
	}
	if err := checkDevice(); err != nil {
		return err
	}
	if os.Geteuid() != 0 && runtime.GOOS == "linux" {
		if _, err := exec.LookPath("fusermount3"); err != nil {
			if _, err := exec.LookPath("fusermount"); err != nil {
				return fail(codeFUSE, installFUSE, "cannot mount as an ordinary user: fusermount3 is not installed")
			}
		}
		if slices.Contains(c.MountOptions, "allow_other") && !userAllowOther("/etc/fuse.conf") {
			return fail(codeFUSE, "add the line user_allow_other to /etc/fuse.conf, or run as root",
				"cannot mount with allow_other as an ordinary user: /etc/fuse.conf does not allow it")
		}
	}
	return nil
}

func userAllowOther(file string) bool {
	text, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		if strings.TrimSpace(line) == "user_allow_other" {
			return true
		}
	}
	return false
}

// clearPoint refuses a mount point on which a living mount of ours is, and takes away one whose program died.
func (p *program) clearPoint(ctx context.Context, c *config.Config) error {
	dir, m, ok := p.findMount(c.MountPoint)
	if !ok || !m.Ours() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	err := mounts.Answers(ctx, dir)
	switch {
	case err == nil:
		return fail(codeMounted, "use it, or end it with: sentientfs umount "+dir, "%s is mounted on %s already", m.Source, dir)
	case errors.Is(err, context.DeadlineExceeded):
		return fail(codeMounted, "end it with: sentientfs umount --lazy "+dir, "%s is mounted on %s and does not answer", m.Source, dir)
	case errors.Is(err, syscall.ENOTCONN), errors.Is(err, syscall.ECONNABORTED):
		p.note("note: the mount that was on %s has died and is taken away", dir)
		if err := mounts.Unmount(ctx, dir, true); err != nil {
			return fail(codeMounted, "umount -l "+dir, "%v", err)
		}
	}
	return nil
}

// findMount looks for a mount on dir as it was written, and then without links, which asks the filesystems above.
func (p *program) findMount(dir string) (string, mounts.Mount, bool) {
	abs, err := filepath.Abs(dir)
	if err != nil || dir == "" {
		return "", mounts.Mount{}, false
	}
	if m, ok, err := mounts.At(abs); err == nil && ok {
		return abs, m, true
	}
	parent, err := filepath.EvalSymlinks(filepath.Dir(abs))
	if err != nil {
		return abs, mounts.Mount{}, false
	}
	abs = filepath.Join(parent, filepath.Base(abs))
	if m, ok, err := mounts.At(abs); err == nil && ok {
		return abs, m, true
	}
	return abs, mounts.Mount{}, false
}

// mountedThere tells whether a mount of ours lives on the configured mount point, whose contents then are no mistake.
func (p *program) mountedThere(ctx context.Context, c *config.Config) bool {
	dir, m, ok := p.findMount(c.MountPoint)
	if !ok || !m.Ours() {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	return mounts.Answers(ctx, dir) == nil
}
