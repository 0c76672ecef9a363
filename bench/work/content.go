//go:build !sandbox

package work

import (
	"math/rand/v2"
	"sync"
)

const mib = 1 << 20

// noise is a MiB that nothing compresses.
var noise = sync.OnceValue(func() []byte {
	b := make([]byte, mib)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b) // never fails
	return b
})

// Fill fills p with what is at off in a file of ours.
func Fill(p []byte, off int64) {
	for n := 0; n < len(p); {
		n += copy(p[n:], noise()[(off+int64(n))%mib:])
	}
}

// Bytes are the first n of a file of ours.
func Bytes(n int64) []byte {
	b := make([]byte, n)
	Fill(b, 0)
	return b
}

// offsets are places of n bytes in size, the same ones for everybody in a round.
func offsets(round, count int, size, n int64) []int64 {
	r := rand.New(rand.NewPCG(uint64(round), uint64(n)))
	all := make([]int64, count)
	for i := range all {
		all[i] = r.Int64N((size-n)/n+1) * n
	}
	return all
}
