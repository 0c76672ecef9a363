//go:build sandbox

package main

import "github.com/urfave/cli/v3"

// storeCommands is empty in the binary for sandboxes: the embedded server is most of the program's size.
func (p *program) storeCommands() []*cli.Command { return nil }
