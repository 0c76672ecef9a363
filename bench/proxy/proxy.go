//go:build !sandbox

package proxy

import (
	"errors"
	"maps"
	"net"
	"sync"
	"time"
)

// Counts are what went through since the last Take.
type Counts struct {
	Requests map[string]int `json:"requests"` // by kind
	Up       int64          `json:"up"`       // bytes of bodies towards the server
	Down     int64          `json:"down"`     // bytes of bodies towards the clients
	Most     int            `json:"most"`     // the most requests that were on their way at one time
	Conns    int            `json:"conns"`    // connections that carried a request
}

// Line is the network that the proxy plays.
type Line struct {
	Delay time.Duration // before the first byte of each answer
	Cap   int64         // bytes per second in each direction, 0 for no limit
}

// A Proxy relays connections to one server until Close.
type Proxy struct {
	target string
	ln     net.Listener
	wg     sync.WaitGroup
	up     pace
	down   pace

	mu       sync.Mutex // guards what follows
	line     Line
	counts   Counts
	inFlight int
	last     time.Time // of the last beginning or end of a request
	taken    int       // how often counts were taken
	conns    map[net.Conn]bool
	closed   bool
}

// Listen starts a proxy on a free port of 127.0.0.1 before target, a HOST:PORT.
func Listen(target string) (*Proxy, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{target: target, ln: ln, conns: map[net.Conn]bool{}}
	p.counts.Requests = map[string]int{}
	p.wg.Go(p.accept)
	return p, nil
}

// Endpoint is the URL for clients.
func (p *Proxy) Endpoint() string { return "http://" + p.ln.Addr().String() }

// Set changes the line for what comes from now on.
func (p *Proxy) Set(l Line) {
	p.mu.Lock()
	p.line = l
	p.mu.Unlock()
	p.up.set(l.Cap)
	p.down.set(l.Cap)
}

// Take returns the counts and begins anew.
func (p *Proxy) Take() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.counts
	c.Requests = maps.Clone(c.Requests)
	p.counts = Counts{Requests: map[string]int{}, Most: p.inFlight}
	p.taken++
	return c
}

// Idle tells whether nothing is on its way and nothing was for the time.
func (p *Proxy) Idle(since time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.inFlight == 0 && time.Since(p.last) >= since
}

// Close ends all connections and waits for them.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.closed = true
	for c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	err := p.ln.Close()
	p.wg.Wait()
	return err
}

func (p *Proxy) accept() {
	for {
		client, err := p.ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(10 * time.Millisecond) // too many open files: some will be closed
			continue
		}
		p.wg.Go(func() { p.serve(client.(*net.TCPConn)) })
	}
}

// keep lets Close find a connection, and tells whether it may be used.
func (p *Proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.conns[c] = true
	return true
}

func (p *Proxy) drop(c net.Conn) {
	c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// begin counts a request and returns how long its answer waits. counted is of its connection.
func (p *Proxy) begin(kind string, counted *int) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.Requests[kind]++
	if *counted != p.taken {
		*counted = p.taken
		p.counts.Conns++
	}
	p.inFlight++
	p.last = time.Now()
	p.counts.Most = max(p.counts.Most, p.inFlight)
	return p.line.Delay
}

func (p *Proxy) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inFlight--
	p.last = time.Now()
}

func (p *Proxy) moved(up, down int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.Up += up
	p.counts.Down += down
}

// pace lets bytes through at a rate, whoever they belong to.
type pace struct {
	mu   sync.Mutex
	rate int64     // bytes per second, 0 for no limit
	next time.Time // when the line is free
}

func (p *pace) set(rate int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rate, p.next = rate, time.Time{}
}

// limited tells whether take would ever wait.
func (p *pace) limited() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rate > 0
}

// take waits until n bytes have their time on the line.
func (p *pace) take(n int64) {
	p.mu.Lock()
	if p.rate <= 0 {
		p.mu.Unlock()
		return
	}
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	p.next = p.next.Add(time.Duration(float64(n) / float64(p.rate) * float64(time.Second)))
	wait := p.next.Sub(now)
	p.mu.Unlock()
	time.Sleep(wait)
}
