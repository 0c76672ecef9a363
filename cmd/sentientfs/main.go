// Command sentientfs mounts an S3 bucket as a folder, and is the only program of this module.
//
// Each command has a file. What a command prints for people goes to standard error when it is about the way, and to
// standard output when it is the result. It must never exit but at the end of main, and never look at a mount that
// this process serves, which would wait for itself.
package main

import (
	"context"
	"io"
	"os"
)

func main() {
	p := program{stdout: os.Stdout, stderr: os.Stderr, args: os.Args, environ: os.Environ()}
	os.Exit(p.run(context.Background()))
}

// A program is one run of the command line, with everything that it takes from the process.
type program struct {
	stdout, stderr io.Writer
	args           []string
	environ        []string
}

func (p *program) run(ctx context.Context) int {
	return report(p.stderr, p.execute(ctx))
}
