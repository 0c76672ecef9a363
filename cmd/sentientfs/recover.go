package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/sentient-agi/sentientfs/internal/config"
	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/control"
)

func (p *program) recoverCommand() *cli.Command {
	return &cli.Command{
		Name:     "recover",
		Usage:    "list, store or drop what could not be uploaded",
		Category: "Mounts",
		Commands: []*cli.Command{p.recoverList(), p.recoverRestore(), p.recoverDiscard()},
		Action: func(_ context.Context, c *cli.Command) error {
			if c.Args().Present() {
				return fail(codeUsage, "it is list, restore or discard", "there is no command recover %q", c.Args().First())
			}
			return cli.ShowSubcommandHelp(c)
		},
	}
}

// entry is a line of recover list.
type entry struct {
	ID      string     `json:"id"`
	Key     string     `json:"key"`
	Size    int64      `json:"size"`
	Written int64      `json:"written"` // bytes that are not in S3
	Base    *entryBase `json:"base,omitempty"`
	State   string     `json:"state"`
	Reason  string     `json:"reason,omitempty"`
	Changed time.Time  `json:"changed"`
	Source  string     `json:"source"`
	Mount   string     `json:"mountpoint"`
	record  content.Record
	info    mountInfo
	folder  string
}

// entryBase is the version of which a file is a change.
type entryBase struct {
	ETag     string    `json:"etag"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
}

func newEntry(r content.Record, info mountInfo, folder string) entry {
	e := entry{ID: r.ID, Key: r.Key, Size: r.Size, State: r.State, Reason: r.Reason, Changed: r.Changed,
		Source: info.Source, Mount: info.MountPoint, record: r, info: info, folder: folder}
	for _, w := range r.Dirty {
		e.Written += w.Len
	}
	if r.HasBase {
		e.Base = &entryBase{ETag: r.Base.ETag, Size: r.Base.Size, Modified: r.Base.LastModified}
	}
	return e
}

// why tells a person what keeps the file here.
func (e entry) why() string {
	switch {
	case e.Reason != "":
		return e.Reason
	case e.State == content.StateOpen:
		return "its writer was not done"
	}
	return "it waits to be uploaded"
}

func (e entry) base() string {
	if e.Base == nil {
		return "new"
	}
	return fmt.Sprintf("%.8s of %s", e.Base.ETag, formatBytes(e.Base.Size))
}

func (p *program) recoverList() *cli.Command {
	return &cli.Command{
		Name:  "list",
		Usage: "list the files that are in the journals and not in S3",
		Description: "A conflict is a file that someone else changed meanwhile, an open one had a writer that was not\n" +
			"done when its mount was killed: nothing happens to them until you restore or discard them. Other\n" +
			"files are uploaded by the mount, or by the next one of the same bucket and folder.",
		Flags: []cli.Flag{cacheDirFlag(), jsonFlag()},
		Action: func(ctx context.Context, c *cli.Command) error {
			if err := noArguments(c); err != nil {
				return err
			}
			entries, err := p.entries(ctx, p.cacheDir(c))
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return p.printJSON(nonNil(entries))
			}
			if len(entries) == 0 {
				_, err := fmt.Fprintln(p.stdout, "everything is in S3")
				return err
			}
			w := tabwriter.NewWriter(p.stdout, 0, 8, 2, ' ', 0)
			fmt.Fprintln(w, "ID\tSTATE\tSIZE\tBASE\tCHANGED\tMOUNT\tFILE\tWHY")
			for _, e := range entries {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%q\t%s\n", e.ID, e.State, formatBytes(e.Size), e.base(),
					e.Changed.Local().Format(time.DateTime), e.Mount, e.Key, e.why())
			}
			return w.Flush()
		},
	}
}

func (p *program) recoverDiscard() *cli.Command {
	r := &flagRecorder{}
	return &cli.Command{
		Name:      "discard",
		Usage:     "drop a file of the journal for good",
		ArgsUsage: "ID",
		Description: "Where parts of the file were sent to S3 already they are given up there too, for which the flags\n" +
			"and variables of mount say how to reach it.",
		Flags: append(settingFlags(r),
			&cli.BoolFlag{Name: "yes", Usage: "drop it", Local: true},
			&cli.BoolFlag{Name: "force", Usage: "drop it also where the parts in S3 cannot be given up", Local: true}),
		Action: func(ctx context.Context, c *cli.Command) error {
			id, err := argument(c, "ID")
			if err != nil {
				return err
			}
			e, err := p.find(ctx, p.load(r, nil).Disk.Dir, id)
			if err != nil {
				return err
			}
			if !c.Bool("yes") {
				return fail(codeUsage, "add --yes to drop it; recover restore "+id+" --to-file FILE saves it first",
					"this would drop %s of %q that are nowhere else", formatBytes(e.Written), e.Key)
			}
			return p.discard(ctx, r, e, c.Bool("force"))
		},
	}
}

func (p *program) discard(ctx context.Context, r *flagRecorder, e entry, force bool) error {
	_, err := control.Call(ctx, socketPath(e.Mount), control.Request{Op: opDiscard, ID: e.ID, Force: force}, nil)
	if err == nil || !errors.Is(err, control.ErrNoMount) {
		return orControlFailure(err)
	}
	s, err := p.openRecord(ctx, r, e, e.record.Upload != nil && !force)
	if err != nil {
		return err
	}
	return errors.Join(discardFile(ctx, s, e.ID, force), s.close())
}

func cacheDirFlag() cli.Flag {
	return &cli.StringFlag{Name: "cache-dir", Usage: "the `DIR` that the mounts had", Local: true}
}

// cacheDir is the folder of the journals: the flag, or what a mount would take now.
func (p *program) cacheDir(c *cli.Command) string {
	r := &flagRecorder{}
	if dir := c.String("cache-dir"); dir != "" {
		r.given = append(r.given, config.Flag{Name: "cache-dir", Value: dir})
	}
	return p.load(r, nil).Disk.Dir
}

// entries lists the journals below dir: of a running mount through its socket, else from the disk.
func (p *program) entries(ctx context.Context, dir string) ([]entry, error) {
	infos, err := filepath.Glob(filepath.Join(dir, "*", mountFile))
	if err != nil {
		return nil, fail(codeCache, "", "cannot read %s: %v", dir, err)
	}
	var all []entry
	for _, path := range infos {
		var info mountInfo
		text, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(text, &info)
		}
		if err != nil {
			p.note("warning: cannot read %s: %v", path, err)
			continue
		}
		folder := filepath.Dir(path)
		records, err := records(ctx, folder, info)
		if err != nil {
			p.note("warning: cannot read the journal of %s: %v", info.MountPoint, err)
			continue
		}
		for _, r := range records {
			all = append(all, newEntry(r, info, folder))
		}
	}
	return all, nil
}

// records returns the journal of a mount. One that comes up has its folder a moment before it listens, and one that
// ends a moment longer.
func records(ctx context.Context, folder string, info mountInfo) (list []content.Record, err error) {
	for end := time.Now().Add(lockPatience); ; {
		answer, err := control.Call(ctx, socketPath(info.MountPoint), control.Request{Op: opRecords}, nil)
		if err == nil {
			return list, json.Unmarshal(answer, &list)
		}
		if !errors.Is(err, control.ErrNoMount) {
			return nil, orControlFailure(err)
		}
		s, err := openJournal(folder)
		if err == nil {
			list = s.Records()
			return list, s.Close()
		}
		if toFailure(err).code != codeBusy || time.Now().After(end) {
			return nil, err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// openJournal opens the journal of a mount that does not run. Its budget is that of the mount to come: nothing is
// evicted here.
func openJournal(folder string) (*content.Store, error) {
	s, err := content.Open(content.Options{Dir: filepath.Join(folder, contentDir), Size: 1 << 60, KeepFree: -1})
	var locked *content.LockedError
	switch {
	case err == nil:
		return s, nil
	case errors.As(err, &locked):
		return nil, fail(codeBusy, "end the program that uses it, or ask as the user who mounted", "%v", err)
	}
	return nil, fail(codeCache, "see --cache-dir", "%v", err)
}

func (p *program) find(ctx context.Context, dir, id string) (entry, error) {
	all, err := p.entries(ctx, dir)
	if err != nil {
		return entry{}, err
	}
	for _, e := range all {
		if e.ID == id {
			return e, nil
		}
	}
	return entry{}, fail(codeUsage, "see sentientfs recover list", "no journal in %s has a file %q", dir, id)
}

func orControlFailure(err error) error {
	if err == nil {
		return nil
	}
	return controlFailure(err)
}
