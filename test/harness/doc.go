// Package harness starts what a suite needs, and ends it: the binary under test, an S3 server, a proxy that counts
// requests and injects faults, and mounts.
//
// Everything that answers for the mount runs in processes of its own. A thread of a Go program that waits for a page
// of its own mount, or for an exec of a file in it, waits without the scheduler knowing, so that a daemon or a server
// in the same process could never answer. The proxy is the exception: whoever uses it stays away from mappings.
//
// Two variables of the environment change what is tested: SENTIENTFS_BIN is a binary to take instead of building one,
// and SENTIENTFS_TEST_PLAIN=1 puts a plain folder in the place of each mount, which tests the suites.
//
// The harness must never leave a mount, a process or a file behind, and never end a process that it did not start.
package harness
