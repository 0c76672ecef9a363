// Package twomount has two mounts of one bucket work on the same names at the same time, as a host and a sandbox do:
// what one closes the other opens, a name that both want to be first to make has one winner, and what both append is
// there once and whole.
package twomount
