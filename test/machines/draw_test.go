//go:build linux && !sandbox

package machines

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
)

// The names of a run are few, so that the machines meet. Files, links and folders never share a name. The folders own0
// and own1 are each of one machine alone, which renames them: the promise for folders does not say what others see
// meanwhile.
var (
	fileNames   = []string{"f0", "f1", "d0/f0", "d0/f1", "d1/f0", "d0/s/f0"}
	linkNames   = []string{"l0", "d0/l0"}
	folderNames = []string{"d0", "d1", "d0/s", "d1/t"}
)

// A drawer draws operations.
type drawer struct {
	*rand.Rand
	count int
	moved [2]int // how often each machine's own folder was renamed
}

func pick[T any](d *drawer, from []T) T { return from[d.IntN(len(from))] }

// hot draws the names that a round is about, so that both machines use them.
func (d *drawer) hot() []string { return []string{pick(d, fileNames), pick(d, fileNames)} }

// data draws bytes that no other operation writes. Some are more than one request of an open brings.
func (d *drawer) data() string {
	d.count++
	s := fmt.Sprintf("<%d>", d.count)
	switch d.IntN(12) {
	case 0:
		return strings.Repeat(s, 1_300_000/len(s))
	case 1:
		return strings.Repeat(s, 300)
	}
	return s
}

var weights = []struct {
	kind   kind
	weight int
}{{create, 12}, {overwrite, 14}, {appendTo, 14}, {inPlace, 8}, {truncate, 4}, {chmod, 4}, {read, 10}, {unlink, 8},
	{rename, 10}, {renameDir, 3}, {mkdir, 5}, {rmdir, 4}, {symlink, 3}, {readlink, 2}, {list, 5}}

// op draws an operation of machine m.
func (d *drawer) op(m int, hot []string) *op {
	total := 0
	for _, w := range weights {
		total += w.weight
	}
	n := d.IntN(total)
	o := &op{}
	for _, w := range weights {
		if n -= w.weight; n < 0 {
			o.kind = w.kind
			break
		}
	}
	file := func() string {
		if d.IntN(3) > 0 {
			return pick(d, hot)
		}
		if d.IntN(6) == 0 {
			return fmt.Sprintf("own%d-%d/f", m, d.moved[m])
		}
		return pick(d, fileNames)
	}
	switch o.kind {
	case create, overwrite, appendTo:
		o.path, o.data = file(), d.data()
	case inPlace:
		o.path, o.data, o.at = file(), d.data(), int64(d.IntN(6))
	case truncate:
		o.path, o.at = file(), int64(d.IntN(10))
	case chmod:
		o.path, o.mode = file(), os.FileMode(0o600|d.IntN(0o100))
	case read, unlink:
		o.path = file()
	case rename:
		for o.path, o.to = file(), file(); o.path == o.to; o.to = pick(d, fileNames) {
		}
	case renameDir:
		o.path = fmt.Sprintf("own%d-%d", m, d.moved[m])
		d.moved[m]++
		o.to = fmt.Sprintf("own%d-%d", m, d.moved[m])
	case mkdir, rmdir:
		o.path = pick(d, folderNames)
	case symlink:
		o.path, o.data = pick(d, linkNames), fmt.Sprintf("target%d", d.count)
		d.count++
	case readlink:
		o.path = pick(d, linkNames)
	case list:
		o.path = pick(d, append([]string{""}, folderNames...))
	}
	return o
}

// round draws what both machines do.
func (d *drawer) round() [2][]*op {
	var ops [2][]*op
	hot := d.hot()
	for m := range ops {
		for range 1 + d.IntN(4) {
			ops[m] = append(ops[m], d.op(m, hot))
		}
	}
	return ops
}
