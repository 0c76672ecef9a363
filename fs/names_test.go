package fs

import (
	"sync"
	"testing"
)

// excluded tells whether b has to wait while a is locked.
func excluded(a, b func(*nameLocks) func()) bool {
	var l nameLocks
	unlock := a(&l)
	done := make(chan struct{})
	go func() {
		b(&l)()
		close(done)
	}()
	// The second one is either through or waits: ask the lock itself, as time tells nothing.
	free := func() bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	}
	waits := false
	for !free() && !waits {
		l.mu.Lock()
		waits = l.waiting > 0
		l.mu.Unlock()
	}
	unlock()
	<-done
	return waits
}

func TestNameLocks(t *testing.T) {
	name := func(p ...string) func(*nameLocks) func() {
		return func(l *nameLocks) func() { return l.lock(p...) }
	}
	tree := func(p ...string) func(*nameLocks) func() {
		return func(l *nameLocks) func() { return l.lockTrees(p...) }
	}
	for _, c := range []struct {
		what string
		a, b func(*nameLocks) func()
		want bool
	}{
		{"a name twice", name("a"), name("a"), true},
		{"two names", name("a"), name("b"), false},
		{"a name and its directory", name("a"), name("a/b"), false},
		{"one of two", name("a", "b"), name("c", "b"), true},
		{"a tree and what is in it", tree("a"), name("a/b/c"), true},
		{"what is in a tree and the tree", name("a/b/c"), tree("a"), true},
		{"a tree and its neighbor", tree("a"), name("ab"), false},
		{"a tree and its parent", tree("a/b"), name("a"), false},
		{"two trees", tree("a"), tree("b"), false},
		{"a tree in a tree", tree("a"), tree("a/b"), true},
	} {
		if got := excluded(c.a, c.b); got != c.want {
			t.Errorf("%s: excluded %v, want %v", c.what, got, c.want)
		}
	}
}

// Two that lock the same names in another order do not wait for each other.
func TestNameLocksDoNotDeadlock(t *testing.T) {
	var l nameLocks
	var wg sync.WaitGroup
	n := 0
	for i := range 8 {
		wg.Go(func() {
			for range 100 {
				paths := []string{"a", "b"}
				if i%2 == 0 {
					paths = []string{"b", "a"}
				}
				unlock := l.lock(paths...)
				n++
				unlock()
			}
		})
	}
	wg.Wait()
	if n != 800 {
		t.Errorf("%d times, want 800", n)
	}
}
