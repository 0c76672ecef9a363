//go:build !sandbox

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/sentient-agi/sentientfs/bench"
	"github.com/sentient-agi/sentientfs/bench/proxy"
	results "github.com/sentient-agi/sentientfs/bench/report"
	"github.com/sentient-agi/sentientfs/bench/work"
	"github.com/sentient-agi/sentientfs/internal/config"
)

// Of the embedded server of a benchmark, which nobody else knows of.
const (
	benchBucket = "bench"
	benchKey    = "sentientfs-bench"
)

func (p *program) benchCommand() *cli.Command {
	return &cli.Command{
		Name:     "bench",
		Usage:    "measure mounts beside a direct client and the local disk",
		Category: "Without an account",
		Description: "It starts a server and a proxy that is as far away as a real one, mounts with the default settings\n" +
			"(strict) and with relaxed ones, and prints times as multiples of a direct client's.",
		// The command of a rival has commas in it.
		DisableSliceFlagSeparator: true,
		Flags:                     benchFlags(),
		Commands:                  []*cli.Command{p.benchProxy(), p.benchNames()},
		Action: func(ctx context.Context, c *cli.Command) error {
			if err := noArguments(c); err != nil {
				return err
			}
			if c.Bool("list") {
				return p.listRows(benchScale(c))
			}
			res, err := p.benchResults(ctx, c)
			if err != nil {
				return err
			}
			return p.showResults(c, res)
		},
	}
}

// benchProxy and benchNames are processes of a benchmark.
func (p *program) benchProxy() *cli.Command {
	return &cli.Command{Name: bench.ProxyCommand, Hidden: true, Usage: "relay to HOST:PORT, with orders from standard input",
		Action: func(_ context.Context, c *cli.Command) error {
			target, err := argument(c, "HOST:PORT")
			if err != nil {
				return err
			}
			signal.Ignore(syscall.SIGINT) // the run ends it when it has unmounted
			return proxy.Serve(target, os.Stdin, p.stdout)
		}}
}

func (p *program) benchNames() *cli.Command {
	return &cli.Command{Name: bench.NamesCommand, Hidden: true, Usage: "serve a bucket of N names",
		Action: func(ctx context.Context, c *cli.Command) error {
			arg, err := argument(c, "number")
			if err != nil {
				return err
			}
			n, err := strconv.Atoi(arg)
			if err != nil || n < 0 {
				return fail(codeUsage, "", "%q is no number of names", arg)
			}
			signal.Ignore(syscall.SIGINT)
			ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
			defer stop()
			return bench.ServeNames(ctx, n, p.stdout)
		}}
}

func (p *program) listRows(s work.Scale) error {
	for _, row := range work.Rows() {
		if _, err := fmt.Fprintf(p.stdout, "%-14s %s\n", row.Name, row.Title(s)); err != nil {
			return err
		}
	}
	return nil
}

func benchScale(c *cli.Command) work.Scale {
	of := func(name string) float64 {
		if c.IsSet(name) {
			return c.Float64(name)
		}
		return c.Float64("scale")
	}
	return work.Scale{Sizes: of("scale"), Counts: of("counts"), Trees: of("trees")}
}

// benchResults measures, or reads what was measured.
func (p *program) benchResults(ctx context.Context, c *cli.Command) (*results.Results, error) {
	if from := c.String("from"); from != "" {
		f, err := os.Open(from)
		if err != nil {
			return nil, fail(codeFailure, "", "cannot read results: %v", err)
		}
		defer f.Close()
		res, err := results.Read(f)
		if err != nil {
			return nil, fail(codeFailure, "", "cannot read results in %s: %v", from, err)
		}
		return res, nil
	}
	o, err := p.benchOptions(c)
	if err != nil {
		return nil, err
	}
	if err := checkDevice(); err != nil {
		return nil, err
	}
	return p.measure(ctx, c, o)
}

func (p *program) measure(ctx context.Context, c *cli.Command, o bench.Options) (_ *results.Results, err error) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if o.Dir, err = os.MkdirTemp(c.String("work-dir"), "sentientfs-bench-"); err != nil {
		return nil, fail(codeFailure, "give --work-dir a folder on a local disk", "cannot make a folder: %v", err)
	}
	defer func() {
		if rerr := os.RemoveAll(o.Dir); rerr != nil {
			p.note("warning: %v", rerr)
		}
	}()
	var lines bytes.Buffer
	o.Out = &lines
	if dir := c.String("out"); dir != "" {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fail(codeFailure, "", "cannot make the folder for the results: %v", err)
		}
		f, err := os.Create(filepath.Join(dir, "results.jsonl"))
		if err != nil {
			return nil, fail(codeFailure, "", "cannot write the results: %v", err)
		}
		defer f.Close()
		o.Out = io.MultiWriter(&lines, f)
	}
	if err := bench.Run(ctx, o); err != nil {
		return nil, fail(codeFailure, "", "the benchmark ended: %v", err)
	}
	return results.Read(&lines)
}

func (p *program) benchOptions(c *cli.Command) (o bench.Options, err error) {
	o = bench.Options{Version: version(), Endpoint: c.String("endpoint"), Region: c.String("region"), Bucket: benchBucket,
		KeyID: benchKey, Secret: benchKey, Scale: benchScale(c),
		Rounds: c.Int("rounds"), RivalRounds: c.Int("rival-rounds"), Delay: c.Duration("delay"), Targets: c.StringSlice("target"),
		Flags: strings.Fields(c.String("flags")), Relaxed: strings.Fields(c.String("relaxed")),
		Patience: c.Duration("patience"), Flush: p.flush, Log: p.stderr}
	if o.Bin, err = os.Executable(); err != nil {
		return o, fail(codeFailure, "", "cannot find the own program: %v", err)
	}
	if o.Rounds < 1 || min(o.Scale.Sizes, o.Scale.Counts, o.Scale.Trees) <= 0 || o.Delay < 0 {
		return o, fail(codeUsage, "", "cannot measure less than one round, a scale of 0 or a delay below 0")
	}
	if d := c.Duration("budget"); d > 0 {
		o.Deadline = time.Now().Add(d)
	}
	if rows := c.String("rows"); rows != "" {
		if o.Only, err = regexp.Compile("^(" + rows + ")$"); err != nil {
			return o, fail(codeUsage, "", "cannot understand --rows: %v", err)
		}
	}
	for _, text := range c.StringSlice("rival") {
		rival, err := bench.ParseRival(text)
		if err != nil {
			return o, fail(codeUsage, "write --rival 'NAME=COMMAND {bucket} {dir}'", "cannot understand --rival: %v", err)
		}
		o.Rivals = append(o.Rivals, rival)
	}
	return o, p.benchServer(c, &o)
}

// benchServer fills in the bucket and keys of a server that is given.
func (p *program) benchServer(c *cli.Command, o *bench.Options) (err error) {
	if o.Endpoint == "" {
		return nil
	}
	if o.Bucket, o.Prefix, err = config.ParseTarget(c.String("bucket")); err != nil {
		return fail(codeUsage, "write --bucket BUCKET[:PREFIX]", "cannot use the bucket: %v", err)
	}
	o.KeyID, o.Secret, o.Token = os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN")
	if o.KeyID == "" || o.Secret == "" {
		return fail(codeCredentials, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", "there are no keys for %s", o.Endpoint)
	}
	return nil
}

// showResults prints the tables and writes the files that were asked for.
func (p *program) showResults(c *cli.Command, res *results.Results) error {
	var errs []error
	if dir := c.String("out"); dir != "" {
		errs = append(errs, os.MkdirAll(dir, 0o755),
			os.WriteFile(filepath.Join(dir, "table.md"), []byte(res.Section("ratios.svg")), 0o644),
			os.WriteFile(filepath.Join(dir, "ratios.svg"), []byte(res.Picture()), 0o644))
	}
	if doc := c.String("write-doc"); doc != "" {
		errs = append(errs, res.WriteDocument(doc))
	}
	if err := errors.Join(errs...); err != nil {
		return fail(codeFailure, "", "cannot write the results: %v", err)
	}
	if c.Bool("json") {
		return p.printJSON(res)
	}
	text := res.Table() + "\n" + results.Legend
	if f := res.Failures(); f != "" {
		text += "\nfailed:\n" + f
	}
	_, err := fmt.Fprint(p.stdout, text)
	return err
}
