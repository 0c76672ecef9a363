// Package crash kills the daemon with SIGKILL at the n-th request of a scripted workload, for each n, before the server
// did it and after, and during a cp; then it mounts again with the same folders, and P5 must hold: what write(2) took
// is in the bucket or in `sentientfs recover list` with all its bytes, a directory rename is done or undone, and no
// name has content that it never had, above all no truncated file that looks whole.
//
// SENTIENTFS_CRASH_EVERY is the step between the requests, 1 for all; SENTIENTFS_CRASH_CP_MIB is the size of the file
// that is copied. The suite must never depend on which request of two at the same time is counted first.
package crash
