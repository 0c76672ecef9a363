package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/sentient-agi/sentientfs/internal/config"
)

// flagRecorder keeps what was given for the flags of one command line, in order. Text becomes values in
// internal/config, which finds all mistakes at once where a parser would stop at the first.
type flagRecorder struct{ given []config.Flag }

// recordedValue is the cli.Value of one flag.
type recordedValue struct {
	recorder *flagRecorder
	setting  config.Setting
}

func (v *recordedValue) Set(s string) error {
	v.recorder.given = append(v.recorder.given, config.Flag{Name: v.setting.Name, Value: s})
	return nil
}

func (v *recordedValue) String() string   { return "" }
func (v *recordedValue) Get() any         { return nil }
func (v *recordedValue) IsBoolFlag() bool { return !v.setting.TakesValue() }

// settingFlags makes a flag of each setting.
func settingFlags(r *flagRecorder) []cli.Flag {
	var flags []cli.Flag
	for _, s := range config.Settings() {
		flags = append(flags, &cli.GenericFlag{Name: s.Name, Aliases: s.Aliases, Usage: s.Usage, Category: s.Group,
			Value: &recordedValue{recorder: r, setting: s}, Local: true})
	}
	return flags
}

// load reads the settings of this run. args are the positional arguments.
func (p *program) load(r *flagRecorder, args []string) *config.Config {
	dir, err := os.Getwd()
	if err != nil {
		dir = "" // the folder is gone: there is no .env in it
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = ""
	}
	return config.Load(config.Input{Flags: r.given, Args: args, Environ: p.environ, Dir: dir, System: config.SystemFile,
		Home: home, UID: uint32(os.Getuid()), GID: uint32(os.Getgid())})
}

// tellNotes writes what was understood otherwise than it may have been meant.
func (p *program) tellNotes(c *config.Config) {
	for _, n := range c.Notes {
		p.note("note: %s", n)
	}
	for _, w := range c.Problems {
		if w.Warning {
			p.note("warning: %s (%s)", w.What, w.Hint)
		}
	}
}

// fatal makes an error of what no command can go on with.
func fatal(problems []config.Problem) error {
	var all failures
	for _, pr := range problems {
		code := codeConfig
		if pr.Mount {
			code = codeMountPoint
		}
		all = append(all, &failure{what: pr.What, hint: pr.Hint, code: code})
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// flagHelp lists the settings by group, as the help shows them.
func flagHelp() string {
	var b strings.Builder
	group := ""
	for _, s := range config.Settings() {
		if s.Group != group {
			group = s.Group
			fmt.Fprintf(&b, "\n%s:\n", group)
		}
		head := "--" + s.Name
		if len(s.Name) == 1 {
			head = "-" + s.Name
		}
		if s.TakesValue() {
			head += " " + s.Value
		} else if s.Kind == config.OnOff {
			head += "=" + s.Value
		}
		fmt.Fprintf(&b, "   %s\n", head)
		fmt.Fprintf(&b, "         %s", s.Usage)
		if s.Default != "" {
			fmt.Fprintf(&b, " (default: %s)", s.Default)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// exitHelp is the table of exit codes.
func exitHelp() string {
	var b strings.Builder
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "   %2d  %s\n", e.code, e.meaning)
	}
	return b.String()
}

// plainTemplate makes a help template of a text that has no template in it.
func plainTemplate(text string) string { return strings.ReplaceAll(text, "{{", "{{`{{`}}") }
