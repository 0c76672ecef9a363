package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/sentient-agi/sentientfs/internal/config"
)

// execute runs the command that the name of the program and its arguments say.
func (p *program) execute(ctx context.Context) error {
	name := filepath.Base(p.args[0])
	args := append([]string{name}, p.args[1:]...)
	root := p.root()
	switch {
	case strings.HasPrefix(name, "mount."):
		rest, fake := helperArguments(args[1:])
		if fake {
			return nil
		}
		root, args = p.mountCommand(name), append(args[:1], rest...)
	case name == "goofys":
		root = p.mountCommand(name)
	case len(args) > 1 && root.Command(args[1]) == nil && fstabForm(args[1:]):
		root = p.mountCommand(name)
	}
	args = joinOnOff(args)
	p.finish(root)
	return root.Run(ctx, args)
}

// joinOnOff writes `--posix-metadata off` as `--posix-metadata=off`: the flag also goes without a value, and the
// parser would take the word for the bucket.
func joinOnOff(args []string) []string {
	var out []string
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			return append(out, args[i:]...)
		}
		if i+1 < len(args) && strings.HasPrefix(arg, "-") && isOnOff(strings.TrimLeft(arg, "-")) {
			if next := args[i+1]; next == "on" || next == "off" {
				arg += "=" + next
				i++
			}
		}
		out = append(out, arg)
	}
	return out
}

func isOnOff(name string) bool {
	for _, s := range config.Settings() {
		if s.Name == name {
			return s.Kind == config.OnOff
		}
	}
	return false
}

func (p *program) root() *cli.Command {
	return &cli.Command{
		Name:                  "sentientfs",
		Usage:                 "an S3 bucket as a folder",
		Version:               version(),
		EnableShellCompletion: true,
		Commands:              p.commands(),
		Description: "Start with `sentientfs demo`, which needs no account, or\n" +
			"`sentientfs mount BUCKET MOUNTPOINT`. Each command explains itself with --help.",
		CustomRootCommandHelpTemplate: rootHelp,
		ConfigureShellCompletionCommand: func(c *cli.Command) {
			c.Hidden = false
			c.Category = "Help"
			c.Usage = "print the completion script of a shell"
		},
		Action: func(_ context.Context, c *cli.Command) error {
			if c.Args().Present() {
				return p.unknownCommand(c)
			}
			return cli.ShowRootCommandHelp(c)
		},
	}
}

const rootHelp = `sentientfs - {{.Usage}}

usage: sentientfs COMMAND [flags] [arguments]

{{wrap .Description 0}}
{{range .VisibleCategories}}{{if .Name}}
{{.Name}}:{{range .VisibleCommands}}
   {{printf "%-12s" .Name}} {{.Usage}}{{end}}
{{end}}{{end}}
` + `Flags: -h, --help   -v, --version
`

func (p *program) unknownCommand(c *cli.Command) error {
	word := c.Args().First()
	hint := "see sentientfs --help"
	if near := cli.SuggestCommand(c.Root().Commands, word); near != "" {
		hint = "did you mean sentientfs " + near + "?"
	}
	return fail(codeUsage, hint, "there is no command %q", word)
}

// finish gives each command the rules that hold for all.
func (p *program) finish(c *cli.Command) {
	c.Writer, c.ErrWriter = p.stdout, p.stderr
	c.HideHelpCommand = true
	c.ExitErrHandler = func(context.Context, *cli.Command, error) {}
	c.OnUsageError = usageError
	for _, sub := range c.Commands {
		p.finish(sub)
	}
}

// usageError makes one sentence of what the parser says.
func usageError(_ context.Context, c *cli.Command, err error, _ bool) error {
	text := err.Error()
	see := "see " + c.FullName() + " --help"
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		if near := config.Suggest(name); near != "" {
			see = "did you mean --" + near + "?"
		}
		return fail(codeUsage, see, "there is no flag --%s", name)
	}
	if name, ok := strings.CutPrefix(text, "flag needs an argument: "); ok {
		return fail(codeUsage, see, "the flag --%s needs a value", strings.TrimLeft(name, "-"))
	}
	return fail(codeUsage, see, "cannot understand the command line: %s", text)
}

// argument returns the only argument of a command, fallback if there is none.
func argument(c *cli.Command, what string) (string, error) {
	if n := c.Args().Len(); n != 1 {
		return "", fail(codeUsage, "see "+c.FullName()+" --help", "%s takes one %s, not %d", c.FullName(), what, n)
	}
	return c.Args().First(), nil
}

func noArguments(c *cli.Command) error {
	if c.Args().Present() {
		return fail(codeUsage, "see "+c.FullName()+" --help", "%s takes no argument %q", c.FullName(), c.Args().First())
	}
	return nil
}

// note writes a line about the way to standard error.
func (p *program) note(format string, args ...any) {
	fmt.Fprintf(p.stderr, format+"\n", args...)
}
