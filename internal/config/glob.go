package config

import (
	"fmt"
	"path"
	"strings"
)

// A Glob matches paths of the mount: `*`, `?` and `[…]` stay within one name as in path.Match, `**` as a whole name
// stands for any number of names, none included. A pattern without a slash matches the last name at any depth.
type Glob struct {
	text  string
	names []string
}

// ParseGlob reads a pattern. It fails where path.Match would.
func ParseGlob(pattern string) (Glob, error) {
	text := strings.Trim(pattern, "/")
	if text == "" {
		return Glob{}, fmt.Errorf("the pattern is empty")
	}
	names := strings.Split(text, "/")
	for _, name := range names {
		if _, err := path.Match(name, ""); err != nil {
			return Glob{}, fmt.Errorf("the pattern %q is malformed", pattern)
		}
	}
	if len(names) == 1 && !strings.HasPrefix(pattern, "/") && names[0] != "**" {
		names = []string{"**", names[0]}
	}
	return Glob{text: pattern, names: names}, nil
}

func (g Glob) String() string { return g.text }

// Match tells whether the pattern matches name, a path relative to the root of the mount.
func (g Glob) Match(name string) bool {
	var parts []string
	if name = strings.Trim(name, "/"); name != "" {
		parts = strings.Split(name, "/")
	}
	return matchNames(g.names, parts)
}

// matchNames walks both lists and returns to the last ** on a mismatch, which takes len(pattern)*len(names) steps at
// most where a recursion would take exponentially many.
func matchNames(pattern, names []string) bool {
	p, n := 0, 0
	starP, starN := -1, 0
	for n < len(names) {
		if p < len(pattern) && pattern[p] == "**" {
			starP, starN = p, n
			p++
			continue
		}
		if p < len(pattern) {
			if ok, err := path.Match(pattern[p], names[n]); ok && err == nil {
				p, n = p+1, n+1
				continue
			}
		}
		if starP < 0 {
			return false
		}
		starN++
		p, n = starP+1, starN
	}
	for p < len(pattern) && pattern[p] == "**" {
		p++
	}
	return p == len(pattern)
}
