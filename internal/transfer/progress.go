package transfer

import "sync"

// Progress is what is being stored at one moment.
type Progress struct {
	Files int   // files whose store runs or waits for its turn
	Bytes int64 // of these files, not yet in S3
}

// meter counts what is being stored and reports each step.
type meter struct {
	report func(Progress)

	mu  sync.Mutex // a leaf: nothing else is locked under it
	now Progress
}

// add counts files and bytes that are now to be stored (positive) or are settled (negative).
func (m *meter) add(files int, bytes int64) {
	m.mu.Lock()
	m.now.Files += files
	m.now.Bytes += bytes
	now := m.now
	m.mu.Unlock()
	if m.report != nil && (files != 0 || bytes != 0) {
		m.report(now)
	}
}

// begin counts the file of j as being stored, end takes it and what is left of it out.
func (m *meter) begin(st *state, j *job) {
	size := st.f.Size()
	st.mu.Lock()
	j.left = size
	st.mu.Unlock()
	m.add(1, size)
}

func (m *meter) end(st *state, j *job) {
	st.mu.Lock()
	left := j.left
	j.left = 0
	st.mu.Unlock()
	m.add(-1, -left)
}

// progress counts n bytes of a file as stored, if they are of a store and not sent behind a writer.
func (st *state) progress(n int64) {
	st.mu.Lock()
	j := st.job
	if j == nil {
		st.mu.Unlock()
		return
	}
	n = min(n, j.left)
	j.left -= n
	st.mu.Unlock()
	st.e.meter.add(0, -n)
}

// Pending returns what is being stored now.
func (e *Engine) Pending() Progress {
	e.meter.mu.Lock()
	defer e.meter.mu.Unlock()
	return e.meter.now
}
