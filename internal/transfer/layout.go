package transfer

// layout is where the parts of a streamed upload lie. It depends on the part number alone, so that an upload that is
// resumed in another life of the daemon agrees with what was sent in the first one:
//
//	parts       1 -  1,000   unit        8 MiB      7.8 GiB
//	parts   1,001 -  2,000   4 x unit   32 MiB       39 GiB
//	parts   2,001 -  3,000   16 x unit 128 MiB      164 GiB
//	parts   3,001 - 10,000   96 x unit 768 MiB    5,414 GiB, above the 5 TiB that an object may have
//
// The sizes and sums are those of the default unit.
type layout struct{ unit int64 }

// layoutBands are the last part of each band and the size of its parts in units.
var layoutBands = [...]struct {
	last  int
	units int64
}{{1_000, 1}, {2_000, 4}, {3_000, 16}, {maxParts, 96}}

// part returns where part n, from 1, begins and how long it is unless the file ends before.
func (l layout) part(n int) (off, size int64) {
	first := 1
	for _, band := range layoutBands {
		size = band.units * l.unit
		if n <= band.last {
			return off + int64(n-first)*size, size
		}
		off += int64(band.last-first+1) * size
		first = band.last + 1
	}
	return off, 0
}

// count returns how many parts a file of size bytes has; more than 10,000 if it is too large.
func (l layout) count(size int64) int {
	var off int64
	first := 1
	for _, band := range layoutBands {
		unit := band.units * l.unit
		n := band.last - first + 1
		if need := (size - off + unit - 1) / unit; need <= int64(n) {
			return first - 1 + int(need)
		}
		off += int64(n) * unit
		first = band.last + 1
	}
	return maxParts + 1
}

// at returns the first part that begins at or behind off.
func (l layout) at(off int64) int { return l.count(off) + 1 }

// pieces returns the parts of a file of size bytes.
func (l layout) pieces(size int64) []piece {
	n := l.count(size)
	all := make([]piece, 0, n)
	for i := 1; i <= n; i++ {
		off, want := l.part(i)
		all = append(all, piece{number: i, off: off, size: min(want, size-off)})
	}
	return all
}

// A piece is one part of an upload: bytes of the local file, or bytes of an object that the server copies.
type piece struct {
	number    int
	off, size int64
	copied    bool
}
