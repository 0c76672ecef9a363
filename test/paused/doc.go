// Package paused stops the daemon as a paused sandbox stops: with SIGSTOP, past every time-out, while all connections
// are cut, or the server's clock goes an hour ahead. After SIGCONT the mount must work on: open
// handles, an upload that was half sent, and everything new.
//
// A process that was stopped must be continued whatever a test does, or it could not be ended.
package paused
