package fs

import (
	"slices"
	"sync"
	"syscall"
)

// nameLocks locks paths that are being changed: creates, removals and renames of one name come one after the other,
// those of different names in parallel. A tree, which is a directory that is being renamed, excludes all names below.
type nameLocks struct {
	mu   sync.Mutex
	free sync.Cond       // told of each unlock
	held map[string]bool // by path: whether it is a tree; guarded by mu

	waiting int // callers that wait; guarded by mu
}

// lock locks the paths, all at once so that two callers never wait for each other. The function that it returns
// unlocks them. Who holds paths must not lock more.
func (l *nameLocks) lock(paths ...string) (unlock func()) { return l.take(paths, false) }

// lockTrees locks the paths with everything below them.
func (l *nameLocks) lockTrees(paths ...string) (unlock func()) { return l.take(paths, true) }

func (l *nameLocks) take(paths []string, trees bool) func() {
	paths = slices.Clone(paths)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free.L = &l.mu
	l.waiting++
	for !l.freeLocked(paths, trees) {
		l.free.Wait()
	}
	l.waiting--
	if l.held == nil {
		l.held = map[string]bool{}
	}
	for _, p := range paths {
		l.held[p] = trees
	}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, p := range paths {
			delete(l.held, p)
		}
		l.free.Broadcast()
	}
}

func (l *nameLocks) freeLocked(paths []string, trees bool) bool {
	for held, tree := range l.held {
		for _, p := range paths {
			if p == held || tree && isBelow(p, held) || trees && isBelow(held, p) {
				return false
			}
		}
	}
	return true
}

// isBelow tells whether path is in the directory dir, however deep.
func isBelow(path, dir string) bool {
	return len(path) > len(dir) && path[len(dir)] == '/' && path[:len(dir)] == dir
}

// claim locks a name of d and returns its path, which holds until it is unlocked: while it waited, a rename may have
// moved d.
func (d *dir) claim(name string) (path string, unlock func(), errno syscall.Errno) {
	for {
		path, errno := d.child(name)
		if errno != 0 {
			return "", nil, errno
		}
		unlock := d.fs.names.lock(path)
		if now, errno := d.child(name); errno == 0 && now == path {
			return path, unlock, 0
		}
		unlock()
	}
}

// claim locks the name of a node and returns its path. It is false, and locks nothing, for a node without a name.
func (e *entry) claim() (path string, unlock func(), named bool) {
	for {
		path, named := e.path()
		if !named {
			return "", nil, false
		}
		unlock := e.fs.names.lock(path)
		if now, named := e.path(); named && now == path {
			return path, unlock, true
		}
		unlock()
	}
}
