//go:build !sandbox

package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/sentient-agi/sentientfs/internal/mounts"
)

// A target is a mount: how it is started. The direct client and the local disk have none.
type target struct {
	name  string
	flags string // as told in the report
	argv  func(b *backend, dir, cache string) []string
	flush bool // what it writes is in S3 only when it was asked to
	rival bool
}

// targets are the mounts that were asked for.
func (o *Options) targets() []*target {
	var all []*target
	ours := func(name string, flags []string, flush bool) {
		if !o.wants(name) {
			return
		}
		all = append(all, &target{name: name, flags: strings.Join(flags, " "), flush: flush,
			argv: func(b *backend, dir, cache string) []string {
				argv := []string{o.Bin, "mount", "-f", "--env-file", os.DevNull, "--endpoint", b.opts.Endpoint,
					"--region", o.Region, "--cache-dir", cache}
				return append(append(argv, flags...), o.source(b), dir)
			}})
	}
	ours(Strict, o.Flags, false)
	ours(Relaxed, append(append([]string{}, o.Flags...), o.Relaxed...), true)
	for _, r := range o.Rivals {
		if !o.wants(r.Name) {
			continue
		}
		all = append(all, &target{name: r.Name, flags: r.Command, rival: true, argv: func(b *backend, dir, cache string) []string {
			command := strings.NewReplacer("{bucket}", o.source(b), "{endpoint}", b.opts.Endpoint, "{dir}", dir,
				"{cache}", cache).Replace(r.Command)
			return []string{"sh", "-c", "exec " + command}
		}})
	}
	return all
}

// source is what is mounted, as our own mount wants it.
func (o *Options) source(b *backend) string {
	if b.opts.Prefix == "" {
		return o.Bucket
	}
	return o.Bucket + ":" + strings.TrimSuffix(b.opts.Prefix, "/")
}

// mountPatience is far above what any mount needs to come or go.
const mountPatience = time.Minute

// A mount is one that stands.
type mount struct {
	dir   string
	log   string // file
	cmd   *exec.Cmd
	ended chan struct{}
}

// mount mounts t over b and returns when it is there. cache is its cache folder.
func (o *Options) mount(ctx context.Context, t *target, b *backend, cache string) (*mount, error) {
	dir := filepath.Join(o.Dir, "mnt-"+t.name)
	home := filepath.Join(o.Dir, "home")
	for _, d := range []string{dir, home, cache} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, err
		}
	}
	m := &mount{dir: dir, log: filepath.Join(o.Dir, "log-"+t.name), ended: make(chan struct{})}
	log, err := os.Create(m.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	argv := t.argv(b, dir, cache)
	m.cmd = exec.Command(argv[0], argv[1:]...)
	m.cmd.Dir, m.cmd.Stdout, m.cmd.Stderr = home, log, log
	m.cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(), "LANG=C.UTF-8",
		"XDG_RUNTIME_DIR=" + os.Getenv("XDG_RUNTIME_DIR"),
		"AWS_ACCESS_KEY_ID=" + o.KeyID, "AWS_SECRET_ACCESS_KEY=" + o.Secret,
		"AWSACCESSKEYID=" + o.KeyID, "AWSSECRETACCESSKEY=" + o.Secret, // the names that s3fs knows
		"AWS_EC2_METADATA_DISABLED=true"}
	if o.Token != "" {
		m.cmd.Env = append(m.cmd.Env, "AWS_SESSION_TOKEN="+o.Token, "AWSSESSIONTOKEN="+o.Token)
	}
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the run, which unmounts
	if err := m.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = m.cmd.Wait() // its log tells the rest
		close(m.ended)
	}()
	if err := m.await(ctx, func() bool { _, there, err := mounts.At(dir); return err == nil && there }); err != nil {
		return nil, errors.Join(fmt.Errorf("%s did not mount: %w: %s", t.name, err, m.tail()), m.kill())
	}
	return m, nil
}

// await waits until ok holds.
func (m *mount) await(ctx context.Context, ok func() bool) error {
	for deadline := time.Now().Add(mountPatience); !ok(); {
		select {
		case <-m.ended:
			if ok() {
				return nil
			}
			return errors.New("it has ended")
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return errors.New("it takes too long")
		}
	}
	return nil
}

func (m *mount) tail() string {
	text, _ := os.ReadFile(m.log)
	return string(text[max(0, len(text)-500):])
}

// unmount unmounts and waits for the daemon to end.
func (m *mount) unmount(ctx context.Context) error {
	var err error
	waited := m.await(ctx, func() bool { // a program that has just ended may hold a file for a moment
		if err = mounts.Unmount(ctx, m.dir, false); errors.Is(err, mounts.ErrNotMounted) {
			err = nil
		}
		return err == nil
	})
	if waited == nil {
		waited = m.await(ctx, func() bool {
			select {
			case <-m.ended:
				return true
			default:
				return false
			}
		})
	}
	if waited != nil {
		return errors.Join(waited, err, m.kill())
	}
	return nil
}

// kill ends the daemon, and takes away what it leaves.
func (m *mount) kill() error {
	_ = m.cmd.Process.Kill() // it may have ended
	<-m.ended
	if _, there, err := mounts.At(m.dir); err != nil || !there {
		return err
	}
	return mounts.Unmount(context.Background(), m.dir, true)
}
