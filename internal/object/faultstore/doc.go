// Package faultstore wraps an object.Store and makes it fail as a test says: errors before or after the work was done,
// latency, torn reads, by operation and key, and a stop at the n-th request that stands for a crash.
//
// It must never decide by chance or by the clock: the same rules and the same requests give the same faults.
package faultstore
