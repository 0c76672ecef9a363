//go:build !sandbox

package main

import (
	"time"

	"github.com/urfave/cli/v3"
)

// benchFlags are those of sentientfs bench.
func benchFlags() []cli.Flag {
	return []cli.Flag{
		&cli.Float64Flag{Name: "scale", Usage: "make the work smaller or larger by `FACTOR`", Value: 1, Local: true},
		&cli.Float64Flag{Name: "counts", Usage: "the same for numbers of files and calls (default: as --scale)", Local: true},
		&cli.Float64Flag{Name: "trees", Usage: "the same for git, pip and untar (default: as --scale)", Local: true},
		&cli.IntFlag{Name: "rounds", Usage: "measure each row `N` times and take the median", Value: 3, Local: true},
		&cli.IntFlag{Name: "rival-rounds", Usage: "the same for rivals, which are slow", Value: 1, Local: true},
		&cli.DurationFlag{Name: "delay", Usage: "wait `TIME` before the first byte of each answer", Value: 20 * time.Millisecond, Local: true},
		&cli.StringFlag{Name: "rows", Usage: "only those whose names match the `REGEXP`; --list tells them", Local: true},
		&cli.BoolFlag{Name: "list", Usage: "list the rows and end", Local: true},
		&cli.StringSliceFlag{Name: "target", Usage: "only `NAME`: direct, disk, strict, relaxed or a rival's; may be repeated", Local: true},
		&cli.StringFlag{Name: "flags", Usage: "more `FLAGS` of the mounts, separated by blanks", Local: true},
		&cli.StringFlag{Name: "relaxed", Usage: "the `FLAGS` of the relaxed mount beside those", Value: "--negative-ttl 1s --open-ttl 1s", Local: true},
		&cli.StringSliceFlag{Name: "rival", Usage: "another mount, `NAME=COMMAND`, which stays in the foreground; {bucket} {endpoint} {dir} {cache} are replaced", Local: true},
		&cli.StringFlag{Name: "endpoint", Usage: "measure against the server at http://`HOST:PORT` (default: the embedded one)", Local: true},
		&cli.StringFlag{Name: "bucket", Usage: "`BUCKET[:PREFIX]` there; what is made there is removed again", Local: true},
		&cli.StringFlag{Name: "region", Usage: "the bucket's `REGION`", Value: "us-east-1", Local: true},
		&cli.DurationFlag{Name: "budget", Usage: "begin no further round after `TIME`; the first is always whole", Local: true},
		&cli.DurationFlag{Name: "patience", Usage: "give up a row after `TIME`", Value: 5 * time.Minute, Local: true},
		&cli.StringFlag{Name: "work-dir", Usage: "the `DIR` for everything, on a local disk (default: a temporary one)", Local: true},
		&cli.StringFlag{Name: "out", Usage: "write results.jsonl, table.md and ratios.svg into `DIR`", Local: true},
		&cli.StringFlag{Name: "from", Usage: "measure nothing, show the results in `FILE`", Local: true},
		&cli.StringFlag{Name: "write-doc", Usage: "put the results into the document `FILE`, and the picture beside it", Local: true},
		jsonFlag(),
	}
}
