//go:build !sandbox

package proxy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"time"
)

// order is what the process that measures tells the proxy's process, one JSON object a line.
type order struct {
	Set  *Line         `json:"set,omitempty"`
	Take bool          `json:"take,omitempty"`
	Idle time.Duration `json:"idle,omitempty"`
}

// reply is what it gets back, one line for each order. The first is sent unasked and has the endpoint.
type reply struct {
	Endpoint string `json:"endpoint,omitempty"`
	Counts   Counts `json:"counts"`
	Idle     bool   `json:"idle"`
}

// Serve is the proxy's process: it takes orders from in until it ends, and replies on out.
func Serve(target string, in io.Reader, out io.Writer) (err error) {
	p, err := Listen(target)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	enc, dec := json.NewEncoder(out), json.NewDecoder(in)
	r := reply{Endpoint: p.Endpoint()}
	for {
		if err := enc.Encode(r); err != nil {
			return err
		}
		var o order
		if err := dec.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		r = reply{}
		if o.Set != nil {
			p.Set(*o.Set)
		}
		if o.Take {
			r.Counts = p.Take()
		}
		if o.Idle > 0 {
			r.Idle = p.Idle(o.Idle)
		}
	}
}

// A Remote is a proxy in a process of its own, whose time is not that of who measures.
type Remote struct {
	Endpoint string

	cmd *exec.Cmd
	mu  sync.Mutex // one order at a time
	in  io.WriteCloser
	enc *json.Encoder
	dec *json.Decoder
}

// Start runs cmd, which must call Serve with its standard input and output.
func Start(cmd *exec.Cmd) (*Remote, error) {
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	r := &Remote{cmd: cmd, in: in, enc: json.NewEncoder(in), dec: json.NewDecoder(out)}
	var hello reply
	if err := r.dec.Decode(&hello); err != nil {
		r.Close()
		return nil, fmt.Errorf("the proxy did not start: %w", err)
	}
	r.Endpoint = hello.Endpoint
	return r, nil
}

func (r *Remote) ask(o order) (reply, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var got reply
	err := r.enc.Encode(o)
	if err == nil {
		err = r.dec.Decode(&got)
	}
	if err != nil {
		err = fmt.Errorf("the proxy has ended: %w", err)
	}
	return got, err
}

// Set changes the line.
func (r *Remote) Set(l Line) error {
	_, err := r.ask(order{Set: &l})
	return err
}

// Take returns the counts and begins anew.
func (r *Remote) Take() (Counts, error) {
	got, err := r.ask(order{Take: true})
	return got.Counts, err
}

// Idle tells whether nothing is on its way and nothing was for the time.
func (r *Remote) Idle(since time.Duration) (bool, error) {
	got, err := r.ask(order{Idle: since})
	return got.Idle, err
}

// Close ends the process and waits for it.
func (r *Remote) Close() error {
	r.in.Close()
	return r.cmd.Wait()
}
