// Package semantics holds one test for each promise of docs/SEMANTICS.md, named after it. Two daemons mount one
// bucket, as a host and a sandbox do, and the wire between them and the server is the test's to break.
//
// A test here must fail when the code that keeps its promise is taken out, and must never depend on how fast the
// machine is.
package semantics
