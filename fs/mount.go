package fs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// MountOptions say how the kernel shows the filesystem.
type MountOptions struct {
	Source  string   // first column of mtab, as the person typed it
	Type    string   // fuse.<Type> is the third
	Options []string // what -o had, without our own
	Debug   bool     // print each request
}

// A Server answers the kernel for one mount.
type Server struct {
	fs   *FS
	fuse *fuse.Server
	dir  string
}

const (
	// maxWrite is the largest WRITE and READ in bytes: what Linux takes without raising fs.fuse.max_pages_limit.
	maxWrite = 1 << 20
	// capKillPriv is FUSE_HANDLE_KILLPRIV_V2: without it each WRITE asks for security.capability first, which costs
	// 4 KiB writes five sixths of their speed.
	capKillPriv = 1 << 28
)

// Mount mounts the filesystem at dir, which must be there, and begins to answer.
func (f *FS) Mount(dir string, m MountOptions) (*Server, error) {
	ttl := f.opts.NegativeTTL("")
	opts := &fusefs.Options{
		NegativeTimeout:   &ttl,
		NullPermissions:   true,
		FirstAutomaticIno: 1 << 63,
		RootStableAttr:    &fusefs.StableAttr{Ino: 1},
	}
	if ttl <= 0 {
		opts.NegativeTimeout = nil
	}
	opts.MountOptions = fuse.MountOptions{
		FsName:                   m.Source,
		Name:                     m.Type,
		MaxWrite:                 maxWrite,
		MaxReadAhead:             maxWrite,
		MaxBackground:            64,
		Debug:                    m.Debug,
		DisableSplice:            true, // READ answers with bytes, never with a file
		IgnoreSecurityLabels:     true,
		ExplicitDataCacheControl: true,
		DirectMount:              os.Geteuid() == 0,
		DirectMountFlags:         directFlags["nosuid"] | directFlags["nodev"],
		ExtraCapabilities:        fuse.CAP_ATOMIC_O_TRUNC | fuse.CAP_READDIRPLUS_AUTO | capKillPriv,
	}
	mountFlags(&opts.MountOptions, m.Options, f.opts.ReadOnly)
	s, err := fusefs.Mount(dir, f.root, opts)
	if err != nil {
		return nil, fmt.Errorf("cannot mount at %s: %w", dir, err)
	}
	raiseReadAhead(dir)
	f.background(f.tend)
	f.background(f.prune)
	return &Server{fs: f, fuse: s, dir: dir}, nil
}

// mountFlags translates what -o had. nosuid and nodev always hold: the bucket's writers are not trusted.
func mountFlags(o *fuse.MountOptions, list []string, readOnly bool) {
	if readOnly && !slices.Contains(list, "ro") {
		list = append(slices.Clone(list), "ro")
	}
	o.Options = []string{"default_permissions"}
	for _, opt := range list {
		switch {
		case opt == "allow_other":
			o.AllowOther = true
		case directFlags[opt] != 0 && o.DirectMount: // mount(2) takes a flag, and no word for it
			o.DirectMountFlags |= directFlags[opt]
		case !forOthers(opt):
			o.Options = append(o.Options, opt)
		}
	}
	if !o.DirectMount {
		o.Options = append(o.Options, "nosuid", "nodev")
	}
}

// forOthers tells whether an option of fstab is meant for mount(8) or systemd, or says what holds anyway.
func forOthers(opt string) bool {
	switch opt {
	case "", "defaults", "rw", "exec", "async", "atime", "diratime", "norelatime", "suid", "dev", "nosuid", "nodev",
		"default_permissions", "_netdev", "auto", "noauto", "nofail", "user", "nouser", "users", "owner", "group":
		return true
	}
	return strings.HasPrefix(opt, "x-") || strings.HasPrefix(opt, "comment=")
}

// raiseReadAhead lets the kernel read 1 MiB at a time: it comes in 128 KiB pieces until the device is told otherwise.
// Only root may; others keep the default.
func raiseReadAhead(dir string) {
	dev, ok := deviceOf(dir)
	if !ok {
		return
	}
	_ = os.WriteFile(filepath.Join("/sys/class/bdi", dev, "read_ahead_kb"), []byte("1024"), 0o644)
}

// deviceOf returns the device of a mount point as major:minor, from the kernel's table: a stat would go to ourselves.
func deviceOf(dir string) (string, bool) {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", false
	}
	dev := ""
	for line := range strings.Lines(string(table)) {
		if fields := strings.Fields(line); len(fields) > 4 && unescape(fields[4]) == dir {
			dev = fields[2] // the last one is on top
		}
	}
	return dev, dev != ""
}

// unescape undoes the octal escapes of the kernel's mount table.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// Wait returns when the filesystem is not mounted any more.
func (s *Server) Wait() { s.fuse.Wait() }

// ErrBusy tells that the mount is in use, and still there.
var ErrBusy = errors.New("the mount is in use")

// Unmount takes the mount away. Everything that was written must have been flushed before; what was not is in the
// journal. A mount in use is ErrBusy.
func (s *Server) Unmount() error {
	var err error
	for pause := time.Millisecond; pause < time.Second; pause *= 4 {
		if err = s.fuse.Unmount(); err == nil {
			return nil
		}
		time.Sleep(pause)
	}
	return fmt.Errorf("%w: %v", ErrBusy, err)
}

// Detach takes the mount out of the tree though it is in use: programs keep what they have open until they close it.
func (s *Server) Detach() error { return detach(s.dir) }

// Flush stores what is not stored. See FS.Flush.
func (s *Server) Flush(ctx context.Context) int { return s.fs.Flush(ctx) }

// Close ends all background work. The mount must be gone.
func (f *FS) Close() {
	f.cancel()
	f.work.Wait()
}
