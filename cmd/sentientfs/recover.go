package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/sentient-agi/sentientfs/internal/config"
	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/control"
	"github.com/sentient-agi/sentientfs/internal/transfer"
)

func (p *program) recoverCommand() *cli.Command {
	return &cli.Command{
		Name:     "recover",
		Usage:    "list, save or drop what could not be uploaded",
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
	ID      string    `json:"id"`
	Key     string    `json:"key"`
	Size    int64     `json:"size"`
	State   string    `json:"state"`
	Reason  string    `json:"reason,omitempty"`
	Changed time.Time `json:"changed"`
	Source  string    `json:"source"`
	Mount   string    `json:"mountpoint"`
	folder  string
}

func (p *program) recoverList() *cli.Command {
	return &cli.Command{
		Name:  "list",
		Usage: "list the files that are in the journals and not in S3",
		Description: "A conflict is a file that someone else changed meanwhile: nothing happens to it until you restore\n" +
			"or discard it. Other files are uploaded by the mount, or by the next one of the same bucket and folder.",
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
			fmt.Fprintln(w, "ID\tSTATE\tSIZE\tCHANGED\tMOUNT\tFILE")
			for _, e := range entries {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%q\n", e.ID, e.State, formatBytes(e.Size),
					e.Changed.Local().Format(time.DateTime), e.Mount, e.Key)
			}
			return w.Flush()
		},
	}
}

func (p *program) recoverRestore() *cli.Command {
	r := &flagRecorder{}
	return &cli.Command{
		Name:      "restore",
		Usage:     "save a file of the journal as a local file",
		ArgsUsage: "ID FILE",
		Description: "FILE must not exist. Where the mount does not run and bytes have to come from S3, the flags and\n" +
			"variables of mount say how. The journal keeps the file until you discard it.",
		Flags: settingFlags(r),
		Action: func(ctx context.Context, c *cli.Command) error {
			if c.Args().Len() != 2 {
				return fail(codeUsage, "see sentientfs recover restore --help", "recover restore takes an ID and a FILE")
			}
			to, err := filepath.Abs(c.Args().Get(1))
			if err != nil {
				return fail(codeUsage, "", "cannot use %s: %v", c.Args().Get(1), err)
			}
			return p.restore(ctx, p.load(r, nil), c.Args().First(), to)
		},
	}
}

func (p *program) recoverDiscard() *cli.Command {
	return &cli.Command{
		Name:      "discard",
		Usage:     "drop a file of the journal for good",
		ArgsUsage: "ID",
		Flags:     []cli.Flag{cacheDirFlag()},
		Action: func(ctx context.Context, c *cli.Command) error {
			id, err := argument(c, "ID")
			if err != nil {
				return err
			}
			e, err := p.find(ctx, p.cacheDir(c), id)
			if err != nil {
				return err
			}
			_, err = control.Call(ctx, socketPath(e.Mount), control.Request{Op: opDiscard, ID: id}, nil)
			if err == nil || !errors.Is(err, control.ErrNoMount) {
				return orControlFailure(err)
			}
			s, err := openJournal(e.folder)
			if err != nil {
				return err
			}
			return errors.Join(discardFile(s, id), s.Close())
		},
	}
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
			all = append(all, entry{ID: r.ID, Key: r.Key, Size: r.Size, State: r.State, Reason: r.Reason, Changed: r.Changed,
				Source: info.Source, Mount: info.MountPoint, folder: folder})
		}
	}
	return all, nil
}

func records(ctx context.Context, folder string, info mountInfo) (list []content.Record, err error) {
	answer, err := control.Call(ctx, socketPath(info.MountPoint), control.Request{Op: opRecords}, nil)
	if err == nil {
		return list, json.Unmarshal(answer, &list)
	}
	if !errors.Is(err, control.ErrNoMount) {
		return nil, orControlFailure(err)
	}
	s, err := openJournal(folder)
	if err != nil {
		return nil, err
	}
	list = s.Records()
	return list, s.Close()
}

// openJournal opens the journal of a mount that does not run. Its budget is that of the mount to come: nothing is
// evicted here.
func openJournal(folder string) (*content.Store, error) {
	s, err := content.Open(content.Options{Dir: filepath.Join(folder, contentDir), Size: 1 << 60, KeepFree: -1})
	if err != nil {
		return nil, fail(codeCache, "end the program that uses it, or ask as the user who mounted", "%v", err)
	}
	return s, nil
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

func (p *program) restore(ctx context.Context, c *config.Config, id, to string) error {
	e, err := p.find(ctx, c.Disk.Dir, id)
	if err != nil {
		return err
	}
	_, err = control.Call(ctx, socketPath(e.Mount), control.Request{Op: opRestore, ID: id, To: to}, nil)
	if err == nil || !errors.Is(err, control.ErrNoMount) {
		return orControlFailure(err)
	}
	s, err := openJournal(e.folder)
	if err != nil {
		return err
	}
	defer s.Close()
	st := &stack{content: s}
	if needsBucket(s, id) {
		c.Source = e.Source
		if c.Bucket, c.Prefix, err = config.ParseTarget(e.Source); err != nil {
			return fail(codeConfig, "", "cannot tell the bucket of %s: %v", e.folder, err)
		}
		if st.bucket, err = openBucket(ctx, c, slog.New(slog.DiscardHandler)); err != nil {
			return err
		}
		defer st.bucket.Close()
		st.engine = transfer.New(transfer.Options{Store: st.bucket, Memory: c.Disk.Memory / 2})
		defer st.engine.Close()
	}
	return restoreFile(ctx, st, id, to)
}

// needsBucket tells whether bytes of the file are only in S3.
func needsBucket(s *content.Store, id string) bool {
	f, ok := s.File(id)
	if !ok {
		return false
	}
	defer f.Release()
	return len(f.Missing(0, f.Size())) > 0
}

// restoreFile writes a file of the journal to a new local file.
func restoreFile(ctx context.Context, s *stack, id, to string) (err error) {
	f, ok := s.content.File(id)
	if !ok {
		return fail(codeUsage, "see sentientfs recover list", "the journal has no file %q", id)
	}
	defer f.Release()
	var read func(p []byte, off int64) (int, error) = f.ReadAt
	if s.engine != nil {
		r := s.engine.NewReader(f)
		defer r.Close()
		read = func(p []byte, off int64) (int, error) { return r.ReadAt(ctx, p, off) }
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fail(codeFailure, "give a new name in a folder that you may write", "cannot save to %s: %v", to, err)
	}
	defer func() {
		err = errors.Join(err, out.Close())
		if err != nil {
			os.Remove(to)
		}
	}()
	buf := make([]byte, 1<<20)
	for off := int64(0); ; {
		n, rerr := read(buf, off)
		if _, werr := out.Write(buf[:n]); werr != nil {
			return fail(codeFailure, "give a name on a disk with room", "cannot save to %s: %v", to, werr)
		}
		off += int64(n)
		if errors.Is(rerr, io.EOF) {
			return out.Sync()
		}
		if rerr != nil {
			return fail(codeFailure, "the version that it was made of may be gone from S3", "cannot read %q of the journal at %d: %v", id, off, rerr)
		}
	}
}

func discardFile(s *content.Store, id string) error {
	if err := s.Discard(id); err != nil {
		return fail(codeFailure, "see sentientfs recover list", "%v", err)
	}
	return nil
}

func orControlFailure(err error) error {
	if err == nil {
		return nil
	}
	return controlFailure(err)
}
