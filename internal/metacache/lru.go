package metacache

// An lru keeps values up to a sum of costs, and drops those that were not used for longest. Its user locks.
type lru[K comparable, V any] struct {
	budget, used int64
	m            map[K]*node[K, V]
	root         node[K, V] // of the ring; next is the newest
	dropped      func(V)    // called for each value that leaves or is replaced; may be nil
}

type node[K comparable, V any] struct {
	prev, next *node[K, V]
	key        K
	value      V
	cost       int64
}

func newLRU[K comparable, V any](budget int64) *lru[K, V] {
	l := &lru[K, V]{budget: budget, m: map[K]*node[K, V]{}}
	l.root.prev, l.root.next = &l.root, &l.root
	return l
}

func (l *lru[K, V]) get(k K) (V, bool) {
	n, ok := l.m[k]
	if !ok {
		var zero V
		return zero, false
	}
	l.unlink(n)
	l.link(n)
	return n.value, true
}

// peek is get without a use.
func (l *lru[K, V]) peek(k K) (v V, ok bool) {
	if n, ok := l.m[k]; ok {
		return n.value, true
	}
	return v, false
}

// grow adds to the cost of what is kept under k.
func (l *lru[K, V]) grow(k K, cost int64) {
	if n, ok := l.m[k]; ok {
		n.cost += cost
		l.used += cost
		l.shrink()
	}
}

// put keeps v, unless it alone is above the budget.
func (l *lru[K, V]) put(k K, v V, cost int64) {
	l.remove(k)
	n := &node[K, V]{key: k, value: v, cost: cost}
	l.m[k] = n
	l.link(n)
	l.used += cost
	l.shrink()
}

func (l *lru[K, V]) shrink() {
	for l.used > l.budget && l.root.prev != &l.root {
		l.remove(l.root.prev.key)
	}
}

func (l *lru[K, V]) remove(k K) {
	n, ok := l.m[k]
	if !ok {
		return
	}
	delete(l.m, k)
	l.unlink(n)
	l.used -= n.cost
	if l.dropped != nil {
		l.dropped(n.value)
	}
}

func (l *lru[K, V]) removeIf(f func(K) bool) {
	for k := range l.m {
		if f(k) {
			l.remove(k)
		}
	}
}

func (l *lru[K, V]) clear() { l.removeIf(func(K) bool { return true }) }

func (l *lru[K, V]) link(n *node[K, V]) {
	n.prev, n.next = &l.root, l.root.next
	n.prev.next, n.next.prev = n, n
}

func (l *lru[K, V]) unlink(n *node[K, V]) {
	n.prev.next, n.next.prev = n.next, n.prev
}
