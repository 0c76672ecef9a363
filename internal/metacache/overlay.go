package metacache

import (
	"strings"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// overlayMax is how many changed names a listing remembers; with more it is of no use but to those who read it.
const overlayMax = 1024

// overlayCost estimates the bytes of an overlay and its place in the map, without the name.
const overlayCost = 300

// An overlay is what this mount made of a name since a listing began.
type overlay struct {
	kind kind
	info object.Info // of an added file
	seq  uint64      // its number among the listing's overlays
}

type kind int

const (
	doubtful kind = iota // the listing may be right or not
	added
	gone
)

// note remembers what became of a name, and returns the bytes that it takes.
func (d *dirList) note(raw string, o overlay) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	old, had := d.overlay[raw]
	if d.closed || d.needlessLocked(raw, o.kind, had) {
		return 0
	}
	if o.kind == gone && d.doubles {
		d.blind = true // what the file hid may show now
	}
	d.seq++
	o.seq = d.seq
	if had && o.kind == doubtful {
		o = old // which says more: either way no lookup is answered from here
	}
	d.overlay[raw] = o
	if len(d.overlay) > overlayMax {
		d.blind, d.deaf = true, true
		if d.loading == nil {
			clear(d.overlay)
		}
	}
	if had {
		return 0
	}
	return overlayCost + int64(len(raw))
}

// needlessLocked tells whether a change of a name is nothing new for those that arrived and for the page that is
// asked for. Pages asked for later have it themselves.
func (d *dirList) needlessLocked(raw string, k kind, had bool) bool {
	if d.deaf && d.loading == nil {
		return true
	}
	if had || d.loading != nil && raw > d.merge.last {
		return false
	}
	if !d.ended && raw > d.merge.last {
		return true
	}
	_, _, here := d.names.find(raw)
	if k == added {
		return here && strings.HasSuffix(raw, "/")
	}
	return !here
}

// spoil says that d may lack names or have too many, which a later OpenDir must not show.
func (d *dirList) spoil() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stale = true
}
