//go:build linux && !sandbox

package machines

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
)

// A round is what both machines did at one time, and the tree before and after.
type round struct {
	ops    [2][]*op
	before state
	after  tree
	texts  *texts
	// lenient is for mounts whose kernels may answer from their caches: a name that was there or not at any time of
	// the round explains an error.
	lenient bool
}

// An outcome is what a step makes of a state. memo is what the operation remembers until its next step.
type outcome struct {
	s    state
	memo text
}

// explained tells whether some order of the steps explains the results and the tree.
func (r *round) explained() bool {
	return (&search{r: r, seen: map[string]bool{}}).from(r.before, [2]spot{})
}

// A spot is how far a machine is: operation, step, and what that operation remembers.
type spot struct {
	op, step int
	memo     text
}

type search struct {
	r    *round
	seen map[string]bool
}

func (f *search) from(s state, at [2]spot) bool {
	key := fmt.Sprint(at, "\n", s.key())
	if f.seen[key] {
		return false
	}
	f.seen[key] = true
	r := f.r
	if at[0].op == len(r.ops[0]) && at[1].op == len(r.ops[1]) {
		return s.shows(r.after, r.texts)
	}
	for m := range at {
		if at[m].op == len(r.ops[m]) || !r.may(m, at) {
			continue
		}
		o := r.ops[m][at[m].op]
		for _, out := range r.step(m, o, at[m].step, s, at[m].memo) {
			next := at
			if next[m] = (spot{at[m].op, at[m].step + 1, out.memo}); next[m].step == o.steps() {
				next[m] = spot{op: at[m].op + 1}
			}
			if f.from(out.s, next) {
				return true
			}
		}
	}
	return false
}

// may tells whether machine m's next step may come now: not before what had ended when its operation began.
func (r *round) may(m int, at [2]spot) bool {
	o, other := r.ops[m][at[m].op], 1-m
	if at[other].op == len(r.ops[other]) {
		return true
	}
	return r.ops[other][at[other].op].end >= o.start
}

// steps is the number of steps of an operation.
func (o *op) steps() int {
	switch {
	case o.err != 0 && o.opened && o.kind == create:
		return 2
	case o.err != 0:
		return 1
	}
	switch o.kind {
	case create, overwrite, appendTo, inPlace, unlink, rename, rmdir:
		return 2
	}
	return 1
}

// step returns all that step n of an operation may make of s; nothing if it cannot come now.
func (r *round) step(m int, o *op, n int, s state, memo text) []outcome {
	if o.err != 0 {
		return r.failed(m, o, n, s)
	}
	switch o.kind {
	case create, overwrite, appendTo, inPlace:
		return r.writes(o, n, s, memo)
	case truncate:
		return r.truncates(o, s)
	case unlink:
		return r.unlinks(m, o, n, s)
	case rename:
		return r.renames(o, n, s, memo)
	case renameDir:
		return when(s.isDir(o.path), s.moved(o.path, o.to))
	case mkdir:
		return when(!s.there(o.path), s.marked(o.path, true))
	case rmdir:
		if n == 0 {
			return when(s.isDir(o.path) && !s.below(o.path) || r.lenient && !s.there(o.path), s)
		}
		return when(true, s.marked(o.path, false))
	case symlink:
		return when(!s.there(o.path), s.with(o.path, r.texts.id("L"+o.data)))
	case chmod:
		return when(s.files[o.path] != 0, s)
	case read:
		return when(s.files[o.path] == r.texts.id("F"+o.got), s)
	case readlink:
		return when(s.files[o.path] == r.texts.id("L"+o.got), s)
	case list:
		return when(r.lists(m, o, s), s)
	}
	return nil
}

func when(ok bool, s state) []outcome {
	if !ok {
		return nil
	}
	return []outcome{{s: s}}
}

// writes has the steps of a file that is opened, written and closed.
func (r *round) writes(o *op, n int, s state, memo text) []outcome {
	now := s.files[o.path]
	all := s.with(o.path, r.texts.id("F"+o.data))
	switch {
	case o.kind == create && n == 0:
		return when(now == 0, s.with(o.path, r.texts.id("F")))
	case o.kind == overwrite && n == 0 && now == 0:
		return []outcome{{s: s}, {s: s.with(o.path, r.texts.id("F"))}}
	case o.kind == overwrite && n == 0:
		return when(true, s)
	case o.kind == create || o.kind == overwrite:
		return when(true, all)
	case n == 0: // an append or a change opens what is there
		if now == 0 && !(r.lenient && o.kind == appendTo) { // an append to a cached name does not ask at open
			return nil
		}
		return []outcome{{s, now}}
	case o.kind == appendTo && now != 0:
		return when(true, s.with(o.path, r.texts.id(r.texts.all[now]+o.data)))
	case o.kind == appendTo: // removed meanwhile: the tail alone is a new file, as if the append had come later
		return when(true, all)
	}
	return when(now == memo, s.with(o.path, r.texts.id(overlay(r.texts.all[memo], o.data, o.at))))
}

// overlay puts data over the bytes of a content, which has its sort before them.
func overlay(content, data string, at int64) string {
	at++
	b := []byte(content)
	for int64(len(b)) < at+int64(len(data)) {
		b = append(b, 0)
	}
	copy(b[at:], data)
	return string(b)
}

func (r *round) truncates(o *op, s state) []outcome {
	now := s.files[o.path]
	if now == 0 {
		return nil
	}
	content := r.texts.all[now] + strings.Repeat("\x00", int(o.at))
	return when(true, s.with(o.path, r.texts.id(content[:int(o.at)+1])))
}

// kept returns s, and s with a marker for the folder of path: what leaves a folder keeps it.
func kept(s state, path string) []outcome {
	return []outcome{{s: s.marked(parent(path), true)}, {s: s}}
}

func (r *round) unlinks(m int, o *op, n int, s state) []outcome {
	if n == 0 {
		return kept(s, o.path)
	}
	if s.files[o.path] != 0 {
		return when(true, s.without(o.path))
	}
	for _, x := range r.ops[1-m] { // both removed it at one time
		if (x.kind == unlink || x.kind == rename) && x.path == o.path && x.err == 0 {
			return when(true, s)
		}
	}
	return when(r.lenient, s) // what a kernel still knows may be removed twice
}

// renames copies, then removes what was copied. What someone else made of the source meanwhile stays.
func (r *round) renames(o *op, n int, s state, memo text) []outcome {
	now := s.files[o.path]
	if n == 0 {
		if now == 0 {
			return nil
		}
		var out []outcome
		for _, k := range kept(s.with(o.to, now), o.path) {
			out = append(out, outcome{k.s, now})
		}
		return out
	}
	if now == memo {
		s = s.without(o.path)
	}
	return when(true, s)
}

// lists tells whether names are right, as far as the other machine changes none of them in this round.
func (r *round) lists(m int, o *op, s state) bool {
	listed := map[string]bool{}
	for _, n := range o.names {
		if listed[n] {
			return false // twice
		}
		listed[n] = true
	}
	if !s.isDir(o.path) && !r.touched(m, o.path) {
		return false
	}
	for p := range s.names(o.path, o.names) {
		name := p[strings.LastIndexByte(p, '/')+1:]
		if !r.touched(m, p) && listed[name] != s.there(p) {
			return false
		}
	}
	return true
}

// names are the paths of what is in a folder, and of more names in it.
func (s state) names(dir string, more []string) map[string]bool {
	found := map[string]bool{}
	prefix := ""
	if dir != "" {
		prefix = dir + "/"
	}
	for _, n := range more {
		found[prefix+n] = true
	}
	add := func(p string) {
		if rest, ok := strings.CutPrefix(p, prefix); ok {
			name, _, _ := strings.Cut(rest, "/")
			found[prefix+name] = true
		}
	}
	for p := range s.files {
		add(p)
	}
	for p := range s.markers {
		add(p)
	}
	return found
}

// touched tells whether the other machine than m changes a path in this round.
func (r *round) touched(m int, path string) bool {
	return slices.ContainsFunc(r.ops[1-m], func(o *op) bool { return o.touches(path) })
}

// contested tells whether the other machine changes a path of o while o runs.
func (r *round) contested(m int, o *op) bool {
	return slices.ContainsFunc(r.ops[1-m], func(x *op) bool {
		return x.end >= o.start && x.start <= o.end && (x.touches(o.path) || o.to != "" && x.touches(o.to))
	})
}

// failed has the steps of an operation that failed: nothing changes but what its open did, and the error must be true.
func (r *round) failed(m int, o *op, n int, s state) []outcome {
	if o.kind == create && o.opened && n == 0 {
		return when(s.files[o.path] == 0, s.with(o.path, r.texts.id("F")))
	}
	if !r.honest(m, o, s) {
		return nil
	}
	if o.kind == unlink || o.kind == rename { // it may have kept the folder before it found out
		return kept(s, o.path)
	}
	return when(true, s)
}

// honest tells whether the error of o is true now.
func (r *round) honest(m int, o *op, s state) bool {
	if r.lenient && (r.touched(m, o.path) || o.to != "" && r.touched(m, o.to)) {
		switch o.err {
		case syscall.ENOENT, syscall.EEXIST, syscall.ESTALE, syscall.ENOTEMPTY:
			return true
		}
	}
	switch o.err {
	case syscall.ENOENT:
		return !s.there(o.path) || !s.isDir(parent(o.path)) || o.to != "" && !s.isDir(parent(o.to)) ||
			o.opened && r.contested(m, o)
	case syscall.EEXIST:
		return o.kind != overwrite && s.there(o.path) || o.opened && r.contested(m, o)
	case syscall.ENOTEMPTY:
		return o.kind == rmdir && s.below(o.path)
	case syscall.ESTALE:
		return r.contested(m, o)
	}
	return false
}
