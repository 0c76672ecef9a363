package fs

import (
	"context"
	"time"

	"github.com/sentient-agi/sentientfs/internal/content"
)

const (
	// settle is how long an empty new file waits for the write that mostly follows, so that `echo x > f` costs one PUT.
	settle = 5 * time.Millisecond
	// firstRetry and lastRetry bound the pauses between attempts to store what could not be stored.
	firstRetry = 2 * time.Second
	lastRetry  = time.Minute
	// appendMax is how many unsent bytes of an append are let wait while its handle is open.
	appendMax = 1 << 20
)

// storeSoon stores the file without making anybody wait.
func (f *file) storeSoon() {
	f.fs.background(func() {
		select {
		case <-time.After(settle):
		case <-f.fs.ctx.Done():
		}
		f.mu.Lock()
		rewritten := f.writers > 0 && f.attr.size > 0 // its close will store it
		f.mu.Unlock()
		if !rewritten {
			f.flush("store")
		}
	})
}

// background runs work that Close waits for.
func (f *FS) background(work func()) {
	f.work.Add(1)
	go func() {
		defer f.work.Done()
		work()
	}()
}

// tend stores what close did not: appends whose handle stays open, and files whose last attempt failed.
func (f *FS) tend() {
	next := map[*file]time.Time{}
	pause := map[*file]time.Duration{}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-f.ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		for _, p := range f.unsentFiles() {
			if !p.due(now) || now.Before(next[p]) {
				continue
			}
			pause[p] = min(max(2*pause[p], firstRetry), lastRetry)
			next[p] = now.Add(pause[p])
			if p.retrying.CompareAndSwap(false, true) {
				f.background(func() {
					defer p.retrying.Store(false)
					p.flush("store")
				})
			}
		}
		for p := range next {
			if !p.busy() {
				delete(next, p)
				delete(pause, p)
			}
		}
	}
}

// due tells whether a file with unsent changes should be stored though nobody waits for it.
func (f *file) due(now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.unsent || f.data == nil {
		return false
	}
	if f.writers == 0 {
		return true
	}
	t := f.data.Target()
	age := f.fs.opts.DirtyMaxAge
	if t.Intent != content.IntentAppend || age <= 0 {
		return false
	}
	return now.Sub(f.dirtied) >= age || f.attr.size-t.AppendFrom >= appendMax
}

// unsentFiles returns the files with unsent changes.
func (f *FS) unsentFiles() []*file {
	f.mu.Lock()
	defer f.mu.Unlock()
	files := make([]*file, 0, len(f.pending))
	for p := range f.pending {
		files = append(files, p)
	}
	return files
}

// Pending tells how many files have changes that are not stored, and how many bytes they have.
func (f *FS) Pending() (files int, bytes int64) {
	for _, p := range f.unsentFiles() {
		p.mu.Lock()
		if p.unsent {
			files++
			bytes += p.attr.size
		}
		p.mu.Unlock()
	}
	return files, bytes
}

// Flush stores everything that is not stored, at most eight files at a time, until all is or ctx ends. It returns how
// many files could not be stored; the journal keeps them.
func (f *FS) Flush(ctx context.Context) (left int) {
	slots := make(chan struct{}, 8)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, p := range f.unsentFiles() {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			f.background(func() {
				defer func() { <-slots }()
				p.flush("flush")
			})
		}
		for range cap(slots) {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
		}
	}()
	<-done
	left, _ = f.Pending()
	return left
}
