//go:build !sandbox

package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/sentient-agi/sentientfs/bench/direct"
	"github.com/sentient-agi/sentientfs/bench/names"
	"github.com/sentient-agi/sentientfs/bench/proxy"
)

// The words behind `sentientfs bench` that make a server of the program, each in a process of its own: what is
// measured must not share a process, nor its CPU time, with what it talks to.
const (
	ProxyCommand = "proxy" // HOST:PORT
	NamesCommand = "names" // N
)

// A backend is a server and the proxy before it.
type backend struct {
	near   *direct.Client // past the proxy, for what is not measured
	far    *direct.Client
	proxy  *proxy.Remote
	opts   direct.Options // of far
	server *exec.Cmd      // nil if it is not ours
}

// startBackend starts a proxy before endpoint.
func (o *Options) startBackend(endpoint string, server *exec.Cmd) (*backend, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return nil, errors.Join(fmt.Errorf("cannot put a proxy before %q: it is not http://HOST:PORT", endpoint), stop(server))
	}
	host := u.Host
	if u.Port() == "" {
		host += ":80"
	}
	cmd := exec.Command(o.Bin, "bench", ProxyCommand, host)
	cmd.Stderr = os.Stderr
	p, err := proxy.Start(cmd)
	if err != nil {
		return nil, errors.Join(err, stop(server))
	}
	opts := direct.Options{Endpoint: endpoint, Region: o.Region, Bucket: o.Bucket, Prefix: o.keyPrefix(),
		Credentials: credentials.NewStaticCredentialsProvider(o.KeyID, o.Secret, o.Token)}
	b := &backend{near: direct.New(opts), proxy: p, server: server}
	opts.Endpoint = p.Endpoint
	b.far, b.opts = direct.New(opts), opts
	return b, nil
}

func (o *Options) keyPrefix() string {
	if o.Prefix == "" {
		return ""
	}
	return o.Prefix + "/"
}

func (b *backend) close() error {
	b.near.Close()
	b.far.Close()
	return errors.Join(b.proxy.Close(), stop(b.server))
}

// stop ends a server that was started here.
func stop(cmd *exec.Cmd) error {
	if cmd == nil {
		return nil
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	_ = cmd.Wait() // it was told to end
	return nil
}

// startStore starts the embedded server over a folder.
func (o *Options) startStore(ctx context.Context) (*backend, error) {
	if o.Endpoint != "" {
		return o.startBackend(o.Endpoint, nil)
	}
	cmd := exec.Command(o.Bin, "store", "serve", "--dir", filepath.Join(o.Dir, "store"), "--addr", "127.0.0.1:0",
		"--bucket", o.Bucket, "--json")
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+o.KeyID, "AWS_SECRET_ACCESS_KEY="+o.Secret, "AWS_SESSION_TOKEN=")
	var hello struct{ Endpoint string }
	if err := o.begin(cmd, &hello); err != nil {
		return nil, err
	}
	return o.startBackend(hello.Endpoint, cmd)
}

// startNames starts the server of n names.
func (o *Options) startNames(n int) (*backend, error) {
	cmd := exec.Command(o.Bin, "bench", NamesCommand, strconv.Itoa(n))
	var hello struct{ Endpoint string }
	if err := o.begin(cmd, &hello); err != nil {
		return nil, err
	}
	named := *o
	named.Prefix = ""
	return named.startBackend(hello.Endpoint, cmd)
}

// begin starts a server and reads the JSON that it prints when it listens.
func (o *Options) begin(cmd *exec.Cmd, hello any) error {
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the run, whose mounts still need it
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	err = json.NewDecoder(out).Decode(hello)
	if err != nil {
		return errors.Join(fmt.Errorf("the server did not start: %w", err), stop(cmd))
	}
	return nil
}

// ServeNames is the process of the server of n names; it ends with ctx.
func ServeNames(ctx context.Context, n int, out io.Writer) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(map[string]string{"endpoint": "http://" + ln.Addr().String()}); err != nil {
		return errors.Join(err, ln.Close())
	}
	web := &http.Server{Handler: &names.Server{N: n}}
	done := make(chan error, 1)
	go func() { done <- web.Serve(ln) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return errors.Join(web.Close(), ignoreClosed(<-done))
	}
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
