//go:build linux && !sandbox

package semantics

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/sentient-agi/sentientfs/test/harness"
)

// TestP2SamePathOnTwoMachines: a host and a sandbox have the bucket at /opt/sentient, each in a mount namespace of its
// own, and share files at once.
func TestP2SamePathOnTwoMachines(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mount namespaces need root")
	}
	harness.NeedFUSE(t)
	server := harness.StartServer(t, harness.Versity)
	host, sandbox := newMachine(t, server), newMachine(t, server)
	host.want(t, "mkdir -p executions/e1/artifacts && echo code > executions/e1/artifacts/run.py && echo made", "made")
	sandbox.want(t, "cat executions/e1/artifacts/run.py", "code")
	for i := range 10 {
		name := fmt.Sprintf("executions/e1/out%d", i)
		host.want(t, "test -e "+name+" || echo none", "none")
		sandbox.want(t, fmt.Sprintf("echo result %d > %s && echo stored", i, name), "stored")
		host.want(t, "cat "+name, fmt.Sprintf("result %d", i))
		sandbox.want(t, "echo more >> "+name+" && echo stored", "stored")
		host.want(t, "tail -n 1 "+name, "more")
	}
	// A shell's noclobber would ask stat first, whose answer may be a minute old; mkdir is a lock.
	host.want(t, "mkdir lock && echo got it", "got it")
	sandbox.want(t, "mkdir lock 2>/dev/null || echo taken", "taken")
	host.want(t, "rmdir lock && echo free", "free")
	sandbox.want(t, "mkdir lock && echo got it", "got it")
}

// A namespace is a shell in a mount namespace of its own, in the mount at /opt/sentient.
type namespace struct {
	in  io.WriteCloser
	out *bufio.Reader
}

func newMachine(t *testing.T, server *harness.Server) *namespace {
	t.Helper()
	home := t.TempDir()
	cmd := exec.Command("unshare", "--mount", "--propagation", "private", "sh")
	cmd.Dir, cmd.Env, cmd.Stderr = home, harness.Env(home), os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	n := &namespace{in, bufio.NewReader(out)}
	t.Cleanup(func() {
		n.want(t, "cd / && "+harness.Binary(t)+" umount /opt/sentient >/dev/null && echo gone", "gone")
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	// A file system of its own over /opt keeps the machine's own folder out of it.
	mount := fmt.Sprintf("%s mount --endpoint %s --region %s --cache-dir %s --log-file %s/log %s /opt/sentient >/dev/null",
		harness.Binary(t), server.Endpoint, harness.Region, home, home, harness.Bucket)
	n.want(t, "mount -t tmpfs none /opt && mkdir /opt/sentient && "+mount+" && cd /opt/sentient && echo mounted", "mounted")
	return n
}

// want runs a line of shell and compares its output.
func (n *namespace) want(t *testing.T, line, want string) {
	t.Helper()
	const end = "--end--"
	if _, err := fmt.Fprintf(n.in, "%s\necho %s\n", line, end); err != nil {
		t.Fatal(err)
	}
	var got []string
	for {
		text, err := n.out.ReadString('\n')
		if err != nil {
			t.Fatalf("%s: the shell ended: %v", line, err)
		}
		if text = strings.TrimSpace(text); text == end {
			break
		}
		got = append(got, text)
	}
	if strings.Join(got, "\n") != want {
		t.Errorf("%s\nprints %q, want %q", line, got, want)
	}
}
