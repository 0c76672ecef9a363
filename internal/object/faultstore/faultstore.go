package faultstore

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// The operations by the names that rules and counts have for them.
const (
	Head         = "Head"
	Get          = "Get"
	List         = "List"
	Put          = "Put"
	Copy         = "Copy"
	Delete       = "Delete"
	DeleteMany   = "DeleteMany"
	CreateUpload = "CreateUpload"
	PutPart      = "PutPart"
	CopyPart     = "CopyPart"
	Complete     = "Complete"
	Abort        = "Abort"
	ListUploads  = "ListUploads"
	Traits       = "Traits"
)

// ErrStopped is in the chain of what every request gets once the Store has stopped.
var ErrStopped = errors.New("the store has stopped")

// Rule says which requests fail, and how. Of all rules that match, the first that still has times left is used.
type Rule struct {
	Op    string                // "" matches every operation
	Key   string                // "" matches every key; of a listing the prefix, of a copy the destination
	Match func(key string) bool // nil matches every key; asked besides Key
	Skip  int                   // this many matching requests pass first
	Times int                   // this many then fail; 0 means all

	// Before runs before the request, with its context: it waits, counts or changes the world. Its error, if any, is
	// what the request gets.
	Before func(ctx context.Context) error
	// Err is what the request gets instead of being done.
	Err error
	// Lost is what the request gets after it was done: the answer that never arrived.
	Lost error
	// Torn ends the bytes of a Get with KindCorrupt after this many; 0 leaves it whole. -1 ends it before the first.
	Torn int64
}

// Store is the wrapper. It implements object.BatchDeleter, object.UploadLister and object.Prober too, which answer
// KindUnsupported where the wrapped Store has them not.
type Store struct {
	next object.Store

	mu      sync.Mutex // guards what follows; not held while a request runs
	rules   []*rule
	counts  map[string]int
	total   int
	stopAt  int           // the request that stops the Store; 0 for none
	block   bool          // stopped requests wait for their context
	stopped chan struct{} // closed when the Store stopped
}

type rule struct {
	Rule
	seen int
}

var (
	_ object.Store        = (*Store)(nil)
	_ object.BatchDeleter = (*Store)(nil)
	_ object.UploadLister = (*Store)(nil)
	_ object.Prober       = (*Store)(nil)
)

// New wraps next with rules, which are asked in their order.
func New(next object.Store, rules ...Rule) *Store {
	s := &Store{next: next, counts: map[string]int{}, stopped: make(chan struct{})}
	s.Add(rules...)
	return s
}

// Add puts rules behind those that are there.
func (s *Store) Add(rules ...Rule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range rules {
		s.rules = append(s.rules, &rule{Rule: r})
	}
}

// Clear takes all rules away, and makes a stopped Store go on.
func (s *Store) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules, s.stopAt = nil, 0
	s.stopped = make(chan struct{})
}

// Count is the number of requests of an operation so far, of all operations for "". Stopped requests count.
func (s *Store) Count(op string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if op == "" {
		return s.total
	}
	return s.counts[op]
}

// ResetCounts begins to count anew.
func (s *Store) ResetCounts() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts, s.total = map[string]int{}, 0
}

// StopAt lets n requests from now pass and stops the Store at the one behind them: it and all later ones are not done.
// They fail with KindUnavailable, or wait for the end of their contexts if block is set. It enumerates crash points:
// count the requests of a run, then stop at 0, 1, 2 and so on.
func (s *Store) StopAt(n int, block bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopAt, s.block = s.total+n+1, block
}

// Stopped is closed when a request met the stop.
func (s *Store) Stopped() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopped
}

// enter counts a request and returns the rule for it.
func (s *Store) enter(ctx context.Context, op, key string) (Rule, error) {
	s.mu.Lock()
	s.total++
	s.counts[op]++
	if s.stopAt > 0 && s.total >= s.stopAt {
		if s.total == s.stopAt {
			close(s.stopped)
		}
		block := s.block
		s.mu.Unlock()
		if block {
			<-ctx.Done()
			return Rule{}, &object.Error{Op: op, Key: key, Kind: object.KindOf(ctx.Err()), Err: ErrStopped}
		}
		return Rule{}, &object.Error{Op: op, Key: key, Kind: object.KindUnavailable, Err: ErrStopped}
	}
	r := s.matchLocked(op, key)
	s.mu.Unlock()
	if r.Before != nil {
		if err := r.Before(ctx); err != nil {
			return r, asError(op, key, err)
		}
	}
	if r.Err != nil {
		return r, asError(op, key, r.Err)
	}
	return r, nil
}

func (s *Store) matchLocked(op, key string) Rule {
	for _, r := range s.rules {
		if r.Op != "" && r.Op != op || r.Key != "" && r.Key != key || r.Match != nil && !r.Match(key) {
			continue
		}
		r.seen++
		if r.seen > r.Skip && (r.Times == 0 || r.seen <= r.Skip+r.Times) {
			return r.Rule
		}
	}
	return Rule{}
}

// asError keeps the promise that a Store returns nothing but *object.Error.
func asError(op, key string, err error) error {
	var e *object.Error
	if errors.As(err, &e) {
		return err
	}
	return &object.Error{Op: op, Key: key, Kind: object.KindOf(err), Err: err}
}

// Fail is an error of a kind, for Rule.Err and Rule.Lost.
func Fail(kind object.Kind) error {
	return &object.Error{Op: "fault", Kind: kind, Err: errors.New("injected")}
}

// run does one request under the rules.
func run[T any](ctx context.Context, s *Store, op, key string, do func() (T, error)) (T, error) {
	var none T
	r, err := s.enter(ctx, op, key)
	if err != nil {
		return none, err
	}
	v, err := do()
	if err == nil && r.Lost != nil {
		if c, ok := any(v).(io.Closer); ok {
			_ = c.Close()
		}
		return none, asError(op, key, r.Lost)
	}
	if rd, ok := any(v).(*object.Reader); ok && err == nil && r.Torn != 0 {
		rd.ReadCloser = &tornReader{ReadCloser: rd.ReadCloser, key: key, left: max(r.Torn, 0)}
	}
	return v, err
}

// tornReader ends early.
type tornReader struct {
	io.ReadCloser
	key  string
	left int64
}

func (t *tornReader) Read(p []byte) (int, error) {
	if t.left == 0 {
		return 0, &object.Error{Op: "Get", Key: t.key, Kind: object.KindCorrupt, Err: io.ErrUnexpectedEOF}
	}
	n, err := t.ReadCloser.Read(p[:min(int64(len(p)), t.left)])
	t.left -= int64(n)
	return n, err
}
