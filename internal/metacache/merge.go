package metacache

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// itemsOf are the names of a page in the order of keys; hi is the last key of the page, usable or not, left how many
// names no directory can show, and marked whether the directory's own marker is in the page.
func itemsOf(page object.Page, prefix string) (items []item, hi string, left int, marked bool) {
	for _, o := range page.Objects {
		raw, ok := strings.CutPrefix(o.Key, prefix)
		hi = max(hi, raw)
		switch {
		case raw == "": // the marker of the directory itself
			marked = marked || ok
		case ok && strings.HasSuffix(raw, "/") && usableName(strings.TrimSuffix(raw, "/")):
			items = append(items, item{raw: raw}) // some servers list a marker as such where S3 has a common prefix
		case ok && usableName(raw):
			items = append(items, item{raw: raw, size: o.Size, etag: o.ETag, mod: o.LastModified})
		default:
			left++
		}
	}
	for _, p := range page.Prefixes {
		raw, ok := strings.CutPrefix(p, prefix)
		hi = max(hi, raw)
		if ok && usableName(strings.TrimSuffix(raw, "/")) {
			items = append(items, item{raw: raw})
		} else {
			left++
		}
	}
	sortItems(items)
	return slices.CompactFunc(items, func(a, b item) bool { return a.raw == b.raw }), hi, left, marked
}

func sortItems(items []item) {
	slices.SortFunc(items, func(a, b item) int { return cmp.Compare(a.raw, b.raw) })
}

// overlayLocked corrects the items of a page by what this mount changed after change number since, and forgets the
// changes that the page covers. hi is its last key; with more set, names behind it come in a later page.
func (d *dirList) overlayLocked(items []item, hi string, more bool, since uint64) []item {
	if more && hi == "" {
		return items // an empty page covers nothing
	}
	lo := d.merge.last
	d.merge.last = max(lo, hi)
	changed := map[string]overlay{}
	for raw, o := range d.overlay {
		if raw <= lo && lo != "" || more && raw > hi {
			continue
		}
		if o.seq > since && o.kind != doubtful {
			changed[raw] = o
		}
		if o.seq <= since || o.kind == gone {
			delete(d.overlay, raw)
		}
	}
	return applyOverlay(items, changed)
}

// applyOverlay takes the names of changed from there and all others from items.
func applyOverlay(items []item, changed map[string]overlay) []item {
	if len(changed) == 0 {
		return items
	}
	out := make([]item, 0, len(items)+len(changed))
	for _, it := range items {
		o, ok := changed[it.raw]
		isDir := strings.HasSuffix(it.raw, "/")
		if !ok || o.kind == doubtful || o.kind == added && isDir {
			out = append(out, it)
		}
	}
	have := map[string]bool{}
	for _, it := range out {
		have[it.raw] = true
	}
	for raw, o := range changed {
		if o.kind == added && !have[raw] && usableName(strings.TrimSuffix(raw, "/")) {
			i := o.info
			it := item{raw: raw, size: i.Size, etag: i.ETag, mod: i.LastModified}
			if strings.HasSuffix(raw, "/") {
				it = item{raw: raw}
			}
			out = append(out, it)
		}
	}
	sortItems(out)
	return out
}

// A merger makes one name of an object "a" and a prefix "a/". In the order of keys there may be any number of names in
// between ("a-b" and "a.txt": their next byte is less than the slash), also the edge of a page. All of these begin
// with "a", so the objects that a prefix may still follow are a chain in which each begins with the one before: at most
// 255 of them.
type merger struct {
	last string   // the last key of the pages so far
	open []string // objects that a prefix may still follow
}

// take tells whether raw shows: not if it is a directory hidden by a file.
func (m *merger) take(raw string) bool {
	for len(m.open) > 0 && m.open[len(m.open)-1]+"/" < raw {
		m.open = m.open[:len(m.open)-1]
	}
	name, dir := strings.CutSuffix(raw, "/")
	if !dir {
		m.open = append(m.open, raw)
		return true
	}
	return len(m.open) == 0 || m.open[len(m.open)-1] != name
}
