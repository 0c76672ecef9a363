package transfer

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/object"
)

// Defaults and limits. Sizes are in bytes.
const (
	defaultMemory   = 64 << 20
	defaultPartSize = 8 << 20
	defaultFetches  = 16
	defaultSends    = 8

	pieceSize   = 1 << 20  // what one Fill of a stream takes
	minPartSize = 5 << 20  // S3: every part but the last
	maxCopySize = 5 << 30  // S3: one UploadPartCopy
	maxParts    = 10_000   // S3: parts of an upload
	maxBuffered = 64 << 20 // parts above this are read from the local file while they are sent
)

// Options say what an Engine works with and how much of everything it may take.
type Options struct {
	// Store is where objects are. The engine never retries what the Store retries.
	Store object.Store
	// Memory is the budget of all buffers together, in bytes; 0 means 64 MiB.
	Memory int64
	// PartSize is the size of the first parts of an upload, and of the largest file that is stored by one PUT, in
	// bytes; 0 means 8 MiB. S3 refuses less than 5 MiB. It must stay the same as long as a journal has uploads: one
	// that was begun with another size is given up and sent again.
	PartSize int64
	// Fetches and Sends are the requests that may run at once in each direction; 0 means 16 and 8.
	Fetches, Sends int
	// Traits is what the server is known to honor. Where it ignores a condition the Store asks beforehand, which leaves
	// a moment in between: Replay says so in the log. All else is done alike.
	Traits object.Traits
	// Progress is told what is being stored and how much is left, after each step; nil for nobody. It must not block.
	Progress func(Progress)
	// Log gets what a caller is not told, such as a background send that failed; nil for nobody.
	Log *slog.Logger
}

// An Engine does the transfers of one mount. Its methods may be called from many goroutines at once.
type Engine struct {
	opts   Options
	store  object.Store
	log    *slog.Logger
	memory *budget
	fetch  chan struct{} // slots of requests that fetch
	ahead  chan struct{} // those among them that read ahead
	send   chan struct{} // slots of requests that send
	meter  meter

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu    sync.Mutex // guards files; see the package comment for the order
	files map[*content.File]*state

	life   sync.Mutex // guards closed, and wg against an Add after Wait; a leaf
	closed bool
}

// state is what an Engine knows of one file while somebody uses it. It goes when nobody does.
type state struct {
	e *Engine
	f *content.File

	refs int // guarded by Engine.mu

	mu       sync.Mutex // guards the following; see the package comment for the order
	inflight []*fetch
	seen     *checksum     // of the base, where a GET told it
	job      *job          // the store that runs
	tries    []attempt     // stores whose outcome is not known
	appended *object.Info  // what the last append behind other bytes made
	stream   *streaming    // the upload, if this process began it
	pump     chan struct{} // closed when the background sends that run have ended; nil if none run
	cutPump  func()        // cancels them
	halts    int           // who wants background sends to end
	failures int           // of background sends, in a row
	sends    map[int]int   // how often each part was sent in the background
	writes   int           // hints of Wrote
	freed    int64         // bytes of sent parts that were given up locally
	looked   int64         // the size of the file when full parts were last looked for
}

// New returns an Engine. Close must be called to end it.
func New(o Options) *Engine {
	if o.Memory <= 0 {
		o.Memory = defaultMemory
	}
	if o.PartSize <= 0 {
		o.PartSize = defaultPartSize
	}
	if o.Fetches <= 0 {
		o.Fetches = defaultFetches
	}
	if o.Sends <= 0 {
		o.Sends = defaultSends
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	e := &Engine{
		opts: o, store: o.Store, log: o.Log,
		memory: newBudget(o.Memory),
		fetch:  make(chan struct{}, o.Fetches),
		// A quarter is kept for readers that wait: read-ahead of one file must not make another one stand.
		ahead: make(chan struct{}, max(1, o.Fetches*3/4)),
		send:  make(chan struct{}, o.Sends),
		files: make(map[*content.File]*state),
	}
	e.meter.report = o.Progress
	e.ctx, e.cancel = context.WithCancel(context.Background())
	return e
}

// Close cancels everything that runs and waits for its end. What was not stored stays in the journal.
func (e *Engine) Close() {
	e.life.Lock()
	e.closed = true
	e.life.Unlock()
	e.cancel()
	e.wg.Wait()
}

// Memory returns the bytes of buffers in use and the most that may be.
func (e *Engine) Memory() (used, limit int64) { return e.memory.used.Load(), e.memory.size }

// start runs fn in a goroutine that Close waits for. It does not after Close, and tells so.
func (e *Engine) start(fn func()) bool {
	e.life.Lock()
	defer e.life.Unlock()
	if e.closed {
		return false
	}
	e.wg.Add(1)
	go func() {
		defer e.wg.Done()
		fn()
	}()
	return true
}

// use returns the state of f with one more user, who must call done.
func (e *Engine) use(f *content.File) *state {
	e.mu.Lock()
	defer e.mu.Unlock()
	st := e.files[f]
	if st == nil {
		st = &state{e: e, f: f, sends: map[int]int{}}
		e.files[f] = st
	}
	if st.refs == 0 {
		f.Acquire()
	}
	st.refs++
	return st
}

// done ends a use. What is known of an upload or a store without an answer is remembered until the file is settled.
func (st *state) done() {
	e := st.e
	e.mu.Lock()
	st.refs--
	unused := st.refs == 0
	if unused {
		st.mu.Lock()
		if len(st.tries) == 0 && st.stream == nil && st.writes == 0 {
			delete(e.files, st.f)
		}
		st.mu.Unlock()
	}
	e.mu.Unlock()
	if unused {
		st.f.Release()
	}
}

// take waits for a slot and returns what gives it back.
func take(ctx context.Context, slots chan struct{}) (func(), error) {
	select {
	case slots <- struct{}{}:
		return func() { <-slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// canceled makes an error of a context's end; other errors stay as they are.
func canceled(op, key string, err error) error {
	var known *object.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return &object.Error{Op: op, Key: key, Kind: object.KindOf(err), Err: err}
	}
	return err
}

func closedError(op, key string) error {
	return &object.Error{Op: op, Key: key, Kind: object.KindCanceled, Err: errors.New("the mount is being closed")}
}
