//go:build !sandbox

package bench

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sentient-agi/sentientfs/bench/proxy"
	"github.com/sentient-agi/sentientfs/bench/report"
	"github.com/sentient-agi/sentientfs/bench/work"
	"github.com/sentient-agi/sentientfs/internal/mounts"
)

// quiet is how long nothing must have come until the requests of a row are counted: what a mount does behind its
// answers is its doing, too. It is not in the time.
const (
	quiet         = 100 * time.Millisecond
	quietPatience = 3 * time.Second
)

// direct has a row done by the direct client.
func (r *run) direct(ctx context.Context, e entry, j *work.Job, m *report.Measure) error {
	b := r.backend(e)
	j.Client = b.near
	if e.row.Cache == work.Everything && !e.row.Names {
		if err := e.row.Direct(ctx, j); err != nil {
			return err
		}
	}
	j.Client = b.far
	ctx, cancel := context.WithTimeout(ctx, r.Patience)
	defer cancel()
	return r.timed(ctx, b, e, j, m, func() error { return e.row.Direct(ctx, j) })
}

// disk has a row done on the local disk.
func (r *run) disk(ctx context.Context, e entry, j *work.Job, m *report.Measure) error {
	j.Dir = r.diskDir(j.Key)
	if e.row.Cache == work.Everything {
		if err := e.row.Mount(ctx, j); err != nil {
			return err
		}
	} else if err := forgetAll(j.Dir); err != nil {
		return err
	}
	return r.timed(ctx, r.backend(e), e, j, m, func() error { return e.row.Mount(ctx, j) })
}

// forgetAll drops what the kernel has of the files below a folder.
func forgetAll(dir string) error {
	return filepath.WalkDir(dir, func(path string, d iofs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		return errors.Join(forget(f), f.Close())
	})
}

func (r *run) backend(e entry) *backend {
	if e.row.Names {
		return r.names
	}
	return r.store
}

// mounted has a row done on a mount that has just been made.
func (r *run) mounted(ctx context.Context, t *target, e entry, j *work.Job, m *report.Measure) (err error) {
	b := r.backend(e)
	cache, err := r.cache(ctx, t, e, b)
	if err != nil {
		return err
	}
	mnt, err := r.mount(ctx, t, b, cache)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mnt.unmount(context.WithoutCancel(ctx))) }()
	watched, stop := mnt.watch(ctx, r.Patience)
	defer stop()
	if err := r.ready(watched, mnt, e, j); err != nil {
		return late(watched, err)
	}
	before := cpuOf(mnt.cmd.Process.Pid)
	err = r.timed(watched, b, e, j, m, func() error {
		if err := e.row.Mount(watched, j); err != nil || !t.flush {
			return err
		}
		return r.Flush(watched, mnt.dir)
	})
	if err != nil {
		return late(watched, err)
	}
	m.Resident = resident(mnt.cmd.Process.Pid)
	m.CPU = cpuOf(mnt.cmd.Process.Pid) - before
	return nil
}

// ready makes a mount know what the row says that it knows.
func (r *run) ready(ctx context.Context, mnt *mount, e entry, j *work.Job) error {
	if err := mounts.Answers(ctx, mnt.dir); err != nil {
		return err
	}
	j.Dir = filepath.Join(mnt.dir, j.Key)
	switch {
	case e.row.Cache == work.Everything:
		return e.row.Mount(ctx, j)
	case e.row.Before == nil && !e.row.Names, e.row.Changes: // a program works in a folder that it is in
		_, err := os.Stat(j.Dir)
		return err
	}
	return nil
}

// late says why a row failed whose mount was ended.
func late(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return fmt.Errorf("it took too long and was ended (%w)", err)
	}
	return err
}

// watch ends the daemon when the time is over or the run is: system calls that wait for it then fail.
func (m *mount) watch(ctx context.Context, patience time.Duration) (context.Context, func()) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	done := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case <-ctx.Done():
			_ = m.cmd.Process.Kill() // it may have ended
		case <-done:
		}
	}()
	return ctx, func() { close(done); <-stopped; cancel() }
}

// cache returns a cache folder: an empty one, or that of an earlier mount which has listed what the row is about.
func (r *run) cache(ctx context.Context, t *target, e entry, b *backend) (string, error) {
	if e.row.Cache != work.Metadata || t.rival {
		dir := filepath.Join(r.Dir, "cache-"+t.name)
		return dir, os.RemoveAll(dir)
	}
	key := setKey(e.row.Before)
	dir := filepath.Join(r.Dir, "cache-"+t.name+"-"+key)
	if r.known[dir] {
		return dir, nil
	}
	select {
	case <-time.After(time.Until(r.stored.Add(settleAge))):
	case <-ctx.Done():
		return "", ctx.Err()
	}
	mnt, err := r.mount(ctx, t, b, dir)
	if err != nil {
		return "", err
	}
	err = filepath.WalkDir(filepath.Join(mnt.dir, key), func(_ string, d iofs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		_, err = d.Info()
		return err
	})
	if err := errors.Join(err, mnt.unmount(ctx)); err != nil {
		return "", err
	}
	r.known[dir] = true
	return dir, nil
}

// timed does the work over the line of the entry, and measures it.
func (r *run) timed(ctx context.Context, b *backend, e entry, j *work.Job, m *report.Measure, do func() error) error {
	if err := b.settle(ctx); err != nil {
		return err
	}
	if err := b.proxy.Set(proxy.Line{Delay: e.delay, Cap: e.row.Cap}); err != nil {
		return err
	}
	if _, err := b.proxy.Take(); err != nil {
		return err
	}
	cpu, began := ownCPU(), time.Now()
	err := do()
	m.Seconds, m.Program = time.Since(began).Seconds(), ownCPU()-cpu
	var checked error
	if err == nil && e.row.Left != nil && m.Target != Disk {
		m.Early, checked = r.early(ctx, j, e)
	}
	settled := b.settle(ctx)
	counts, taken := b.proxy.Take()
	m.Requests, m.Up, m.Down, m.Most, m.Conns = counts.Requests, counts.Up, counts.Down, counts.Most, counts.Conns
	return errors.Join(err, checked, settled, taken, b.proxy.Set(proxy.Line{}))
}

// early tells whether something was not in S3 yet when the work returned.
func (r *run) early(ctx context.Context, j *work.Job, e entry) (bool, error) {
	all, err := r.store.near.List(ctx, j.Key)
	if err != nil {
		return false, err
	}
	var got work.Left
	for _, o := range all {
		if !strings.HasSuffix(o.Key, "/") {
			got.Objects++
			got.Bytes += o.Size
		}
	}
	if got != e.row.Left(r.Scale) || e.row.Stored == nil {
		return got != e.row.Left(r.Scale), nil
	}
	j.Client = r.store.near
	stored, err := e.row.Stored(ctx, j)
	return !stored, err
}

// settle waits until nothing goes through the proxy any more, for a time: a mount may have work of its own.
func (b *backend) settle(ctx context.Context) error {
	for deadline := time.Now().Add(quietPatience); ; {
		idle, err := b.proxy.Idle(quiet)
		if err != nil || idle || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(quiet / 10):
		}
	}
}

// ownCPU returns the CPU seconds of this process and of those that it ran and waited for.
func ownCPU() float64 {
	var sum float64
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var u unix.Rusage
		if unix.Getrusage(who, &u) == nil {
			sum += float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
		}
	}
	return sum
}
