//go:build linux && !sandbox

package wirefaults

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"

	"github.com/sentient-agi/sentientfs/test/harness"
	"github.com/sentient-agi/sentientfs/test/wirefaults/front"
)

func TestMain(m *testing.M) { harness.Main(m) }

// A wire breaks requests by chance.
type wire struct {
	front *front.Server

	mu       sync.Mutex
	rand     *rand.Rand
	broken   map[string]int // faults by name
	requests int
}

// A fault is one way to break a request. Of faults whose kinds are not that of the request others are drawn.
type fault struct {
	name   string
	weight int
	kinds  map[string]bool // nil: all
	do     func(w http.ResponseWriter, r *http.Request, forward http.Handler, closed <-chan struct{})
}

func kinds(k ...string) map[string]bool {
	m := map[string]bool{}
	for _, one := range k {
		m[one] = true
	}
	return m
}

func status(code int, word string) front.Hook {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler, _ <-chan struct{}) {
		_, _ = io.Copy(io.Discard, r.Body)
		front.Fail(w, code, word)
	}
}

var faults = []fault{
	{"SlowDown", 30, nil, status(503, "SlowDown")},
	{"InternalError", 8, nil, status(500, "InternalError")},
	{"skew", 2, nil, status(403, "RequestTimeTooSkewed")},
	{"conflict", 5, kinds("PUT", "COMPLETE", "DELETE"), status(409, "ConditionalRequestConflict")},
	{"error in 200", 12, kinds("COPY", "COMPLETE", "PARTCOPY"), status(200, "InternalError")},
	{"reset before", 18, nil, func(http.ResponseWriter, *http.Request, http.Handler, <-chan struct{}) { front.Drop() }},
	{"reset after", 16, nil, func(_ http.ResponseWriter, r *http.Request, forward http.Handler, _ <-chan struct{}) {
		forward.ServeHTTP(front.NewDiscard(), r)
		front.Drop()
	}},
	{"cut", 12, kinds("GET", "LIST"), cut},
	{"stall", 2, nil, func(_ http.ResponseWriter, r *http.Request, _ http.Handler, closed <-chan struct{}) {
		_, _ = io.Copy(io.Discard, r.Body) // else the end of the connection is not seen
		select {
		case <-closed:
		case <-r.Context().Done():
		}
		front.Drop()
	}},
}

// cut sends the half of a body and its full length.
func cut(w http.ResponseWriter, r *http.Request, forward http.Handler, _ <-chan struct{}) {
	whole := &answer{header: http.Header{}}
	forward.ServeHTTP(whole, r)
	for k, v := range whole.header {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Length", strconv.Itoa(whole.body.Len()))
	w.WriteHeader(max(whole.status, 200))
	_, _ = w.Write(whole.body.Bytes()[:whole.body.Len()/2])
	front.Drop()
}

// An answer is one that was not sent yet.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }
func (a *answer) WriteHeader(status int)      { a.status = status }

func newWire(t *testing.T, s *harness.Server, seed uint64) *wire {
	t.Helper()
	if n, err := strconv.ParseUint(os.Getenv("SENTIENTFS_WIREFAULTS_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("seed %d", seed)
	return &wire{front: front.New(t, s), rand: rand.New(rand.NewPCG(seed, 0)), broken: map[string]int{}}
}

// breaks begins to break one request of ten.
func (x *wire) breaks() {
	x.front.Use(func(w http.ResponseWriter, r *http.Request, forward http.Handler, closed <-chan struct{}) {
		kind, _ := harness.KindOf(r)
		if f := x.draw(kind); f != nil {
			f.do(w, r, forward, closed)
			return
		}
		forward.ServeHTTP(w, r)
	})
}

// draw returns the fault of a request, nil for nine of ten.
func (x *wire) draw(kind string) *fault {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.requests++
	if x.rand.IntN(10) != 0 {
		return nil
	}
	total := 0
	for _, f := range faults {
		if f.kinds == nil || f.kinds[kind] {
			total += f.weight
		}
	}
	n := x.rand.IntN(total)
	for i, f := range faults {
		if f.kinds != nil && !f.kinds[kind] {
			continue
		}
		if n -= f.weight; n < 0 {
			x.broken[f.name]++
			return &faults[i]
		}
	}
	return nil
}

// heals ends it and tells what there was.
func (x *wire) heals() (broken, requests int, byName map[string]int) {
	x.front.Use(nil)
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, n := range x.broken {
		broken += n
	}
	return broken, x.requests, x.broken
}
