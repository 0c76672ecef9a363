//go:build !sandbox

package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sentient-agi/sentientfs/bench/direct"
	"github.com/sentient-agi/sentientfs/bench/names"
	"github.com/sentient-agi/sentientfs/bench/report"
	"github.com/sentient-agi/sentientfs/bench/work"
)

// settleAge is how old objects have to be before a mount takes what it knows of them from its disk: S3's times count
// seconds, and a younger object may be followed by one that looks the same.
const settleAge = 6 * time.Second

// A run is one call of Run.
type run struct {
	*Options
	store   *backend
	names   *backend // nil if no row needs it
	mounts  []*target
	entries []entry
	out     *report.Writer
	stored  time.Time       // when the sets were
	sets    map[string]bool // those that are stored
	known   map[string]bool // cache folders of mounts that have listed everything
}

// Run measures everything that was asked for, and writes each result when it is there. What one target cannot do is
// an error of that measure alone.
func Run(ctx context.Context, o Options) (err error) {
	if o.Dir, err = filepath.EvalSymlinks(o.Dir); err != nil { // as the kernel's table has it
		return err
	}
	r := &run{Options: &o, entries: o.entries(), mounts: o.targets(), sets: map[string]bool{}, known: map[string]bool{}}
	if len(r.entries) == 0 {
		return errors.New("there is no such row")
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.start(ctx); err != nil {
		return err
	}
	for round := range o.Rounds {
		for i, e := range r.entries {
			if round > 0 && (e.row.Tree || !o.Deadline.IsZero() && time.Now().After(o.Deadline)) {
				continue
			}
			if err := r.row(ctx, e, round, i); err != nil {
				return err
			}
		}
	}
	return r.clean(context.WithoutCancel(ctx))
}

// start starts the servers and stores what the rows need.
func (r *run) start(ctx context.Context) (err error) {
	var rows []report.Row
	trees, million := false, false
	for _, e := range r.entries {
		rows = append(rows, e.describe(r.Scale))
		million = million || e.row.Names
		trees = trees || e.row.Tree && !e.row.Names
	}
	if r.out, err = report.NewWriter(r.Out, r.machine(), rows); err != nil {
		return err
	}
	if r.store, err = r.startStore(ctx); err != nil {
		return err
	}
	if million {
		if r.names, err = r.startNames(work.Million(r.Scale)); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(r.local(), 0o700); err != nil {
		return err
	}
	if trees {
		if err := work.MakeLocal(ctx, r.local(), r.Scale); err != nil {
			return err
		}
	}
	for _, e := range r.entries {
		if t := e.row.Before; t != nil && !e.row.Changes && !r.sets[t.Name] {
			r.sets[t.Name] = true
			if err := r.fill(ctx, t, setKey(t), r.wants(Disk)); err != nil {
				return err
			}
		}
	}
	r.stored = time.Now()
	return nil
}

func (r *run) local() string { return filepath.Join(r.Dir, "local") }

func (r *run) diskDir(key string) string { return filepath.Join(r.Dir, "disk", key) }

func setKey(t *work.Set) string { return "bench-" + t.Name }

func (r *run) machine() report.Machine {
	var u unix.Utsname
	_ = unix.Uname(&u) // an empty name says that it is not known
	m := report.Machine{CPU: cpuName(), Cores: runtime.NumCPU(), MemoryMB: memoryMB(),
		System: unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:]) + " " + runtime.GOARCH,
		Date:   time.Now().UTC().Format(time.RFC3339), Version: r.Version, Server: "the embedded one (versitygw over a folder)",
		Sizes: r.Scale.Sizes, Counts: r.Scale.Counts, Trees: r.Scale.Trees, Rounds: r.Rounds}
	if r.Endpoint != "" {
		m.Server = r.Endpoint
	}
	for _, name := range []string{Direct, Disk} {
		if r.wants(name) {
			m.Targets = append(m.Targets, report.Target{Name: name})
		}
	}
	for _, t := range r.mounts {
		m.Targets = append(m.Targets, report.Target{Name: t.name, Flags: t.flags})
	}
	return m
}

// fill stores a set below a key, past the proxy, and on the local disk if wanted.
func (r *run) fill(ctx context.Context, t *work.Set, key string, disk bool) error {
	files, size := t.Files(r.Scale), t.Size(r.Scale)
	width := direct.Wide
	if size > direct.Part {
		width = 1
	}
	err := direct.Each(ctx, width, len(files), func(ctx context.Context, i int) (err error) {
		name := key + "/" + files[i]
		if size > direct.Part {
			return r.store.near.PutLarge(ctx, name, size, work.Fill)
		}
		_, err = r.store.near.Put(ctx, name, work.Bytes(size))
		return err
	})
	if err != nil || !disk {
		return err
	}
	return r.fillDisk(t, key)
}

func (r *run) fillDisk(t *work.Set, key string) error {
	files, size := t.Files(r.Scale), t.Size(r.Scale)
	for _, name := range files {
		path := filepath.Join(r.diskDir(key), name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, work.Bytes(size), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// row has a row done by everybody, each time another one first.
func (r *run) row(ctx context.Context, e entry, round, index int) error {
	type doer struct {
		name string
		do   func(context.Context, entry, *work.Job, *report.Measure) error
	}
	var doers []doer
	if e.row.Direct != nil && r.wants(Direct) {
		doers = append(doers, doer{Direct, r.direct})
	}
	if !e.row.Names && r.wants(Disk) {
		doers = append(doers, doer{Disk, r.disk})
	}
	for _, t := range r.mounts {
		if !r.skips(t, e, round) {
			doers = append(doers, doer{t.name, func(ctx context.Context, e entry, j *work.Job, m *report.Measure) error {
				return r.mounted(ctx, t, e, j, m)
			}})
		}
	}
	for i := range doers {
		d := doers[(i+round+index)%len(doers)]
		m := report.Measure{Row: e.id(), Target: d.name, Round: round + 1}
		if err := r.one(ctx, e, &m, d.do); err != nil {
			return err
		}
		if err := r.out.Add(m); err != nil {
			return err
		}
		fmt.Fprintf(r.Log, "%-16s %-8s round %d  %7.3f s  %s\n", m.Row, m.Target, m.Round, m.Seconds, m.Error)
	}
	return nil
}

// skips tells who does not do a row: rivals may have fewer rounds; the names are for the strict mount, since no flag of
// the relaxed one is about them; and the strict one has unlinked beside single DELETEs.
func (r *run) skips(t *target, e entry, round int) bool {
	switch {
	case t.rival:
		return e.row.Names || round >= r.RivalRounds
	case t.flush:
		return e.row.Names
	}
	return e.row.RelaxedOnly
}

// one prepares a row, has it done, and takes away what it leaves. Only the run's own failures are returned.
func (r *run) one(ctx context.Context, e entry, m *report.Measure,
	do func(context.Context, entry, *work.Job, *report.Measure) error) error {
	j := &work.Job{Scale: r.Scale, Round: m.Round, Local: r.local(), Key: names.Dir}
	own := !e.row.Names && (e.row.Before == nil || e.row.Changes)
	switch {
	case own:
		j.Key = fmt.Sprintf("bench-w-%s-%s-%d-%d", e.row.Name, m.Target, e.delay.Milliseconds(), m.Round)
		if err := r.prepare(ctx, e, j.Key, m.Target); err != nil {
			return fmt.Errorf("%s: cannot prepare: %w", e.id(), err)
		}
	case !e.row.Names:
		j.Key = setKey(e.row.Before)
	}
	if err := do(ctx, e, j, m); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		m.Error, m.Seconds = err.Error(), 0
	}
	if !own {
		return nil
	}
	return errors.Join(r.remove(ctx, j.Key), os.RemoveAll(r.diskDir(j.Key)))
}

// prepare makes a folder for one measure.
func (r *run) prepare(ctx context.Context, e entry, key, target string) error {
	if target == Disk {
		if err := os.MkdirAll(r.diskDir(key), 0o700); err != nil || e.row.Before == nil {
			return err
		}
		return r.fillDisk(e.row.Before, key)
	}
	if _, err := r.store.near.Put(ctx, key+"/", nil); err != nil || e.row.Before == nil {
		return err
	}
	return r.fill(ctx, e.row.Before, key, false)
}

// remove removes everything below a key, files before the folders that they are in.
func (r *run) remove(ctx context.Context, key string) error {
	all, err := r.store.near.List(ctx, key)
	if err != nil {
		return err
	}
	var files, dirs []string
	for _, o := range slices.Backward(all) {
		if strings.HasSuffix(o.Key, "/") {
			dirs = append(dirs, o.Key)
		} else {
			files = append(files, o.Key)
		}
	}
	if err := r.store.near.DeleteMany(ctx, files); err != nil {
		return err
	}
	return r.store.near.DeleteMany(ctx, dirs)
}

// clean takes the sets out of a bucket that stays.
func (r *run) clean(ctx context.Context) error {
	if r.Endpoint == "" {
		return nil
	}
	var errs []error
	for name := range r.sets {
		errs = append(errs, r.remove(ctx, "bench-"+name))
	}
	return errors.Join(errs...)
}

func (r *run) close() error {
	var errs []error
	for _, b := range []*backend{r.store, r.names} {
		if b != nil {
			errs = append(errs, b.close())
		}
	}
	return errors.Join(errs...)
}
