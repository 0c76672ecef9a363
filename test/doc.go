// Package test holds the suites that run the sentientfs binary: real mounts of a real S3 server, one suite in each
// folder, and the harness that starts and ends it all. What a package promises by itself is tested beside it.
//
// A suite must never import the packages of the filesystem: it knows the command line, the mount and the wire alone.
package test
