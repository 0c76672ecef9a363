package fs

import (
	"slices"
	"sync"
)

// nameLocks is a lock for each path that is being changed: creates, removals and renames of one name come one after
// the other, those of different names in parallel.
type nameLocks struct {
	mu   sync.Mutex
	held map[string]*nameLock // guarded by mu
}

type nameLock struct {
	sync.Mutex
	users int // guarded by nameLocks.mu
}

// lock locks the paths, each once, in the order of their bytes so that two callers never wait for each other. The
// function that it returns unlocks them.
func (l *nameLocks) lock(paths ...string) (unlock func()) {
	paths = slices.Clone(paths)
	slices.Sort(paths)
	paths = slices.Compact(paths)
	locks := make([]*nameLock, len(paths))
	for i, p := range paths {
		locks[i] = l.take(p)
		locks[i].Lock()
	}
	return func() {
		for i, p := range paths {
			locks[i].Unlock()
			l.give(p)
		}
	}
}

func (l *nameLocks) take(path string) *nameLock {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == nil {
		l.held = map[string]*nameLock{}
	}
	n := l.held[path]
	if n == nil {
		n = &nameLock{}
		l.held[path] = n
	}
	n.users++
	return n
}

func (l *nameLocks) give(path string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.held[path]
	if n.users--; n.users == 0 {
		delete(l.held, path)
	}
}
