package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/sentient-agi/sentientfs/internal/config"
	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/control"
	"github.com/sentient-agi/sentientfs/internal/object"
	"github.com/sentient-agi/sentientfs/internal/transfer"
)

func (p *program) recoverRestore() *cli.Command {
	r := &flagRecorder{}
	return &cli.Command{
		Name:      "restore",
		Usage:     "store a file of the journal in the bucket, or save it here",
		ArgsUsage: "ID [FILE]",
		Description: "It goes under its own name where nobody changed that meanwhile, and leaves the journal then. With\n" +
			"FILE, or --to-file FILE, it is saved as a local file that must not exist, and the journal keeps it until\n" +
			"you discard it. A running mount does it itself; without one the flags and variables of mount say how to\n" +
			"reach the bucket, whose name and endpoint the journal knows.",
		Flags: append(settingFlags(r),
			&cli.BoolFlag{Name: "overwrite", Usage: "replace what is there now", Local: true},
			&cli.StringFlag{Name: "to", Usage: "store it as `PATH`, below the mount point or relative to it", Local: true},
			&cli.StringFlag{Name: "to-file", Usage: "save it as the local `FILE`", Local: true},
			&cli.BoolFlag{Name: "part", Usage: "only what was written: of an append its lines, of a change zeros elsewhere", Local: true}),
		Action: func(ctx context.Context, c *cli.Command) error {
			req := control.Request{Op: opRestore, ID: c.Args().First(), To: c.String("to-file"), Key: c.String("to"),
				Overwrite: c.Bool("overwrite"), Part: c.Bool("part")}
			n := c.Args().Len()
			if n == 2 && req.To == "" {
				req.To = c.Args().Get(1)
				n = 1
			}
			if n != 1 || req.ID == "" {
				return fail(codeUsage, "see sentientfs recover restore --help", "recover restore takes an ID, and at most one FILE")
			}
			return p.restore(ctx, r, req)
		},
	}
}

// restored is what a restore did.
type restored struct {
	Key  string `json:"key,omitempty"`  // it is in the bucket
	File string `json:"file,omitempty"` // it is on this machine, and in the journal
}

func (p *program) restore(ctx context.Context, r *flagRecorder, req control.Request) error {
	if req.To != "" {
		if req.Key != "" || req.Overwrite {
			return fail(codeUsage, "leave out --to and --overwrite", "a local file has no place in the bucket")
		}
		var err error
		if req.To, err = filepath.Abs(req.To); err != nil {
			return fail(codeUsage, "", "cannot use %s: %v", req.To, err)
		}
	}
	e, err := p.find(ctx, p.load(r, nil).Disk.Dir, req.ID)
	if err != nil {
		return err
	}
	if req.Key != "" {
		if req.Key, err = keyOf(req.Key, e.Mount); err != nil {
			return err
		}
	}
	var did restored
	answer, err := control.Call(ctx, socketPath(e.Mount), req, func(s string) { p.note("%s", s) })
	switch {
	case err == nil:
		err = json.Unmarshal(answer, &did)
	case errors.Is(err, control.ErrNoMount):
		did, err = p.restoreHere(ctx, r, e, req)
	default:
		err = controlFailure(err)
	}
	if err != nil {
		return err
	}
	if did.File != "" {
		_, err = fmt.Fprintf(p.stdout, "saved as %s; the journal keeps it until: sentientfs recover discard --yes %s\n", did.File, e.ID)
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "stored as %q in %s\n", did.Key, e.Source)
	return err
}

// restoreHere restores from the journal of a mount that does not run.
func (p *program) restoreHere(ctx context.Context, r *flagRecorder, e entry, req control.Request) (restored, error) {
	s, err := p.openRecord(ctx, r, e, req.To == "" || !req.Part && needsBucket(e.record))
	if err != nil {
		return restored{}, err
	}
	did, err := restoreRecord(ctx, s, req)
	return did, errors.Join(err, s.close())
}

// keyOf makes a key of a path below the mount point, or relative to it.
func keyOf(to, mountPoint string) (string, error) {
	if filepath.IsAbs(to) {
		rest, ok := strings.CutPrefix(filepath.Clean(to), mountPoint+"/")
		if !ok {
			return "", fail(codeUsage, "--to-file saves it as a local file", "%s is not below the mount point %s", to, mountPoint)
		}
		to = rest
	}
	key := strings.TrimPrefix(path.Clean("/"+to), "/")
	if key == "" || strings.HasSuffix(to, "/") {
		return "", fail(codeUsage, "give the path of a file", "%q is a folder", to)
	}
	return key, nil
}

// needsBucket tells whether bytes of the file may be only in S3.
func needsBucket(r content.Record) bool {
	if !r.HasBase {
		return false
	}
	off := int64(0)
	for _, d := range r.Dirty {
		if d.Off > off {
			break
		}
		off = d.End()
	}
	return off < r.Limit
}

// openRecord opens the journal of a mount that does not run and, with bucket set, the way to its bucket: that of the
// mount, unless a flag says otherwise.
func (p *program) openRecord(ctx context.Context, r *flagRecorder, e entry, bucket bool) (_ *stack, err error) {
	s := &stack{}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.content, err = openJournal(e.folder); err != nil || !bucket {
		return s, err
	}
	c := p.load(r, []string{e.Source, e.Mount})
	if err := fatal(c.Fatal()); err != nil {
		return nil, err
	}
	given := map[string]bool{}
	for _, f := range r.given {
		given[f.Name] = true
	}
	if !given["endpoint"] {
		c.S3.Endpoint = e.info.Endpoint
	}
	if !given["region"] && e.info.Region != "" {
		c.S3.Region = e.info.Region
	}
	return s, s.connect(ctx, c)
}

// connect opens the bucket of a stack that has no mount.
func (s *stack) connect(ctx context.Context, c *config.Config) (err error) {
	log := slog.New(slog.DiscardHandler)
	// Without a log of uploads: the conditions that would need one are not asked for here.
	if s.bucket, err = openBucket(ctx, c, log, nil); err != nil {
		return err
	}
	if s.traits, err = s.bucket.Traits(ctx); err != nil {
		return bucketFailure(c, err)
	}
	s.engine = transfer.New(transfer.Options{Store: s.bucket, Memory: c.Disk.Memory / 2, Traits: s.traits, Log: log})
	return nil
}

// restoreRecord does what recover restore asks for.
func restoreRecord(ctx context.Context, s *stack, req control.Request) (restored, error) {
	f, err := recordOf(s.content, req.ID)
	if err != nil {
		return restored{}, err
	}
	defer f.Release()
	if req.To != "" {
		return restored{File: req.To}, saveFile(ctx, s, f, req)
	}
	key := req.Key
	if key == "" {
		key = f.Target().Key
	}
	source := f
	if req.Part {
		if source, err = partOf(s.content, f, key); err != nil {
			return restored{}, err
		}
		defer source.Release()
	}
	err = s.engine.Restore(ctx, source, transfer.RestoreOptions{Key: req.Key, Overwrite: req.Overwrite})
	if s.names != nil {
		s.names.Forget(key)
	}
	switch {
	case err == nil && source != f:
		err = discardFile(ctx, s, req.ID, false)
	case err == nil:
	case source != f:
		err = errors.Join(storeFailure(err, key), source.Drop())
	default:
		err = storeFailure(err, key)
	}
	return restored{Key: key}, err
}

// recordOf returns a file of the journal, which must not be one that a program is writing now.
func recordOf(s *content.Store, id string) (*content.File, error) {
	f, ok := s.File(id)
	if !ok {
		return nil, fail(codeUsage, "see sentientfs recover list", "the journal has no file %q", id)
	}
	for _, r := range s.Records() {
		if r.ID == id && r.State == content.StateOpen && !recovered(s, f) {
			f.Release()
			return nil, fail(codeBusy, "it is uploaded when it is closed", "%q is being written", r.Key)
		}
	}
	return f, nil
}

// recovered tells whether an earlier run left f.
func recovered(s *content.Store, f *content.File) bool {
	found := false
	for _, g := range s.Recovered() {
		found = found || g == f
		g.Release()
	}
	return found
}

// storeFailure says why a file of the journal could not be stored, and what there is to do.
func storeFailure(err error, key string) error {
	kind := object.KindOf(err)
	switch {
	case errors.Is(err, transfer.ErrBaseGone):
		return fail(codePending, "--part restores what was written, alone",
			"cannot store %q: it needs bytes of a version that is gone from S3", key)
	case kind == object.KindExists:
		return fail(codePending, "--overwrite replaces it, --to PATH stores this file beside it, --to-file FILE saves it here",
			"cannot store %q: someone else made a file of that name", key)
	case kind == object.KindChanged, kind == object.KindNotFound:
		return fail(codePending, "--overwrite replaces what is there, --to PATH stores this file beside it, --to-file FILE saves it here",
			"cannot store %q: %v", key, innermost(err))
	case kind == object.KindDenied:
		return fail(codeCredentials, "the keys must be allowed to write it", "cannot store %q: access is denied: %v", key, innermost(err))
	case kind == object.KindUnavailable, kind == object.KindTimeout, kind == object.KindThrottled:
		return fail(codeNetwork, "try it again; the journal keeps the file", "cannot store %q: the server does not answer: %v", key, innermost(err))
	}
	return fail(codeFailure, "the journal keeps the file", "cannot store %q: %v", key, err)
}

// discardFile drops a file of the journal and the parts of it that were sent. force drops it also where those stay.
func discardFile(ctx context.Context, s *stack, id string, force bool) error {
	f, err := recordOf(s.content, id)
	if err != nil {
		return err
	}
	defer f.Release()
	if s.engine != nil {
		if err := s.engine.Abandon(ctx, f); err != nil && !force {
			return fail(codeFailure, "try it again, or add --force: a lifecycle rule of the bucket takes the parts away",
				"cannot give up the parts of %q in S3: %v", f.Target().Key, innermost(err))
		}
	}
	if err := s.content.Discard(id); err != nil {
		return fail(codeFailure, "see sentientfs recover list", "%v", err)
	}
	return nil
}
