package content

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"
)

// blockSize is what one checksum covers: a multiple of the kernel's page and a divisor of every part size. CRC-32C over
// it takes some 5 µs on a CPU with the instruction, little beside the read.
const blockSize = 64 << 10

// pageBlocks is how many blocks one page of the table has: 8 MiB of a file, 1 KiB at most in memory.
const pageBlocks = 128

// blockTable has the checksums of those blocks of a clean file that are wholly local.
type blockTable struct {
	pages      map[int64]*blockPage
	unverified int // blocks that were not read since the file was attached
}

type blockPage struct {
	known, verified [pageBlocks / 64]uint64 // bit sets
	crc             [pageBlocks]uint32
}

func (p *blockPage) bit(i int64) (word int, mask uint64) { return int(i / 64), 1 << (i % 64) }

// get returns the checksum of block b, if there is one.
func (t *blockTable) get(b int64) (crc uint32, verified, ok bool) {
	p := t.pages[b/pageBlocks]
	if p == nil {
		return 0, false, false
	}
	i := b % pageBlocks
	w, m := p.bit(i)
	return p.crc[i], p.verified[w]&m != 0, p.known[w]&m != 0
}

// set notes the checksum of block b.
func (t *blockTable) set(b int64, crc uint32, verified bool) {
	t.forget(b, b+1)
	if t.pages == nil {
		t.pages = map[int64]*blockPage{}
	}
	p := t.pages[b/pageBlocks]
	if p == nil {
		p = &blockPage{}
		t.pages[b/pageBlocks] = p
	}
	i := b % pageBlocks
	w, m := p.bit(i)
	p.crc[i] = crc
	p.known[w] |= m
	if verified {
		p.verified[w] |= m
	} else {
		t.unverified++
	}
}

// forget drops the checksums of the blocks [from,to).
func (t *blockTable) forget(from, to int64) {
	if len(t.pages) == 0 || from >= to {
		return
	}
	if (to-from)/pageBlocks > int64(len(t.pages)) {
		for n := range t.pages {
			t.forgetIn(n, max(from, n*pageBlocks), min(to, (n+1)*pageBlocks))
		}
		return
	}
	for n := from / pageBlocks; n*pageBlocks < to; n++ {
		t.forgetIn(n, max(from, n*pageBlocks), min(to, (n+1)*pageBlocks))
	}
}

func (t *blockTable) forgetIn(n, from, to int64) {
	p := t.pages[n]
	if p == nil {
		return
	}
	for b := from; b < to; b++ {
		w, m := p.bit(b % pageBlocks)
		if p.known[w]&m != 0 && p.verified[w]&m == 0 {
			t.unverified--
		}
		p.known[w] &^= m
		p.verified[w] &^= m
	}
	if p.known == [len(p.known)]uint64{} {
		delete(t.pages, n)
	}
}

// A sidecar file has the checksums of one version:
//
//	0   "sfsblk1\n"
//	8   format version, little endian like all that follows
//	12  number of runs
//	16  name of the version (versionName), 16 bytes
//	32  size of the version
//	40  the runs: first block (8 bytes), number of blocks (4), their checksums (4 each)
//	end CRC-32C of all before
const (
	sidecarMagic   = "sfsblk1\n"
	sidecarVersion = 1
	sidecarFixed   = 40
)

var errSidecar = errors.New("damaged block checksums")

// blockRuns lists the known blocks in order.
func (t *blockTable) blockRuns() [][2]int64 {
	numbers := make([]int64, 0, len(t.pages))
	for n := range t.pages {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	var runs [][2]int64
	for _, n := range numbers {
		for i := range int64(pageBlocks) {
			w, m := t.pages[n].bit(i)
			if t.pages[n].known[w]&m == 0 {
				continue
			}
			if k, b := len(runs), n*pageBlocks+i; k > 0 && runs[k-1][1] == b {
				runs[k-1][1]++
			} else {
				runs = append(runs, [2]int64{b, b + 1})
			}
		}
	}
	return runs
}

// encodeSidecar makes the sidecar of a version.
func (t *blockTable) encodeSidecar(name versionName, size int64) []byte {
	runs := t.blockRuns()
	b := append(make([]byte, 0, 4096), sidecarMagic...)
	b = binary.LittleEndian.AppendUint32(b, sidecarVersion)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(runs)))
	b = append(b, name[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(size))
	for _, r := range runs {
		b = binary.LittleEndian.AppendUint64(b, uint64(r[0]))
		b = binary.LittleEndian.AppendUint32(b, uint32(r[1]-r[0]))
		for n := r[0]; n < r[1]; n++ {
			crc, _, _ := t.get(n)
			b = binary.LittleEndian.AppendUint32(b, crc)
		}
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// parseSidecar reads what encodeSidecar made for this version; all blocks are not verified yet.
func parseSidecar(b []byte, name versionName, size int64) (t blockTable, err error) {
	n := len(b) - 4
	if n < sidecarFixed || string(b[:8]) != sidecarMagic || binary.LittleEndian.Uint32(b[8:]) != sidecarVersion ||
		versionName(b[16:32]) != name || int64(binary.LittleEndian.Uint64(b[32:])) != size ||
		crc32.Checksum(b[:n], castagnoli) != binary.LittleEndian.Uint32(b[n:]) {
		return t, errSidecar
	}
	runs, b := binary.LittleEndian.Uint32(b[12:]), b[sidecarFixed:n]
	blocks := (size + blockSize - 1) / blockSize
	for last := int64(0); runs > 0; runs-- {
		if len(b) < 12 {
			return blockTable{}, errSidecar
		}
		first, count := int64(binary.LittleEndian.Uint64(b)), int64(binary.LittleEndian.Uint32(b[8:]))
		b = b[12:]
		if first < last || first > blocks || count > blocks-first || count*4 > int64(len(b)) {
			return blockTable{}, errSidecar
		}
		for i := range count {
			t.set(first+i, binary.LittleEndian.Uint32(b[i*4:]), false)
		}
		b, last = b[count*4:], first+count
	}
	if len(b) != 0 {
		return blockTable{}, errSidecar
	}
	return t, nil
}
