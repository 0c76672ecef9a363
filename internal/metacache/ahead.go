package metacache

import "context"

const (
	// aheadNames is how many names share the wait for one that is looked up in the order of a listing: as many as
	// there are HEADs at once.
	aheadNames = DefaultHeads
	// aheadStep is how far behind the name before, in the listing, one may be to count as the next in order.
	aheadStep = 8
)

// lookAhead asks for the metadata of path and of the names behind it, if path is the next in order of a listing that is
// fresh: who looks names up in order, as `ls -l` does with a large directory, wants those behind it next. It reports
// whether path may be known now.
func (c *Cache) lookAhead(ctx context.Context, path string) bool {
	if !c.o.PosixMetadata {
		return false
	}
	dir, name := split(path)
	c.mu.Lock()
	d, ok := c.lists.get(dir)
	if !ok {
		c.mu.Unlock()
		return false
	}
	d.refs++
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.releaseLocked(d)
		c.mu.Unlock()
	}()
	first, n, running := d.inOrder(name)
	if running != nil {
		select {
		case <-running:
			return true
		case <-ctx.Done():
			return false
		}
	}
	if n == 0 {
		return false
	}
	defer d.asked()
	entries, err := d.entries(first, n)
	if err != nil || len(entries) == 0 || !c.fresh(path, state{e: entries[0].Entry, at: entries[0].at}) {
		return false
	}
	_, err = c.fill(ctx, dir, entries, true)
	return err == nil
}

// inOrder tells which n names from number first on are to be asked for with name, none if it is not the next in order.
// running is the channel of a question that has name already. Who gets names calls asked afterwards.
func (d *dirList) inOrder(name string) (first, n int, running chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.blind || d.closed {
		return 0, 0, nil
	}
	_, i, ok := d.names.find(name)
	if _, changed := d.overlay[name]; !ok || changed {
		return 0, 0, nil
	}
	before := d.looked
	d.looked = i
	switch {
	case d.asking != nil && i >= d.askFrom && i < d.askTo:
		return 0, 0, d.asking
	case d.asking != nil, i <= before, i > before+aheadStep:
		return 0, 0, nil
	}
	n = min(aheadNames, d.names.n-i)
	d.asking, d.askFrom, d.askTo = make(chan struct{}), i, i+n
	return i, n, nil
}

// asked ends what inOrder began.
func (d *dirList) asked() {
	d.mu.Lock()
	defer d.mu.Unlock()
	close(d.asking)
	d.asking = nil
}
