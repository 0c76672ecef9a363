package transfer

import (
	"testing"

	"github.com/sentient-agi/sentientfs/internal/content"
	"pgregory.net/rapid"
)

func TestLayoutHoldsTheLargestObject(t *testing.T) {
	const largest = 5 << 40 // S3: 5 TiB
	l := layout{defaultPartSize}
	if n := l.count(largest); n > maxParts {
		t.Errorf("5 TiB take %d parts", n)
	}
	var end int64
	for n := 1; n <= maxParts; n++ {
		off, size := l.part(n)
		if off != end || size < minPartSize || size > maxCopySize {
			t.Fatalf("part %d is %d bytes at %d, the one before ends at %d", n, size, off, end)
		}
		if l.count(end) != n-1 || l.count(end+1) != n || l.at(off) != n {
			t.Fatalf("part %d: count(%d) = %d, count(%d) = %d, at(%d) = %d",
				n, end, l.count(end), end+1, l.count(end+1), off, l.at(off))
		}
		end = off + size
	}
	if n := l.count(end + 1); n != maxParts+1 {
		t.Errorf("a file that is too large has %d parts", n)
	}
}

func TestLayoutPieces(t *testing.T) {
	for _, size := range []int64{1, 99, 100, 101, 100_000, 100_001, 12_345_678} {
		pieces := layout{100}.pieces(size)
		var end int64
		for i, pc := range pieces {
			if pc.number != i+1 || pc.off != end || pc.size <= 0 || pc.copied {
				t.Fatalf("size %d, piece %d: %+v behind %d", size, i, pc, end)
			}
			end += pc.size
		}
		if end != size {
			t.Errorf("the pieces of %d bytes end at %d", size, end)
		}
	}
}

func TestPlanCoversTheFile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const least, unit = 50, 80
		size := rapid.Int64Range(1, 5000).Draw(t, "size")
		limit := rapid.Int64Range(0, size+1000).Draw(t, "limit")
		var changed []content.Range
		pos := int64(0)
		for range rapid.IntRange(0, 12).Draw(t, "ranges") {
			pos += rapid.Int64Range(0, 400).Draw(t, "gap")
			n := rapid.Int64Range(1, 200).Draw(t, "len")
			changed = append(changed, content.Range{Off: pos, Len: n})
			pos += n + 1
		}
		pieces := plan(size, limit, changed, least, unit)
		var end int64
		for i, pc := range pieces {
			last := i == len(pieces)-1
			switch {
			case pc.number != i+1 || pc.off != end || pc.size <= 0:
				t.Fatalf("piece %d is %+v, the one before ends at %d", i, pc, end)
			case !last && pc.size < least:
				t.Fatalf("piece %d of %d has only %d bytes", i, len(pieces), pc.size)
			case !pc.copied && pc.size >= unit+least:
				t.Fatalf("piece %d has %d bytes to send", i, pc.size)
			case pc.copied && pc.off+pc.size > limit:
				t.Fatalf("piece %d is copied from behind the base: %+v", i, pc)
			}
			for _, r := range changed {
				if pc.copied && r.Off < pc.off+pc.size && pc.off < r.Off+r.Len {
					t.Fatalf("piece %+v is copied though %+v was changed", pc, r)
				}
			}
			end = pc.off + pc.size
		}
		if end != size {
			t.Fatalf("the pieces of %d bytes end at %d", size, end)
		}
	})
}

func TestPlanCopiesWhatIsUntouched(t *testing.T) {
	const mib, gib = int64(1) << 20, int64(1) << 30
	pieces := plan(20*gib, 20*gib, []content.Range{{Off: 10 * gib, Len: 1}}, minPartSize, defaultPartSize)
	var sent, copied int64
	for _, pc := range pieces {
		if pc.copied {
			copied += pc.size
			continue
		}
		sent += pc.size
	}
	if sent > 2*defaultPartSize || copied != 20*gib-sent || len(pieces) > 10 {
		t.Errorf("one byte of 20 GiB changed: %d MiB sent, %d MiB copied, %d parts", sent/mib, copied/mib, len(pieces))
	}
}

func TestPlanStaysBelowTheMostParts(t *testing.T) {
	const mib = int64(1) << 20
	var changed []content.Range
	for i := range int64(30_000) {
		changed = append(changed, content.Range{Off: i * 16 * mib, Len: 1})
	}
	size := 30_000 * 16 * mib
	if n := len(plan(size, size, changed, minPartSize, defaultPartSize)); n > maxParts {
		t.Errorf("%d parts", n)
	}
}
