package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// Request is what a command asks of a mount.
type Request struct {
	Op        string `json:"op"` // such as flush, unmount
	Force     bool   `json:"force,omitempty"`
	ID        string `json:"id,omitempty"`  // of a file of the journal
	To        string `json:"to,omitempty"`  // the absolute path of a local file
	Key       string `json:"key,omitempty"` // of the mount
	Overwrite bool   `json:"overwrite,omitempty"`
	Part      bool   `json:"part,omitempty"`
}

// reply is one line of the answer; the one with Done is the last.
type reply struct {
	Progress string          `json:"progress,omitempty"`
	Done     bool            `json:"done,omitempty"`
	Result   json.RawMessage `json:"result,omitempty"`
	Error    *Failure        `json:"error,omitempty"`
}

// A Failure is an error that crosses the socket: what a person reads and the exit code of the command.
type Failure struct {
	What string `json:"what"`
	Hint string `json:"hint,omitempty"`
	Code int    `json:"code,omitempty"`
}

func (f *Failure) Error() string { return f.What }

// ErrNoMount says that nothing listens: there is no mount of this user, or it is of another program.
var ErrNoMount = errors.New("no running mount answers")

// A Handler does what a request asks. progress may be called any number of times before it returns; ctx ends when
// who asked has gone or the Server is closed.
type Handler func(ctx context.Context, req Request, progress func(string)) (any, error)

// A Server answers requests on one socket.
type Server struct {
	listener net.Listener
	path     string
	handler  Handler
	log      *slog.Logger
	ctx      context.Context
	cancel   context.CancelFunc
	running  sync.WaitGroup
}

// Listen serves path, whose folder is made. A socket that a dead mount left is replaced.
func Listen(path string, handler Handler, log *slog.Logger) (*Server, error) {
	if err := makeDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	s := &Server{listener: l, path: path, handler: handler, log: log}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.running.Go(s.accept)
	return s, nil
}

// Drain takes no more requests and waits until the ones that run are answered or ctx ends.
func (s *Server) Drain(ctx context.Context) {
	s.listener.Close()
	idle := make(chan struct{})
	go func() {
		s.running.Wait()
		close(idle)
	}()
	select {
	case <-idle:
	case <-ctx.Done():
	}
}

// Close ends all requests, waits for them and removes the socket. It must not be called by a Handler.
func (s *Server) Close() error {
	s.cancel()
	err := s.listener.Close() // also removes the socket
	s.running.Wait()
	if errors.Is(err, net.ErrClosed) { // by Drain
		return nil
	}
	return err
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				s.log.Error("cannot listen for commands any more", "error", err)
			}
			return
		}
		s.running.Go(func() {
			defer conn.Close()
			s.answer(conn)
		})
	}
}

func (s *Server) answer(conn net.Conn) {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	stop := context.AfterFunc(s.ctx, func() { conn.Close() })
	defer stop()
	in := bufio.NewReader(io.LimitReader(conn, 64<<10))
	var req Request
	line, err := in.ReadBytes('\n')
	if err != nil || json.Unmarshal(line, &req) != nil {
		return
	}
	s.running.Go(func() { // who asked says nothing more: a read returns when it has gone
		in.ReadByte()
		cancel()
	})
	var mu sync.Mutex // guards out
	out := json.NewEncoder(conn)
	send := func(r reply) {
		mu.Lock()
		defer mu.Unlock()
		if err := out.Encode(r); err != nil {
			cancel()
		}
	}
	result, err := s.handler(ctx, req, func(text string) { send(reply{Progress: text}) })
	last := reply{Done: true}
	if err != nil {
		var f *Failure
		if !errors.As(err, &f) {
			f = &Failure{What: err.Error()}
		}
		last.Error = f
	} else if result != nil {
		if last.Result, err = json.Marshal(result); err != nil {
			last.Error = &Failure{What: err.Error()}
		}
	}
	send(last)
	conn.Close() // ends the goroutine that reads
}

// Call sends a request and waits for its end. The error is ErrNoMount, a *Failure, or the connection's.
func Call(ctx context.Context, path string, req Request, progress func(string)) (json.RawMessage, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, os.ErrPermission) {
		return nil, ErrNoMount
	}
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if err := json.NewEncoder(conn).Encode(req); err != nil {
		return nil, err
	}
	for dec := json.NewDecoder(conn); ; {
		var r reply
		if err := dec.Decode(&r); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, errors.New("the mount ended before it answered")
		}
		if r.Progress != "" && progress != nil {
			progress(r.Progress)
		}
		if r.Done && r.Error != nil {
			return nil, r.Error
		}
		if r.Done {
			return r.Result, nil
		}
	}
}
