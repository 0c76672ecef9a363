// Package bench holds the benchmarks over real mounts: throughput, small files, listings and latency, each beside a
// plain folder on the same machine, so that a number has something to be compared with.
//
// A benchmark must never assert a duration: what must hold is counted in requests and bytes, in test/.
package bench
