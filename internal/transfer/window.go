package transfer

// Sizes of read-ahead in bytes. They follow goofys and mountpoint-s3, where 128 KiB is what the kernel reads at once
// and 1 MiB takes about as long to transfer within a region as its round trip.
const (
	windowMin = 1 << 20
	windowMax = 64 << 20
	nearBy    = 16 << 20  // a seek this far is still the same walk through the file
	blockSize = 128 << 10 // what a random read fetches
	wideSize  = 1 << 20   // what it fetches where the reads of late lie close together
	wideReads = 3         // that many blocks of late within one wideSize
	smallSize = 1 << 20   // files up to this are fetched whole
)

// A window is one walk through a file and what is fetched ahead of it.
type window struct {
	next    int64 // where the walk goes on
	reached int64 // what is below is local or was asked for
	size    int64 // what is fetched ahead; 0 while it is not known to be a walk
	reads   int
	used    uint64 // when it was last walked, in reads of the handle
	held    []*fetch
}

// walks tells whether a read at off belongs to the walk of w.
func (w *window) walks(off int64) bool {
	slack := int64(nearBy)
	if w.size == 0 {
		slack = 2 * blockSize // parallel reads of the kernel arrive out of order
	}
	return off >= w.next-slack && off <= w.next+slack
}

// step moves w over a read. stalled tells that the reader had to wait.
func (w *window) step(off, n int64, stalled bool) {
	w.reads++
	w.next = max(w.next, off+n)
	switch {
	case w.size == 0:
		w.size = windowMin
	case stalled && w.reads > 2:
		w.size = min(2*w.size, windowMax)
	}
	w.reached = max(w.reached, w.next)
}

// ahead returns the range to ask for now; it is empty as long as what was asked for is far enough ahead. One read
// alone is no reason to look ahead.
func (w *window) ahead(size int64) (off, end int64) {
	if w.size == 0 || w.reads < 2 {
		return 0, 0
	}
	end = min(size, roundUp(w.next+w.size, pieceSize))
	if end-w.reached < w.size/2 && end < size {
		return 0, 0
	}
	return w.reached, max(end, w.reached)
}

// blocks remembers which blocks were read of late.
type blocks struct {
	recent [32]int64 // block number + 1
	at     int
}

// widen notes a read of the blocks of [off, end) and returns the range to fetch for it.
func (b *blocks) widen(off, end int64) (int64, int64) {
	off, end = off/blockSize*blockSize, roundUp(end, blockSize)
	near := map[int64]bool{}
	for _, n := range b.recent {
		if at := (n - 1) * blockSize; n > 0 && at/wideSize == off/wideSize {
			near[n] = true
		}
	}
	for at := off; at < end && at < off+wideSize; at += blockSize {
		b.recent[b.at] = at/blockSize + 1
		b.at = (b.at + 1) % len(b.recent)
	}
	if len(near) >= wideReads {
		off, end = off/wideSize*wideSize, roundUp(end, wideSize)
	}
	return off, end
}

func roundUp(n, unit int64) int64 { return (n + unit - 1) / unit * unit }
