package transfer

import (
	"fmt"
	"strings"
	"testing"
)

func TestExtendsChain(t *testing.T) {
	etag := func(i int) string { return fmt.Sprintf("%032x", i*7919) }
	var m map[string]string
	for i := range 40 {
		next := map[string]string{}
		extend(next, etag(i), int64(10*i), m)
		m = next
		for old := range 41 {
			want := old <= i && i-old <= maxChain
			if got := Extends(m, etag(old), int64(10*old)); got != want {
				t.Fatalf("after %d appends: extends version %d: %v, want %v", i+1, old, got, want)
			}
			if Extends(m, etag(old), int64(10*old+1)) {
				t.Fatalf("extends a version of another size")
			}
		}
	}
	size := 0
	for k, v := range m {
		size += len(k) + len(v)
	}
	if size > 700 {
		t.Errorf("the chain takes %d bytes of the 2,048 that metadata may have: %q", size, strings.TrimSpace(m[MetaExtendsChain]))
	}
	if Extends(map[string]string{}, "", 0) {
		t.Error("an unknown version is extended")
	}
}
