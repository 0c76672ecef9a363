// Package fsx does random operations on one file and compares it with a slice of bytes, as Apple's fsx does: reads,
// writes, truncations, holes, appends, loads and stores through mappings, with syncs and reopenings in between. At the
// end the object itself and a second mount with an empty cache must have the same bytes.
//
// A failure prints the seed and the last operations; -fsx.seed and -fsx.ops run them again.
package fsx
