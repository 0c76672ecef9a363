//go:build linux && !sandbox

package harness

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"testing"

	"github.com/rclone/gofakes3"

	"github.com/sentient-agi/sentientfs/internal/localstore"
	"github.com/sentient-agi/sentientfs/test/fakes3"
)

// A Kind names an S3 server.
type Kind string

// The servers. Versity keeps files and honours conditions of PUT alone; it has no object `a` beside `a/b`. Fake is
// gofakes3 in memory, with a flat key space and all conditions.
const (
	Versity Kind = "versity"
	Fake    Kind = "fake"
)

// What every server of the harness takes.
const (
	KeyID  = "sentientfs-test-key"
	Secret = "sentientfs-test-secret"
	Bucket = "sentientfs-test"
	Region = "us-east-1"
)

const (
	serverVar = "SENTIENTFS_TEST_SERVER" // makes a server of this binary; its value is the Kind
	dirVar    = "SENTIENTFS_TEST_SERVER_DIR"
	addrVar   = "SENTIENTFS_TEST_SERVER_ADDR"
)

// A Server is an S3 server in a process of its own, with an empty bucket.
type Server struct {
	Endpoint string
	Dir      string // of its data, for Versity
	kind     Kind
	addr     string
	cmd      *exec.Cmd
	ended    <-chan struct{}
}

// StartServer starts a server that lives as long as the test.
func StartServer(t testing.TB, kind Kind) *Server {
	t.Helper()
	s := &Server{kind: kind, addr: "127.0.0.1:0"}
	if kind == Versity {
		s.Dir = t.TempDir()
	}
	s.Start(t)
	t.Cleanup(func() { s.Stop(t) })
	return s
}

// Start starts a server again that was stopped, at the same address. A Fake one has lost its objects.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	hello, tell, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer hello.Close()
	s.cmd = exec.Command(self)
	s.cmd.Env = append(os.Environ(), serverVar+"="+string(s.kind), dirVar+"="+s.Dir, addrVar+"="+s.addr)
	s.cmd.Stdout, s.cmd.Stderr = os.Stderr, os.Stderr
	s.cmd.ExtraFiles = []*os.File{tell} // descriptor 3
	// The server ends when its standard input does, so that a test that is killed leaves none behind.
	if _, err := s.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	s.ended, err = startProc(s.cmd, "S3 server")
	tell.Close()
	if err != nil {
		t.Fatal(err)
	}
	addr, err := io.ReadAll(hello)
	if err != nil || len(addr) == 0 {
		t.Fatalf("the S3 server did not start: %v", err)
	}
	s.addr, s.Endpoint = string(addr), "http://"+string(addr)
}

// Stop kills the server. It may be stopped already.
func (s *Server) Stop(t testing.TB) {
	_ = s.cmd.Process.Kill()
	<-s.ended
}

// serve is the server's process: it tells its address through descriptor 3 and ends with its standard input.
func serve(kind Kind) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	addr, err := listenAs(ctx, kind)
	if err != nil {
		fmt.Fprintln(os.Stderr, "harness: S3 server:", err)
		return 1
	}
	tell := os.NewFile(3, "tell")
	if _, err := tell.WriteString(addr); err != nil {
		return 1
	}
	tell.Close()
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

func listenAs(ctx context.Context, kind Kind) (addr string, err error) {
	if kind == Versity {
		s, err := localstore.Start(ctx, localstore.Options{Dir: os.Getenv(dirVar), Addr: os.Getenv(addrVar),
			KeyID: KeyID, Secret: Secret, Bucket: Bucket})
		if err != nil {
			return "", err
		}
		return s.Addr(), nil
	}
	fake, err := fakes3.New(Bucket, gofakes3.WithV4Auth(map[string]string{KeyID: Secret}),
		gofakes3.WithLogger(gofakes3.DiscardLog()))
	if err != nil {
		return "", err
	}
	ln, err := net.Listen("tcp", os.Getenv(addrVar))
	if err != nil {
		return "", err
	}
	go func() { _ = http.Serve(ln, fake) }() // ends with the process
	return ln.Addr().String(), nil
}
