package fs

import (
	"sync"
)

// pruner keeps the number of nodes that the kernel knows near a limit. The kernel itself lets go of one only when the
// whole machine is short of memory, and each costs us more than a kilobyte.
type pruner struct {
	limit int // 0 is none
	full  chan struct{}

	mu    sync.Mutex
	queue []node // given to the kernel, oldest first
	head  int    // of queue: what is before it is done with
}

func newPruner(limit int) *pruner { return &pruner{limit: limit, full: make(chan struct{}, 1)} }

// given notes a node that the kernel is given. Directories are few and hold others: they are left alone.
func (p *pruner) given(n node) {
	if _, isDir := n.(*dir); isDir || p.limit <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := n.base(); !e.queued {
		e.queued = true
		p.queue = append(p.queue, n)
	}
	if len(p.queue)-p.head > p.limit {
		select {
		case p.full <- struct{}{}:
		default:
		}
	}
}

// oldest takes the oldest node while there are more than the limit.
func (p *pruner) oldest() (node, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue)-p.head <= p.limit {
		return nil, false
	}
	n := p.queue[p.head]
	p.queue[p.head] = nil
	p.head++
	n.base().queued = false
	if p.head > len(p.queue)/2 {
		p.queue = append([]node(nil), p.queue[p.head:]...)
		p.head = 0
	}
	return n, true
}

// prune asks the kernel to forget the names of the oldest nodes whenever there are too many. It must never be waited
// for by a request: the kernel takes the lock of the directory, which a request may hold.
func (f *FS) prune() {
	for {
		select {
		case <-f.ctx.Done():
			return
		case <-f.pruner.full:
		}
		for n, ok := f.pruner.oldest(); ok && f.ctx.Err() == nil; n, ok = f.pruner.oldest() {
			f.letGo(n)
		}
	}
}

// letGo makes the kernel forget the name of a node, if nobody has the node open. One that is still needed comes back
// with the next lookup.
func (f *FS) letGo(n node) {
	e := n.base()
	f.tree.RLock()
	parent, name, forgotten := e.place.parent, e.place.name, e.forgotten
	f.tree.RUnlock()
	if parent == nil || forgotten {
		return
	}
	if r, ok := n.(*file); ok {
		r.mu.Lock()
		used := r.handles > 0 || r.unsent
		r.mu.Unlock()
		if used {
			f.pruner.given(n)
			return
		}
	}
	if _, ok := n.(*special); ok {
		return // a bound socket is its node
	}
	parent.NotifyEntry(name)
}
