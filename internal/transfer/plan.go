package transfer

import "github.com/sentient-agi/sentientfs/internal/content"

// plan lays out an upload of size bytes of which only the changed ranges differ from a base of limit bytes: what is
// unchanged is copied by the server where the pieces are long enough, what is changed is sent, together with as much
// of its surroundings as a part needs. Numbers have no gaps: S3 answers 500 to Complete if they do and checksums are
// used. least is the least size of a part that is not the last, unit that of sent parts.
func plan(size, limit int64, changed []content.Range, least, unit int64) []piece {
	for {
		pieces := planOnce(size, clean(size, limit, changed, least), least, unit)
		if len(pieces) <= maxParts || unit > size {
			return pieces
		}
		least, unit = 2*least, 2*unit
	}
}

// clean returns the unchanged runs of at least least bytes.
func clean(size, limit int64, changed []content.Range, least int64) []content.Range {
	var runs []content.Range
	pos := int64(0)
	add := func(end int64) {
		if end = min(end, limit, size); end-pos >= least {
			runs = append(runs, content.Range{Off: pos, Len: end - pos})
		}
	}
	for _, r := range changed {
		add(r.Off)
		pos = max(pos, r.Off+r.Len)
	}
	add(limit)
	return runs
}

func planOnce(size int64, runs []content.Range, least, unit int64) []piece {
	var pieces []piece
	pos := int64(0)
	for pos < size {
		// What lies before the next run is sent, and as much of the run as makes a whole part of it.
		for len(runs) > 0 {
			start := runs[0].Off
			if pos < start {
				start = max(start, pos+least)
			}
			start = max(start, pos)
			end := runs[0].Off + runs[0].Len
			if end-start >= least {
				runs[0] = content.Range{Off: start, Len: end - start}
				break
			}
			runs = runs[1:]
		}
		if len(runs) == 0 {
			return cut(pieces, pos, size, least, unit, false)
		}
		pieces = cut(pieces, pos, runs[0].Off, least, unit, false)
		pos = runs[0].Off + runs[0].Len
		pieces = cut(pieces, runs[0].Off, pos, least, maxCopySize-least, true)
		runs = runs[1:]
	}
	return pieces
}

// cut appends pieces of [off, end) of about unit bytes, none of them shorter than least unless all of it is.
func cut(pieces []piece, off, end, least, unit int64, copied bool) []piece {
	for off < end {
		n := min(unit, end-off)
		if rest := end - off - n; rest < least {
			n = end - off
		}
		pieces = append(pieces, piece{number: len(pieces) + 1, off: off, size: n, copied: copied})
		off += n
	}
	return pieces
}
