//go:build !sandbox

package localstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/embedgw"
	"github.com/versity/versitygw/s3api"
)

// Region is the region that the server signs for, the one that every S3 client takes by default.
const Region = "us-east-1"

// Options say what is served, and where.
type Options struct {
	Dir           string // of the store; made if it is missing
	Addr          string // HOST:PORT; "" means 127.0.0.1:0, and port 0 any free one
	KeyID, Secret string // both "" means what Keys returns for Dir
	Bucket        string // made at the start if it is missing; "" makes none
	Log           *slog.Logger
}

// A Server is one running store. A process can have one at a time, and while it has, its working directory is the
// folder of the buckets: versitygw works with relative names.
type Server struct {
	addr   string
	cancel context.CancelFunc
	done   chan struct{} // closed when the server has ended
	err    error         // why it ended; to be read after done
}

// current guards against a second Server in this process, and gives back the working directory.
var current sync.Mutex

// Start serves the folder until Close or the end of ctx. It returns when the server accepts connections and the
// bucket is there. An address that is in use is syscall.EADDRINUSE in the error's chain.
func Start(ctx context.Context, opts Options) (*Server, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	s, err := listen(ctx, opts)
	if err != nil {
		return nil, fmt.Errorf("cannot start the local store: %w", err)
	}
	if opts.Bucket != "" {
		if err := s.makeBucket(ctx, opts); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	opts.Log.Info("the local store is up", "endpoint", s.Endpoint(), "dir", opts.Dir)
	return s, nil
}

func (o Options) withDefaults() (Options, error) {
	if o.Dir == "" {
		return o, errors.New("the local store needs a folder")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	host, _, err := net.SplitHostPort(o.Addr)
	if err != nil {
		return o, fmt.Errorf("the address of the local store is not HOST:PORT: %w", err)
	}
	if host == "" {
		return o, fmt.Errorf("the address %q names no host: 127.0.0.1 is this machine alone, 0.0.0.0 is everybody", o.Addr)
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return o, err
	}
	if o.KeyID == "" && o.Secret == "" {
		o.KeyID, o.Secret, err = Keys(o.Dir)
	}
	return o, err
}

// listen starts the gateway. versitygw takes no open listener and does not tell the port that the kernel chose, so a
// free port is looked for beforehand, and looked for again if somebody else took it in between.
func listen(ctx context.Context, opts Options) (*Server, error) {
	host, port, _ := net.SplitHostPort(opts.Addr)
	if port != "0" {
		return run(ctx, opts, opts.Addr)
	}
	for try := 0; ; try++ {
		ln, err := net.Listen("tcp", opts.Addr)
		if err != nil {
			return nil, err
		}
		_, port, _ := net.SplitHostPort(ln.Addr().String())
		if err := ln.Close(); err != nil {
			return nil, err
		}
		s, err := run(ctx, opts, net.JoinHostPort(host, port))
		if try < 5 && errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		return s, err
	}
}

// run starts the gateway on addr and returns when it listens.
func run(ctx context.Context, opts Options, addr string) (*Server, error) {
	if !current.TryLock() {
		return nil, errors.New("a local store is running in this process already")
	}
	back, restore, err := openFolder(opts.Dir)
	if err != nil {
		current.Unlock()
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &Server{addr: addr, cancel: cancel, done: make(chan struct{})}
	up := make(chan struct{})
	conf := &embedgw.Config{
		RootUserAccess: opts.KeyID, RootUserSecret: opts.Secret, Region: Region, Ports: []string{addr},
		MaxConnections: 4096, MaxRequests: 4096, MultipartMaxParts: 10000, Quiet: true,
		KeepAlive: true, // without it every answer ends its connection
		// The default is the same service, and a line about it on standard output.
		IAMService: auth.NewIAMServiceSingle(auth.Account{Access: opts.KeyID, Secret: opts.Secret, Role: auth.RoleAdmin}),
		S3Options:  []s3api.Option{s3api.WithOnListen(func() { close(up) })},
	}
	go func() {
		s.err = embedgw.RunVersityGW(ctx, back, conf)
		restore()
		current.Unlock()
		close(s.done)
	}()
	select {
	case <-up:
		return s, nil
	case <-s.done:
		cancel()
		if s.err == nil {
			s.err = context.Cause(ctx)
		}
		return nil, s.err
	}
}

// Addr is where the server listens, as HOST:PORT.
func (s *Server) Addr() string { return s.addr }

// Endpoint is the URL for S3 clients, which must use path-style addresses.
func (s *Server) Endpoint() string { return "http://" + s.addr }

// Wait returns when the server has ended, with the reason if it did so by itself.
func (s *Server) Wait() error {
	<-s.done
	return s.err
}

// Close ends the server and waits for it. The folder stays as it is.
func (s *Server) Close() error {
	s.cancel()
	return s.Wait()
}

// workDir returns a function that goes back to the working directory of now.
func workDir() func() {
	dir, err := os.Getwd()
	return func() {
		if err == nil {
			_ = os.Chdir(dir) // it may be gone by now, and then nothing is lost
		}
	}
}

var _ io.Closer = (*Server)(nil)
