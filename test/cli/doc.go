// Package cli mounts with whole command lines, as people, fstab and scripts written for goofys have them, and checks
// what comes back: the exit code, one sentence and a hint, the line in the mount table, and nothing left behind.
//
// The rest of the command line, which needs no mount, is specified beside the commands.
package cli
