package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/sentient-agi/sentientfs/fs"
	"github.com/sentient-agi/sentientfs/internal/config"
	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/control"
)

// mountFile is where a mount writes who it is, in its folder of the cache: recover finds the names of folders there.
const mountFile = "mount.json"

// mountInfo is the content of mountFile.
type mountInfo struct {
	Source     string `json:"source"`
	Endpoint   string `json:"endpoint,omitempty"`
	Region     string `json:"region,omitempty"`
	MountPoint string `json:"mountpoint"`
	PID        int    `json:"pid"`
}

// A mounted is one mount that this process serves.
type mounted struct {
	cfg     *config.Config
	log     *logger
	stack   *stack
	fs      *fs.FS
	server  *fs.Server
	gone    chan struct{} // closed when the kernel has let the mount go
	started time.Time
	tell    *teller

	replaying sync.WaitGroup
	ctx       context.Context // of the replay
	cancel    context.CancelFunc
}

// serveMount mounts and serves until the mount is gone.
func (p *program) serveMount(ctx context.Context, c *config.Config, kind string, start *starter) error {
	// Signals count from here on: whoever stops a mount that is about to come up must not leave a half of one.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2)
	defer signal.Stop(signals)
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	if err := os.MkdirAll(c.Folder(), 0o700); err != nil {
		return fail(codeCache, "give --cache-dir a folder on a local disk that you may write", "cannot use the cache folder: %v", err)
	}
	log, err := openLog(c, p.stderr, p.environ)
	if err != nil {
		return err
	}
	defer log.Close()
	m := &mounted{cfg: c, log: log, started: time.Now(), gone: make(chan struct{}), tell: &teller{to: p.note}}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	defer m.cancel()
	if err := m.upUnlessStopped(ctx, kind, signals); err != nil {
		return err
	}
	commands, err := control.Listen(socketPath(c.MountPoint), m.command, log.Logger)
	if err != nil {
		log.Warn("umount and flush cannot reach this mount; umount(8) still works", "error", err)
	}
	keepCrashes(c, log)
	log.Info("mounted", "source", c.Source, "mountpoint", c.MountPoint, "cache", c.Folder(), "version", version())
	m.replay()
	start.tell(nil)
	m.notifyReady()
	defer m.tell.also(m.notifyStatus)()
	if !c.Foreground {
		if err := letGo(); err != nil {
			log.Warn("cannot let go of the terminal", "error", err)
		}
		m.tell.mute()
	}
	err = m.serve(signals)
	if commands != nil {
		drain, cancel := context.WithTimeout(context.Background(), answerTimeout)
		commands.Drain(drain)
		cancel()
		commands.Close()
	}
	return m.down(err)
}

// upUnlessStopped mounts, or gives up at the first SIGINT or SIGTERM. When it returns, signals is the caller's.
func (m *mounted) upUnlessStopped(ctx context.Context, kind string, signals <-chan os.Signal) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- m.up(ctx, kind) }()
	for {
		select {
		case err := <-done:
			return err
		case s := <-signals:
			if s != syscall.SIGINT && s != syscall.SIGTERM {
				continue
			}
			cancel()
			if err := <-done; err != nil {
				return fail(codeFailure, "", "stopped before the mount came up")
			}
			return m.down(m.unmount(context.Background(), true))
		}
	}
}

// up opens everything and mounts.
func (m *mounted) up(ctx context.Context, kind string) (err error) {
	if m.stack, err = openStack(ctx, m.cfg, m.log.Logger, m.tell.progress); err != nil {
		return err
	}
	m.fs = m.stack.filesystem(m.cfg, m.log.Logger)
	// Before anybody sees the names: a half-done rename of a directory shows files twice.
	if err := m.fs.RecoverRenames(ctx); err != nil {
		m.log.Warn("a directory rename that was cut off is still half done; the next mount tries again", "error", err)
	}
	m.server, err = m.fs.Mount(m.cfg.MountPoint, fs.MountOptions{Source: m.cfg.Source, Type: kind,
		Options: m.cfg.MountOptions, Debug: m.cfg.Files.DebugFUSE})
	if err != nil {
		m.fs.Close()
		return errors.Join(mountFailure(m.cfg, err), m.stack.close())
	}
	go func() {
		m.server.Wait()
		close(m.gone)
	}()
	info, err := json.Marshal(mountInfo{Source: m.cfg.Source, Endpoint: m.cfg.S3.Endpoint, Region: m.stack.bucket.Region(), MountPoint: m.cfg.MountPoint,
		PID: os.Getpid()})
	if err == nil {
		err = os.WriteFile(filepath.Join(m.cfg.Folder(), mountFile), info, 0o600)
	}
	if err != nil {
		m.log.Warn("cannot note whose the cache folder is", "error", err)
	}
	return nil
}

func mountFailure(c *config.Config, err error) error {
	hint := installFUSE
	switch {
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		hint = "run it as root or as the owner of the mount point; in a container add --device /dev/fuse --cap-add SYS_ADMIN"
	case errors.Is(err, syscall.EINVAL):
		hint = "the kernel does not know one of the options of -o"
	}
	return fail(codeFUSE, hint, "cannot mount on %s: %v", c.MountPoint, err)
}

// keepCrashes sends what the Go runtime prints when it dies into the folder of the mount: standard error is gone by
// then.
func keepCrashes(c *config.Config, log *logger) {
	f, err := os.OpenFile(filepath.Join(c.Folder(), "crash.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		err = debug.SetCrashOutput(f, debug.CrashOptions{})
		f.Close()
	}
	if err != nil {
		log.Warn("a crash would leave no trace", "error", err)
	}
}

// replay stores what earlier runs left in the journal.
func (m *mounted) replay() {
	m.replaying.Go(func() { m.stack.abortCopies(m.ctx, m.log.Logger) })
	files := m.stack.content.Recovered()
	if len(files) == 0 {
		return
	}
	states := map[string]content.Record{}
	for _, r := range m.stack.content.Records() {
		states[r.ID] = r
	}
	m.log.Info("an earlier run left files that are not stored", "files", len(files))
	m.replaying.Go(func() {
		for _, f := range files {
			if r := states[f.ID()]; !whole(r) {
				m.log.Warn("kept, as its writer was not done or it needs a decision; see sentientfs recover list",
					"id", r.ID, "key", r.Key, "state", r.State, "reason", r.Reason)
				f.Release()
				continue
			}
			key := f.Target().Key
			if err := m.ctx.Err(); err == nil {
				err = m.stack.engine.Replay(m.ctx, f)
				if err != nil {
					m.log.Error("cannot store a file of an earlier run; see sentientfs recover list", "id", f.ID(), "key", key, "error", err)
				} else {
					m.log.Info("stored a file of an earlier run", "key", key)
				}
				m.stack.names.Forget(key)
			}
			f.Release()
		}
	})
}

// whole tells whether a record has a file that may be stored without asking anybody: one that its writer closed, or
// lines for the end of one. What was cut off in the middle of a copy would look complete under its name.
func whole(r content.Record) bool {
	return r.State == content.StateClosed || r.State == content.StateOpen && r.Target.Intent == content.IntentAppend
}

// serve waits for the end of the mount.
func (m *mounted) serve(signals <-chan os.Signal) error {
	for {
		select {
		case <-m.gone:
			m.notifyStopping()
			return m.flushRest()
		case s := <-signals:
			switch s {
			case syscall.SIGUSR1:
				m.dump()
			case syscall.SIGUSR2:
				m.log.Info("the log level is changed", "level", m.log.cycle())
			default:
				return m.stop(signals, s)
			}
		}
	}
}

// stop uploads what is pending and unmounts, since a signal asked for it. A second one ends at once.
func (m *mounted) stop(signals <-chan os.Signal, s os.Signal) error {
	m.log.Info("stopping", "signal", s.String())
	m.notifyStopping()
	ctx, cancel := context.WithTimeout(context.Background(), m.cfg.UnmountTimeout)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- m.unmount(ctx, true) }()
	for {
		select {
		case err := <-done:
			return err
		case s := <-signals:
			if s == syscall.SIGINT || s == syscall.SIGTERM {
				if err := m.server.Detach(); err != nil {
					m.log.Warn("cannot detach the mount", "error", err)
				}
				files, bytes := m.fs.Pending()
				return m.pending(files, bytes)
			}
		}
	}
}

// unmount uploads everything and takes the mount away. force detaches it while it is in use, and then waits for those
// who use it until ctx ends.
func (m *mounted) unmount(ctx context.Context, force bool) error {
	m.tell.begin()
	left := m.server.Flush(ctx)
	err := m.server.Unmount()
	if errors.Is(err, fs.ErrBusy) && force {
		m.tell.say("the mount is in use; waiting until it is not")
		err = m.server.Detach()
	}
	if err != nil {
		if errors.Is(err, fs.ErrBusy) {
			return busy(m.cfg.MountPoint)
		}
		return fail(codeFUSE, "", "cannot unmount %s: %v", m.cfg.MountPoint, err)
	}
	select {
	case <-m.gone:
		left = m.server.Flush(ctx) // what was written since
	case <-ctx.Done():
	}
	if left > 0 {
		files, bytes := m.fs.Pending()
		return m.pending(files, bytes)
	}
	return nil
}

// flushRest stores what is pending when somebody else took the mount away.
func (m *mounted) flushRest() error {
	ctx, cancel := context.WithTimeout(context.Background(), m.cfg.UnmountTimeout)
	defer cancel()
	if m.server.Flush(ctx) > 0 {
		files, bytes := m.fs.Pending()
		return m.pending(files, bytes)
	}
	return nil
}

func (m *mounted) pending(files int, bytes int64) error {
	return fail(codePending, "they are in the journal: mount again to upload them, or see sentientfs recover list",
		"%d files (%s) are not in S3 yet", files, formatBytes(bytes))
}

// down ends everything after the mount is gone, and returns err.
func (m *mounted) down(err error) error {
	m.cancel()
	m.replaying.Wait()
	m.fs.Close()
	if cerr := m.stack.close(); cerr != nil {
		m.log.Warn("cannot close everything", "error", cerr)
	}
	if err != nil {
		m.log.Error(err.Error())
	}
	m.log.Info("unmounted", "mountpoint", m.cfg.MountPoint)
	return err
}

// dump writes what the mount does to its log.
func (m *mounted) dump() {
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	files, bytes := m.fs.Pending()
	usage := m.stack.content.Usage()
	buffers, most := m.stack.engine.Memory()
	m.log.Warn("status", "up", time.Since(m.started).Round(time.Second).String(), "pending_files", files,
		"pending_bytes", bytes, "journal_files", usage.DirtyFiles, "journal_bytes", usage.Dirty, "clean_bytes", usage.Clean,
		"disk_budget", usage.Budget, "buffers", buffers, "buffers_budget", most, "heap", mem.HeapAlloc, "sys", mem.Sys,
		"goroutines", runtime.NumGoroutine(), "traits", fmt.Sprintf("%+v", m.stack.traits))
}

// command does what a command asks of this mount over its socket.
func (m *mounted) command(ctx context.Context, req control.Request, progress func(string)) (any, error) {
	stopTelling := m.tell.also(progress)
	defer stopTelling()
	var (
		result any
		err    error
	)
	switch req.Op {
	case opUnmount:
		ctx, cancel := context.WithTimeout(ctx, m.cfg.UnmountTimeout)
		defer cancel()
		err = m.unmount(ctx, req.Force)
	case opFlush:
		m.tell.begin()
		if left := m.server.Flush(ctx); left > 0 {
			files, bytes := m.fs.Pending()
			err = m.pending(files, bytes)
		}
	case opRecords:
		result = m.stack.content.Records()
	case opRestore:
		m.tell.begin()
		result, err = restoreRecord(ctx, m.stack, req)
	case opDiscard:
		err = discardFile(ctx, m.stack, req.ID, req.Force)
	default:
		err = fail(codeUsage, "use one version for both", "the mount does not know %q", req.Op)
	}
	if err != nil {
		f := toFailure(err)
		return nil, &control.Failure{What: f.what, Hint: f.hint, Code: f.code}
	}
	return result, nil
}
