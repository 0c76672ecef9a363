// Package arch keeps the architecture by tests: which folder may import what, that each says what it is, and that no
// file outgrows its reader. docs/DESIGN.md has the reasons.
//
// It must never hold anything but tests.
package arch
