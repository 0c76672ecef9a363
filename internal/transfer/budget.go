package transfer

import (
	"context"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

// bufferSizes are the sizes that are pooled, in bytes: a block, a piece of a stream, a part. Others are allocated.
var bufferSizes = [...]int64{128 << 10, 1 << 20, 8 << 20}

// budget is the memory that all buffers of an engine take together. Who waits is served in order, so that a large
// buffer is not starved by small ones; while somebody waits, try gives nothing, which makes windows shrink before
// writers have to wait. Whoever holds a buffer must not wait for another one: that alone excludes deadlocks.
type budget struct {
	size  int64
	sem   *semaphore.Weighted
	used  atomic.Int64
	pools [len(bufferSizes)]sync.Pool
}

// A buffer is memory of a budget, until release.
type buffer struct {
	data   []byte
	whole  *[]byte // what goes back to the pool; nil if not pooled
	class  int
	charge int64
	from   *budget
}

func newBudget(size int64) *budget {
	return &budget{size: size, sem: semaphore.NewWeighted(size)}
}

// acquire waits for a buffer of n bytes. One that is larger than the whole budget is granted when it is alone.
func (b *budget) acquire(ctx context.Context, n int64) (*buffer, error) {
	charge := b.charge(n)
	if err := b.sem.Acquire(ctx, charge); err != nil {
		return nil, err
	}
	return b.make(n, charge), nil
}

// try returns a buffer if there is room now and nobody waits, else nil.
func (b *budget) try(n int64) *buffer {
	charge := b.charge(n)
	if !b.sem.TryAcquire(charge) {
		return nil
	}
	return b.make(n, charge)
}

func (b *budget) charge(n int64) int64 {
	if c := class(n); c >= 0 {
		n = bufferSizes[c]
	}
	return min(n, b.size)
}

// class returns the pool whose buffers hold n bytes, -1 for none.
func class(n int64) int {
	for i, size := range bufferSizes {
		if n <= size {
			return i
		}
	}
	return -1
}

func (b *budget) make(n, charge int64) *buffer {
	b.used.Add(charge)
	x := &buffer{class: class(n), charge: charge, from: b}
	if x.class < 0 {
		x.data = make([]byte, n)
		return x
	}
	if x.whole, _ = b.pools[x.class].Get().(*[]byte); x.whole == nil {
		whole := make([]byte, bufferSizes[x.class])
		x.whole = &whole
	}
	x.data = (*x.whole)[:n]
	return x
}

// release gives the buffer back. The bytes must not be used any more. A nil buffer is none.
func (x *buffer) release() {
	if x == nil {
		return
	}
	if x.whole != nil {
		x.from.pools[x.class].Put(x.whole)
	}
	x.data, x.whole = nil, nil
	x.from.used.Add(-x.charge)
	x.from.sem.Release(x.charge)
}
