//go:build !sandbox

package bench

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/sentient-agi/sentientfs/bench/report"
	"github.com/sentient-agi/sentientfs/bench/work"
)

// The names of the targets that are always there.
const (
	Direct  = "direct"
	Disk    = "disk"
	Strict  = "strict"
	Relaxed = "relaxed"
)

// A Rival is another mount. Its command is run by sh, must stay in the foreground, and has {bucket} (and :PREFIX),
// {endpoint}, {dir} and {cache} replaced. The keys are in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
type Rival struct{ Name, Command string }

// ParseRival reads NAME=COMMAND.
func ParseRival(s string) (Rival, error) {
	name, command, ok := strings.Cut(s, "=")
	if !ok || name == "" || command == "" {
		return Rival{}, fmt.Errorf("%q is not NAME=COMMAND", s)
	}
	return Rival{name, command}, nil
}

// Options say what is measured.
type Options struct {
	Bin     string // the program: mounts, and the servers of this package
	Dir     string // an empty folder on the local disk, for everything
	Version string

	// The server; without an Endpoint the embedded one is started.
	Endpoint, Region, Bucket, Prefix string
	KeyID, Secret, Token             string

	Scale  work.Scale
	Rounds int
	// RivalRounds is for rivals, which are slow.
	RivalRounds int
	Delay       time.Duration  // added by the proxy
	Only        *regexp.Regexp // names of rows, nil for all
	Targets     []string       // names, none for all
	Flags       []string       // of our mounts, strict and relaxed
	Relaxed     []string       // more flags of the relaxed one
	Rivals      []Rival
	// Deadline is when no further round is begun; the first is always whole.
	Deadline time.Time
	// Patience is how long one row may take; then the mount is ended and the row has failed.
	Patience time.Duration

	// Flush returns when everything that was written below dir is in S3. It is asked of the relaxed mount.
	Flush func(ctx context.Context, dir string) error
	Out   io.Writer // JSON lines
	Log   io.Writer // what goes on, for people
}

// A run of a row: over the line with the delay, or without any.
type entry struct {
	row   *work.Row
	delay time.Duration
}

func (e entry) id() string {
	return fmt.Sprintf("%s@%dms", e.row.Name, e.delay.Milliseconds())
}

// entries are the rows that were asked for; those with a goal for it are run without delay, too.
func (o *Options) entries() []entry {
	var all []entry
	for _, row := range work.Rows() {
		if o.Only != nil && !o.Only.MatchString(row.Name) {
			continue
		}
		all = append(all, entry{row, o.Delay})
	}
	for _, e := range all {
		if e.row.Zero > 0 && o.Delay > 0 {
			all = append(all, entry{e.row, 0})
		}
	}
	return all
}

func (o *Options) wants(target string) bool {
	if len(o.Targets) == 0 {
		return true
	}
	for _, t := range o.Targets {
		if t == target {
			return true
		}
	}
	return false
}

// describe makes the row of a report.
func (e entry) describe(s work.Scale) report.Row {
	r := report.Row{ID: e.id(), Title: e.row.Title(s), DelayMS: float64(e.delay) / 1e6, Reference: Direct,
		Goals: map[string]float64{}, Goal: e.row.Goal}
	if e.row.Disk {
		r.Reference = Disk
	}
	if e.row.Moved != nil {
		r.Moved = e.row.Moved(s)
	}
	strict, relaxed := e.row.Strict, e.row.Relaxed
	if e.delay == 0 && e.row.Zero > 0 {
		strict, relaxed, r.Goal = e.row.Zero, e.row.Zero, ""
	}
	if strict > 0 {
		r.Goals[Strict] = strict
	}
	if relaxed > 0 {
		r.Goals[Relaxed] = relaxed
	}
	return r
}
