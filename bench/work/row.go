//go:build !sandbox

package work

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"sync"

	"github.com/sentient-agi/sentientfs/bench/direct"
)

// A Cache is what a mount knows when a row begins. It is always mounted anew, without pages in the kernel.
type Cache int

// Nothing: also its cache folder is empty. Metadata: an earlier mount with the same cache folder has listed everything.
// Everything: the same work was done once before, on this mount.
const (
	Nothing Cache = iota
	Metadata
	Everything
)

// A Row is a line of the table.
type Row struct {
	Name  string // for flags and files
	Title func(s Scale) string
	// Strict and Relaxed are the most that the time may be, as a multiple of the reference's in the same run; 0 where
	// it is only reported. Goal is the same in words, where a factor does not say it.
	Strict, Relaxed float64
	Goal            string
	Zero            float64 // the same without added latency; 0 where the row is not measured so
	Cap             int64   // of the line, bytes per second; 0 for none
	Disk            bool    // the reference is the local disk, not the direct client
	Before          *Set    // what is there
	Changes         bool    // the row changes what is there, so each time gets its own
	Cache           Cache
	Names           bool // on the server of a million names; the strict mount alone
	RelaxedOnly     bool // not for the strict mount
	Tree            bool // many files: one round, scaled by Scale.Trees
	Mount           func(ctx context.Context, j *Job) error
	Direct          func(ctx context.Context, j *Job) error // nil: there is no such thing
	Left            func(s Scale) Left                      // what is in S3 in the end; nil for rows that only read
	// Stored tells whether what was changed in place is in S3, where Left cannot: by the client of the job.
	Stored func(ctx context.Context, j *Job) (bool, error)
	Moved  func(s Scale) int64 // bytes that the program asks for or stores, 0 for rows about names
}

// Left are the objects of a folder, without markers of folders.
type Left struct {
	Objects int
	Bytes   int64
}

// A Scale makes the work smaller: 1 is what the table says. Sizes are scaled for themselves: what takes a round trip for
// each of many takes long, and its ratio is the same for fewer.
type Scale struct{ Sizes, Counts, Trees float64 }

// N is a number of things, at least 4.
func (s Scale) N(n int) int { return max(4, int(math.Round(float64(n)*s.Counts))) }

// Tree is a number of files of a tree, at least 20.
func (s Scale) Tree(n int) int { return max(20, int(math.Round(float64(n)*s.Trees))) }

// Size is a number of bytes, whole MiB and at least 17 of them: two parts and a bit.
func (s Scale) Size(n int64) int64 { return max(17, int64(math.Round(float64(n)*s.Sizes))>>20) << 20 }

// A Job is one row to be done once.
type Job struct {
	Scale  Scale
	Round  int
	Dir    string // the folder, for Mount
	Key    string // of the folder, for Direct
	Client *direct.Client
	Local  string // a folder on the local disk, for what comes from outside

	mu    sync.Mutex
	etags map[string]string // that Direct has seen
}

func (j *Job) path(name string) string { return filepath.Join(j.Dir, name) }
func (j *Job) key(name string) string  { return j.Key + "/" + name }

func (j *Job) setTag(key, etag string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.etags == nil {
		j.etags = map[string]string{}
	}
	j.etags[key] = etag
}

func (j *Job) tag(key string) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.etags[key]
}

// A Set is what is there before a row: Count files of Size bytes, in folders of PerDir if that is not 0.
type Set struct {
	Name   string
	Count  func(s Scale) int
	Size   func(s Scale) int64
	PerDir func(s Scale) int
}

// Files are the names below the folder of the set, in order.
func (t *Set) Files(s Scale) []string {
	n := t.Count(s)
	names := make([]string, n)
	for i := range names {
		if t.PerDir == nil {
			names[i] = fmt.Sprintf("f%06d", i)
		} else {
			names[i] = fmt.Sprintf("d%04d/f%06d", i/t.PerDir(s), i)
		}
	}
	return names
}

func count(n int) func(Scale) int      { return func(s Scale) int { return s.N(n) } }
func bytes(n int64) func(Scale) int64  { return func(Scale) int64 { return n } }
func scaled(n int64) func(Scale) int64 { return func(s Scale) int64 { return s.Size(n) } }
func one(Scale) int                    { return 1 }
func titled(format string, n int) func(Scale) string {
	return func(s Scale) string { return fmt.Sprintf(format, s.N(n)) }
}
func sized(format string, n int64) func(Scale) string {
	return func(s Scale) string { return fmt.Sprintf(format, s.Size(n)>>20) }
}
func treed(format string, n int) func(Scale) string {
	return func(s Scale) string { return fmt.Sprintf(format, s.Tree(n)) }
}
func files(n int, size int64) func(Scale) Left {
	return func(s Scale) Left { return Left{s.N(n), int64(s.N(n)) * size} }
}
func all(n int, size int64) func(Scale) int64 {
	return func(s Scale) int64 { return int64(s.N(n)) * size }
}
