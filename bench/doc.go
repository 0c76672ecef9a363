// Package bench measures a mount beside what it could be at best: the same work by a direct client of the same server,
// by the local disk, and by other mounts, in one run. Every answer comes through a proxy of ours that adds the latency
// of a network and counts the requests. Package work has the workloads, package report the tables and the picture.
//
// A benchmark must never assert a duration: what must hold is counted in requests and bytes, in test/.
package bench
