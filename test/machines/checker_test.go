//go:build linux && !sandbox

package machines

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
)

// at gives an operation the time that its call took, in milliseconds.
func at(o op, start, end int) *op {
	o.start, o.end = time.Duration(start)*time.Millisecond, time.Duration(end)*time.Millisecond
	return &o
}

func files(pairs ...string) map[string]string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = "F" + pairs[i+1]
	}
	return m
}

// TestCheckerFindsViolations: each of the histories that break a promise has no explanation, and its neighbour that
// keeps it has one.
func TestCheckerFindsViolations(t *testing.T) {
	type ops = []*op
	for name, c := range map[string]struct {
		a, b          ops
		before, after map[string]string
		want          bool
	}{
		"both appends": {ops{at(op{kind: appendTo, path: "f", data: "a"}, 0, 9)},
			ops{at(op{kind: appendTo, path: "f", data: "b"}, 0, 9)}, files("f", "0"), files("f", "0ba"), true},
		"a lost append": {ops{at(op{kind: appendTo, path: "f", data: "a"}, 0, 9)},
			ops{at(op{kind: appendTo, path: "f", data: "b"}, 0, 9)}, files("f", "0"), files("f", "0b"), false},
		"an append twice": {ops{at(op{kind: appendTo, path: "f", data: "a"}, 0, 9)}, nil,
			files("f", "0"), files("f", "0aa"), false},
		"a replacement loses to none": {ops{at(op{kind: overwrite, path: "f", data: "a"}, 0, 9)},
			ops{at(op{kind: overwrite, path: "f", data: "b"}, 0, 9)}, files("f", "0"), files("f", "0"), false},
		"torn": {ops{at(op{kind: overwrite, path: "f", data: "aa"}, 0, 9)},
			ops{at(op{kind: overwrite, path: "f", data: "bb"}, 0, 9)}, files("f", "0"), files("f", "ab"), false},
		"the later replacement": {ops{at(op{kind: overwrite, path: "f", data: "a"}, 0, 3)},
			ops{at(op{kind: overwrite, path: "f", data: "b"}, 5, 9)}, files("f", "0"), files("f", "b"), true},
		"the earlier replacement": {ops{at(op{kind: overwrite, path: "f", data: "a"}, 0, 3)},
			ops{at(op{kind: overwrite, path: "f", data: "b"}, 5, 9)}, files("f", "0"), files("f", "a"), false},
		"a change refused": {ops{at(op{kind: inPlace, path: "f", data: "x", opened: true, err: syscall.ESTALE}, 0, 9)},
			ops{at(op{kind: overwrite, path: "f", data: "bb"}, 2, 5)}, files("f", "00"), files("f", "bb"), true},
		"a refused change is visible": {ops{at(op{kind: inPlace, path: "f", data: "x", opened: true, err: syscall.ESTALE}, 0, 9)},
			ops{at(op{kind: overwrite, path: "f", data: "bb"}, 2, 5)}, files("f", "00"), files("f", "xb"), false},
		"a change of what nobody changed refused": {
			ops{at(op{kind: inPlace, path: "f", data: "x", opened: true, err: syscall.ESTALE}, 0, 9)}, nil,
			files("f", "00"), files("f", "00"), false},
		"a change over another one": {ops{at(op{kind: inPlace, path: "f", data: "x"}, 0, 9)},
			ops{at(op{kind: inPlace, path: "f", data: "y", at: 1}, 0, 9)}, files("f", "00"), files("f", "xy"), true},
		"a change lost": {ops{at(op{kind: inPlace, path: "f", data: "x"}, 0, 9)},
			ops{at(op{kind: inPlace, path: "f", data: "y", at: 1}, 0, 9)}, files("f", "00"), files("f", "0y"), false},
		"renamed": {ops{at(op{kind: rename, path: "f", to: "g"}, 0, 9)}, nil, files("f", "0"), files("g", "0"), true},
		"renamed and doubled": {ops{at(op{kind: rename, path: "f", to: "g"}, 0, 9)}, nil, files("f", "0"),
			files("f", "0", "g", "0"), false},
		"renamed and lost": {ops{at(op{kind: rename, path: "f", to: "g"}, 0, 9)}, nil, files("f", "0"), files(), false},
		"an append to what is renamed": {ops{at(op{kind: rename, path: "f", to: "g"}, 0, 9)},
			ops{at(op{kind: appendTo, path: "f", data: "b"}, 0, 9)}, files("f", "0"), files("f", "0b", "g", "0"), true},
		"an append lost in a rename": {ops{at(op{kind: rename, path: "f", to: "g"}, 0, 9)},
			ops{at(op{kind: appendTo, path: "f", data: "b"}, 0, 9)}, files("f", "0"), files("g", "0"), false},
		"two winners": {ops{at(op{kind: create, path: "f", data: "a"}, 0, 9)},
			ops{at(op{kind: create, path: "f", data: "b"}, 0, 9)}, files(), files("f", "b"), false},
		"one winner": {ops{at(op{kind: create, path: "f", data: "a"}, 0, 9)},
			ops{at(op{kind: create, path: "f", err: syscall.EEXIST}, 0, 9)}, files(), files("f", "a"), true},
		"a stale read": {ops{at(op{kind: overwrite, path: "f", data: "a"}, 0, 3)},
			ops{at(op{kind: read, path: "f", got: "0"}, 5, 9)}, files("f", "0"), files("f", "a"), false},
		"a read at the same time": {ops{at(op{kind: overwrite, path: "f", data: "a"}, 0, 6)},
			ops{at(op{kind: read, path: "f", got: "0"}, 5, 9)}, files("f", "0"), files("f", "a"), true},
		"a torn read": {ops{at(op{kind: overwrite, path: "f", data: "aa"}, 0, 6)},
			ops{at(op{kind: read, path: "f", got: "0a"}, 5, 9)}, files("f", "00"), files("f", "aa"), false},
		"the unlink of the old hits the new": {ops{at(op{kind: unlink, path: "f"}, 0, 3)},
			ops{at(op{kind: create, path: "f", data: "b"}, 5, 9)}, files("f", "0"), files(), false},
		"a false error": {ops{at(op{kind: unlink, path: "f", err: syscall.ENOENT}, 0, 3)}, nil,
			files("f", "0"), files("f", "0"), false},
		"an unknown error": {ops{at(op{kind: unlink, path: "f", err: syscall.EIO}, 0, 3)}, nil,
			files("f", "0"), files("f", "0"), false},
		"a list without a name": {ops{at(op{kind: list, names: []string{"f"}}, 0, 3)}, nil,
			files("f", "0", "g", "0"), files("f", "0", "g", "0"), false},
		"a list with a name twice": {ops{at(op{kind: list, names: []string{"f", "f"}}, 0, 3)}, nil,
			files("f", "0"), files("f", "0"), false},
		"a list": {ops{at(op{kind: list, names: []string{"f", "g"}}, 0, 3)}, nil,
			files("f", "0", "g", "0"), files("f", "0", "g", "0"), true},
	} {
		x := newTexts()
		r := &round{ops: [2][]*op{c.a, c.b}, before: tree{files: c.before}.state(x, map[string]bool{}), texts: x,
			after: tree{files: c.after}}
		if got := r.explained(); got != c.want {
			t.Errorf("%s: explained %v, want %v\n%s", name, got, c.want, r)
		}
	}
}

// TestCheckerAcceptsOneMachine: what one folder of the kernel's own does, one operation after the other, is right.
func TestCheckerAcceptsOneMachine(t *testing.T) {
	d := &drawer{Rand: rand.New(rand.NewPCG(1, 1))}
	dir := t.TempDir()
	for _, o := range []*op{{kind: mkdir, path: "own0-0"}, {kind: mkdir, path: "own1-0"}} {
		o.do(dir, time.Now())
	}
	before := look(dir)
	done := 0
	for n := range 300 {
		x := newTexts()
		r := &round{ops: d.round(), before: before.state(x, before.dirs), texts: x}
		begin := time.Now()
		for m := range r.ops {
			for _, o := range r.ops[m] {
				o.do(dir, begin)
				if o.err == 0 {
					done++
				}
			}
		}
		if r.after = look(dir); !r.explained() {
			t.Fatalf("round %d is not explained:\nbefore\n\t%s\n%safter\n\t%s", n, before.lines(), r, r.after.lines())
		}
		before = r.after
	}
	if done < 500 {
		t.Errorf("only %d operations succeeded", done)
	}
}
