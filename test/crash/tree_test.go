//go:build linux && !sandbox

package crash

import (
	"crypto/md5"
	"fmt"
	"maps"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/sentient-agi/sentientfs/test/harness"
)

// A tree is what the bucket has: content by key, folders' markers left out. Links begin with "-> ".
type tree map[string]string

func (t tree) with(key, content string) tree {
	c := maps.Clone(t)
	c[key] = content
	return c
}

func (t tree) without(key string) tree {
	c := maps.Clone(t)
	delete(c, key)
	return c
}

// moved renames all below a folder.
func (t tree) moved(from, to string) tree {
	c := tree{}
	for key, content := range t {
		if rest, ok := strings.CutPrefix(key, from+"/"); ok {
			key = to + "/" + rest
		}
		c[key] = content
	}
	return c
}

// bucket reads what is below a prefix.
func bucket(t *testing.T, s *harness.Server, prefix string) tree {
	t.Helper()
	found := tree{}
	for _, key := range s.Keys(t, prefix+"/") {
		name := strings.TrimPrefix(key, prefix+"/")
		if strings.HasSuffix(name, "/") || name == "" {
			continue
		}
		body, meta := s.Get(t, key)
		found[name] = string(body)
		if mode, err := strconv.ParseUint(meta["mode"], 10, 32); err == nil && mode&0o170000 == 0o120000 {
			found[name] = "-> " + string(body)
		}
	}
	return found
}

func (t tree) String() string {
	var lines []string
	for key, content := range t {
		lines = append(lines, fmt.Sprintf("%s: %s", key, brief(content)))
	}
	sort.Strings(lines)
	return "{" + strings.Join(lines, "; ") + "}"
}

func brief(s string) string {
	if len(s) > 40 {
		return fmt.Sprintf("%d bytes, md5 %x", len(s), md5.Sum([]byte(s)))
	}
	return strconv.Quote(s)
}
