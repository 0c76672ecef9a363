package s3backend

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/sentient-agi/sentientfs/internal/object"
)

const (
	// maxPause bounds the pause between attempts: a server that came back is not left waiting for longer.
	maxPause = 5 * time.Second
	// maxClockTries is how often a refused clock is corrected by what the server says.
	maxClockTries = 3
	// sureTries are the attempts after the first that are made also behind the deadline: it passes while the process
	// or its machine is stopped, and the connections that were open then are dead.
	sureTries = 2
	// maxBareTries is how often a refusal is tried again that may be one of the clock.
	maxBareTries = 2
)

// attempt tells a request what happened to those before it.
type attempt struct {
	n     int  // 0 for the first
	maybe bool // one before may have been carried out though its answer was lost
}

// do runs try until it succeeds or fails for good, and makes an *object.Error of what is left. An *object.Error of
// try ends it.
func (s *Store) do(ctx context.Context, op, key string, try func(context.Context, attempt) error) error {
	deadline := time.Now().Add(s.opts.OperationTimeout)
	var a attempt
	renewed := false
	for ; ; a.n++ {
		err := try(ctx, a)
		if err == nil {
			return nil
		}
		if e := ctx.Err(); e != nil {
			return &object.Error{Op: op, Key: key, Kind: object.KindOf(e), Err: context.Cause(ctx)}
		}
		var final *object.Error
		if errors.As(err, &final) {
			return final
		}
		v := classify(err)
		a.maybe = a.maybe || v.maybe
		if v.expired && !renewed {
			renewed = s.credentials.renew()
			v.retry = renewed
		}
		if v.kind == object.KindClockSkew && a.n >= maxClockTries || v.bare && a.n >= maxBareTries {
			v.retry = false
		}
		if !v.retry || a.n >= s.opts.MaxRetries || !s.pause(ctx, a.n, v.after, deadline) {
			if e := ctx.Err(); e != nil {
				return &object.Error{Op: op, Key: key, Kind: object.KindOf(e), Err: context.Cause(ctx)}
			}
			return wrap(op, key, v.kind, err)
		}
		s.log.Debug("S3 request is tried again", "op", op, "key", key, "attempt", a.n+1, "kind", v.kind.String())
	}
}

// pause waits before attempt n+1 and tells whether it may begin: before the deadline, and with the caller still there.
func (s *Store) pause(ctx context.Context, n int, after time.Duration, deadline time.Time) bool {
	most := min(s.opts.RetryBase<<min(n, 16), maxPause)
	d := most/2 + rand.N(most/2+1)
	if after > 0 {
		d = max(d, min(after, maxPause))
	}
	if n >= sureTries && time.Now().Add(d).After(deadline) {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
