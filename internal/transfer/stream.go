package transfer

import (
	"context"

	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/object"
)

const (
	// maxResent is how often a part that is written again is sent again before the store. A header that is rewritten
	// with each row would otherwise be sent with each row.
	maxResent = 2
	// maxFailures is after how many failures in a row the background leaves the rest to the store, which reports them.
	maxFailures = 3
	// lookEvery is after how many writes that did not make the file longer it is looked for full parts.
	lookEvery = 32
	// unknownType is the content type of an upload that an earlier process began: no file has it.
	unknownType = "?"
)

// sendStream stores s as an upload whose parts lie where the layout has them, those that were sent before included.
// When it fails the upload stays in the journal and is gone on with by the next attempt.
func (st *state) sendStream(ctx context.Context, s shot) (object.Info, attempt, error) {
	known, err := st.beginStream(ctx, s.target, s.put)
	if err != nil {
		return object.Info{}, attempt{}, err
	}
	a, err := st.try(attempt{nonce: known.nonce, shot: s, early: &known.target})
	if err != nil {
		return object.Info{}, a, err
	}
	pieces := layout{st.e.opts.PartSize}.pieces(s.size)
	if len(pieces) > maxParts {
		return object.Info{}, a, &object.Error{Op: "store", Key: s.target.Key, Kind: object.KindTooLarge}
	}
	have := st.have()
	parts := make([]object.Part, len(pieces))
	var missing []piece
	for i, pc := range pieces {
		if p, ok := have[pc.number]; ok && p.Off == pc.off && p.Size == pc.size {
			parts[i] = p.Part
			continue
		}
		missing = append(missing, pc)
	}
	up := st.e.store.ResumeUpload(s.target.Key, known.id, s.put(known.nonce))
	note := st.partSent
	if s.appends {
		// Should the tail have to go behind other bytes, it is read again.
		note = func(part object.Part, pc piece, gen uint64) error { return st.f.PartSent(part, pc.off, gen) }
	}
	sent, err := st.sendPieces(ctx, up, missing, source{}, note)
	if err != nil {
		return object.Info{}, a, err
	}
	for _, p := range sent {
		parts[p.Number-1] = p
	}
	info, err := up.Complete(ctx, parts)
	return info, a, err
}

// streamed tells whether the attempt completed the upload that the file has now.
func (st *state) streamed(a attempt) bool {
	u, ok := st.f.Upload()
	return a.resumed() || a.early != nil && ok && u.Nonce == a.nonce
}

// have returns the parts that were sent and not written again, by number.
func (st *state) have() map[int]content.SentPart {
	u, _ := st.f.Upload()
	have := make(map[int]content.SentPart, len(u.Parts))
	for _, p := range u.Parts {
		have[p.Number] = p
	}
	return have
}

// beginStream returns the file's upload, begun now if there is none.
func (st *state) beginStream(ctx context.Context, t content.Target, put func(nonce string) object.PutOptions) (streaming, error) {
	u, ok := st.f.Upload()
	st.mu.Lock()
	known := st.stream
	st.mu.Unlock()
	if ok {
		if known != nil && known.id == u.ID {
			return *known, nil
		}
		// An earlier process began it: nobody knows with which metadata.
		return streaming{id: u.ID, nonce: u.Nonce, target: content.Target{ContentType: unknownType}}, nil
	}
	nonce := newNonce()
	up, err := st.e.store.CreateUpload(ctx, t.Key, put(nonce))
	if err != nil {
		return streaming{}, err
	}
	if err := st.f.SetUpload(content.Upload{Key: t.Key, ID: up.ID(), Nonce: nonce, PartSize: st.e.opts.PartSize}); err != nil {
		_ = st.abort(up)
		return streaming{}, err
	}
	began := &streaming{id: up.ID(), nonce: nonce, target: t}
	st.mu.Lock()
	st.stream = began
	st.mu.Unlock()
	return *began, nil
}

// partSent journals a part and gives its local bytes up if the disk is short.
func (st *state) partSent(part object.Part, pc piece, gen uint64) error {
	if err := st.f.PartSent(part, pc.off, gen); err != nil {
		return err
	}
	return st.punch()
}

// punch gives the local bytes of sent parts up if the disk is short.
func (st *state) punch() error {
	freed, err := st.f.PunchSent()
	st.mu.Lock()
	st.freed += freed
	st.mu.Unlock()
	return err
}

// Wrote is a hint that f was written. Once two full parts of a new file are there, the parts behind the writer are
// sent in the background. It costs nothing where there is nothing to do, and never waits.
func (e *Engine) Wrote(f *content.File) {
	if !e.streams(f) {
		return
	}
	st := e.use(f)
	if !st.startPump(false) {
		st.done()
	}
}

// streams tells whether parts of f may be sent before it is complete.
func (e *Engine) streams(f *content.File) bool {
	if f.Size() < 2*e.opts.PartSize {
		return false
	}
	_, limit, _ := f.Base()
	return limit == 0 && f.Target().Intent != content.IntentAppend
}

// MakeRoom is for a write that failed because the local disk or its budget is full: it sends full parts of f, waits
// for them, and gives their local bytes up. The write is to be tried again afterwards, and is refused if it fails
// although MakeRoom returned 0 bytes. The end of ctx ends the waiting only.
func (e *Engine) MakeRoom(ctx context.Context, f *content.File) (freed int64, err error) {
	if !e.streams(f) {
		return 0, nil
	}
	st := e.use(f)
	defer st.done()
	before := st.room()
	if e.use(f); !st.startPump(true) {
		st.done()
	}
	st.mu.Lock()
	pump := st.pump
	st.mu.Unlock()
	if pump != nil {
		select {
		case <-pump:
		case <-ctx.Done():
			return 0, canceled("UploadPart", f.Target().Key, ctx.Err())
		}
	}
	err = st.punch()
	return st.room() - before, err
}

// room returns how many bytes were given up so far.
func (st *state) room() int64 {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.freed
}

// startPump starts the background sends unless they run or it is not worth looking. They take over the caller's use of
// st. With now set it looks in any case.
func (st *state) startPump(now bool) bool {
	size := st.f.Size()
	st.mu.Lock()
	st.writes++
	idle := st.pump == nil && st.job == nil && st.halts == 0 && st.failures < maxFailures
	// Looking for full parts costs a walk through what is dirty, which is not worth it after each write.
	if !idle || !now && size < st.looked+st.e.opts.PartSize && st.writes%lookEvery != 0 {
		st.mu.Unlock()
		return false
	}
	st.looked = size
	pump := make(chan struct{})
	ctx, cancel := context.WithCancel(st.e.ctx)
	st.pump, st.cutPump = pump, cancel
	st.mu.Unlock()
	end := func() {
		cancel()
		st.mu.Lock()
		st.pump = nil
		st.mu.Unlock()
		close(pump)
	}
	begun := st.e.start(func() {
		defer st.done()
		defer end()
		st.sendBehind(ctx)
	})
	if !begun {
		end()
	}
	return begun
}

// sendBehind sends full parts until there are none, a send fails or somebody wants it to stop.
func (st *state) sendBehind(ctx context.Context) {
	for !st.halted() {
		t := st.f.Target()
		pieces := st.full(t)
		if len(pieces) == 0 {
			return
		}
		known, err := st.beginStream(ctx, t, func(nonce string) object.PutOptions {
			s := shot{target: t}
			return s.put(nonce)
		})
		if err == nil {
			up := st.e.store.ResumeUpload(t.Key, known.id, object.PutOptions{})
			_, err = st.sendPieces(ctx, up, pieces, source{}, st.partSent)
		}
		st.mu.Lock()
		st.failures++
		if err == nil {
			st.failures = 0
		}
		st.mu.Unlock()
		if err != nil {
			st.e.log.Debug("background send failed, the store will send it", "key", t.Key, "err", err)
			return
		}
	}
}

// full returns the parts that can be sent now, few enough that a store need not wait for long: those that were written
// whole, lie a part behind the end and are not sent yet.
func (st *state) full(t content.Target) []piece {
	u, ok := st.f.Upload()
	if ok && (u.Key != t.Key || u.PartSize != st.e.opts.PartSize) {
		return nil
	}
	have := st.have()
	changed := st.f.DirtyRanges()
	end := st.f.Size() - st.e.opts.PartSize
	l := layout{st.e.opts.PartSize}
	var found []piece
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, r := range changed {
		for n := l.at(r.Off); n <= maxParts && len(found) < cap(st.e.send); n++ {
			off, size := l.part(n)
			if off+size > min(end, r.Off+r.Len) {
				break
			}
			if _, sent := have[n]; sent || off < r.Off || st.sends[n] > maxResent {
				continue
			}
			st.sends[n]++
			found = append(found, piece{number: n, off: off, size: size})
		}
	}
	return found
}

// halted tells whether background sends must end.
func (st *state) halted() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.halts > 0 || st.job != nil
}

// stopPump keeps background sends from going on, and waits for those that run; cut cancels them.
func (st *state) stopPump(cut bool) {
	st.mu.Lock()
	st.halts++
	pump, cancel := st.pump, st.cutPump
	st.mu.Unlock()
	if pump != nil {
		if cut {
			cancel()
		}
		<-pump
	}
	st.mu.Lock()
	st.halts--
	st.mu.Unlock()
}
