package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/urfave/cli/v3"
)

func (p *program) configCommand() *cli.Command {
	return &cli.Command{
		Name:     "config",
		Usage:    "show or check the settings of a mount",
		Category: "Mounts",
		Commands: []*cli.Command{p.configShow(), p.configCheck()},
		Action: func(_ context.Context, c *cli.Command) error {
			if c.Args().Present() {
				return fail(codeUsage, "it is show or check", "there is no command config %q", c.Args().First())
			}
			return cli.ShowSubcommandHelp(c)
		},
	}
}

func jsonFlag() cli.Flag { return &cli.BoolFlag{Name: "json", Usage: "print JSON", Local: true} }

func (p *program) configShow() *cli.Command {
	r := &flagRecorder{}
	return &cli.Command{
		Name:      "show",
		Usage:     "list each setting, its value and where that came from; secrets are masked",
		ArgsUsage: "[flags of mount] [BUCKET[:PREFIX] [MOUNTPOINT]]",
		Flags:     append(settingFlags(r), jsonFlag()),
		Action: func(_ context.Context, c *cli.Command) error {
			cfg := p.load(r, c.Args().Slice())
			p.tellNotes(cfg)
			if c.Bool("json") {
				return p.printJSON(map[string]any{"settings": cfg.Show(), "files": nonNil(cfg.FilesRead),
					"environment": cfg.Environment, "notes": nonNil(cfg.Notes)})
			}
			w := tabwriter.NewWriter(p.stdout, 0, 8, 2, ' ', 0)
			for _, v := range cfg.Show() {
				value := v.Value
				if value == "" {
					value = "-"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\n", v.Name, value, v.Source)
			}
			return w.Flush()
		},
	}
}

func (p *program) configCheck() *cli.Command {
	r := &flagRecorder{}
	return &cli.Command{
		Name:      "check",
		Usage:     "find every mistake in the settings, without asking S3",
		ArgsUsage: "[flags of mount] [BUCKET[:PREFIX] [MOUNTPOINT]]",
		Flags:     append(settingFlags(r), jsonFlag()),
		Action: func(ctx context.Context, c *cli.Command) error {
			cfg := p.load(r, c.Args().Slice())
			if !p.mountedThere(ctx, cfg) {
				cfg.CheckMountPoint()
			}
			if c.Bool("json") {
				if err := p.printJSON(map[string]any{"problems": nonNil(cfg.Problems), "notes": nonNil(cfg.Notes)}); err != nil {
					return err
				}
				if len(cfg.Problems) > 0 {
					return fail(codeConfig, "", "")
				}
				return nil
			}
			for _, n := range cfg.Notes {
				p.note("note: %s", n)
			}
			if err := fatal(cfg.Problems); err != nil {
				return codeOf(err, codeConfig)
			}
			_, err := fmt.Fprintf(p.stdout, "the settings are fine: %s on %s\n", cfg.Source, cfg.MountPoint)
			return err
		},
	}
}

// codeOf gives several failures one exit code.
func codeOf(err error, code int) error {
	if many, ok := err.(failures); ok {
		many[0].code = code
	}
	return err
}

// nonNil makes an empty list of nothing, which JSON would call null.
func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
