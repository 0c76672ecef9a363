//go:build linux && !sandbox

package machines

import (
	"fmt"
	"maps"
	"path"
	"sort"
	"strings"
)

// A text is a content by number, so that states are small. 0 is none.
type text int

// texts numbers contents.
type texts struct {
	ids map[string]text
	all []string
}

func newTexts() *texts { return &texts{ids: map[string]text{}, all: []string{""}} }

func (t *texts) id(s string) text {
	if id, ok := t.ids[s]; ok {
		return id
	}
	id := text(len(t.all))
	t.ids[s], t.all = id, append(t.all, s)
	return id
}

// A state is what the bucket has: files by path, and folders that have a marker. It is never changed once made.
type state struct {
	files   map[string]text
	markers map[string]bool
}

func (s state) clone() state { return state{maps.Clone(s.files), maps.Clone(s.markers)} }

func (s state) with(path string, t text) state {
	c := s.clone()
	c.files[path] = t
	return c
}

func (s state) without(path string) state {
	c := s.clone()
	delete(c.files, path)
	return c
}

func (s state) marked(dir string, there bool) state {
	if dir == "" || s.markers[dir] == there {
		return s
	}
	c := s.clone()
	if c.markers[dir] = there; !there {
		delete(c.markers, dir)
	}
	return c
}

// below tells whether anything is below a folder.
func (s state) below(dir string) bool {
	for p := range s.files {
		if strings.HasPrefix(p, dir+"/") {
			return true
		}
	}
	for p := range s.markers {
		if strings.HasPrefix(p, dir+"/") {
			return true
		}
	}
	return false
}

func (s state) isDir(p string) bool { return p == "" || s.markers[p] || s.below(p) }

func (s state) there(p string) bool { return s.files[p] != 0 || s.isDir(p) }

// moved renames a folder with all that is in it.
func (s state) moved(from, to string) state {
	c := state{map[string]text{}, map[string]bool{}}
	move := func(p string) string {
		if p == from || strings.HasPrefix(p, from+"/") {
			return to + p[len(from):]
		}
		return p
	}
	for p, t := range s.files {
		c.files[move(p)] = t
	}
	for p := range s.markers {
		c.markers[move(p)] = true
	}
	c.markers[to] = true
	return c
}

func (s state) key() string {
	out := make([]string, 0, len(s.files)+len(s.markers))
	for p, t := range s.files {
		out = append(out, fmt.Sprintf("%s=%d", p, t))
	}
	for p := range s.markers {
		out = append(out, p)
	}
	sort.Strings(out)
	return strings.Join(out, "\n")
}

// shows tells whether a tree is what a machine must see of s.
func (s state) shows(t tree, x *texts) bool {
	if len(s.files) != len(t.files) {
		return false
	}
	for p, c := range t.files {
		if s.files[p] != x.id(c) {
			return false
		}
	}
	for d := range t.dirs {
		if !s.isDir(d) {
			return false
		}
	}
	for d := range s.markers {
		if !t.dirs[d] {
			return false
		}
	}
	for p := range s.files {
		if d := parent(p); d != "" && !t.dirs[d] {
			return false
		}
	}
	return true
}

func parent(p string) string {
	if d := path.Dir(p); d != "." {
		return d
	}
	return ""
}
