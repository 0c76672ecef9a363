// Package mounts reads the table of mounts, tells whether a mount answers, and takes mounts away.
//
// It must never ask stat(2) whether a mount lives: the kernel answers for a dead one out of its cache for as long as
// the attribute time-out lasts. It must never wait without end for a mount that hangs.
package mounts
