package fs

import (
	"testing"
)

func TestPrunerTakesTheOldest(t *testing.T) {
	p := newPruner(3)
	f := &FS{}
	var files []*file
	for range 10 {
		n := &file{entry: entry{fs: f}}
		files = append(files, n)
		p.given(n)
		p.given(n) // known to the kernel already
	}
	p.given(&dir{entry: entry{fs: f}})
	select {
	case <-p.full:
	default:
		t.Error("nobody was told that there are too many")
	}
	for i := range 7 {
		n, ok := p.oldest()
		if !ok || n != node(files[i]) {
			t.Fatalf("number %d is not the oldest", i)
		}
	}
	if _, ok := p.oldest(); ok {
		t.Error("more were taken than were too many")
	}
	p.given(files[0]) // it came back
	if n, ok := p.oldest(); !ok || n != node(files[7]) {
		t.Error("what came back is not the youngest")
	}
}
