package main

import "github.com/urfave/cli/v3"

// The operations that a running mount is asked for over its control socket.
const (
	opUnmount = "unmount"
	opFlush   = "flush"
	opRecords = "records"
	opRestore = "restore"
	opDiscard = "discard"
)

// commands are all commands, in the order of the help.
func (p *program) commands() []*cli.Command {
	list := []*cli.Command{p.mountCommand("mount"), p.umountCommand(), p.flushCommand(), p.recoverCommand(),
		p.configCommand(), p.versionCommand()}
	return append(list, p.storeCommands()...)
}
