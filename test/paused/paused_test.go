//go:build linux && !sandbox

package paused

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/sentient-agi/sentientfs/test/harness"
	"github.com/sentient-agi/sentientfs/test/wirefaults/front"
)

func TestMain(m *testing.M) { harness.Main(m) }

// low are time-outs that a short pause is longer than.
var low = []string{"--http-timeout", "500ms", "--dirty-max-age", "300ms", "--stat-cache-ttl", "200ms", "--type-cache-ttl", "200ms"}

// past is longer than every time-out in low, and than what keeps idle connections.
const past = 2 * time.Second

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n)}).Read(b)
	return b
}

// pause stops the daemon, lets time go by and does what happens meanwhile. That must start no process: a child has
// the descriptors of open files until its exec, which closes them and so waits for the daemon.
func pause(t *testing.T, m *harness.Mount, meanwhile func()) {
	t.Helper()
	if err := syscall.Kill(m.Pid(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Kill(m.Pid(), syscall.SIGCONT); err != nil {
			t.Error(err)
		}
	}()
	meanwhile()
	time.Sleep(past)
}

// TestP8WorksOnAfterAPause: handles, a half-sent upload and a call that waits survive a pause in which all
// connections end.
func TestP8WorksOnAfterAPause(t *testing.T) {
	if harness.Plain() {
		t.Skip("a plain folder has no daemon to stop")
	}
	s := harness.StartServer(t, harness.Versity)
	f := front.New(t, s)
	m := harness.NewMount(t, harness.MountOptions{Server: s, Endpoint: f.Endpoint, Args: low})
	worksOn(t, s, m, f.Cut)
	fmt.Printf("figure: paused: 2 pauses past every time-out with all connections cut, %d requests\n", f.Requests())
}

// TestP8ServerClockAhead: after a pause the server's clock is an hour ahead of the daemon's, and connections are cut.
func TestP8ServerClockAhead(t *testing.T) {
	if harness.Plain() {
		t.Skip("a plain folder has no daemon to stop")
	}
	s := harness.StartServer(t, harness.Fake)
	f := front.New(t, s)
	m := harness.NewMount(t, harness.MountOptions{Server: s, Endpoint: f.Endpoint, Args: low})
	c := &clock{}
	ahead := time.Hour
	worksOn(t, s, m, func() {
		f.Use(c.hook(ahead))
		f.Cut()
		ahead -= 2 * time.Hour // the second time an hour behind
	})
	if c.refused.Load() == 0 {
		t.Error("no request was refused for its time: the test tests nothing")
	}
	fmt.Printf("figure: paused: 2 pauses with the server's clock set, %d requests refused for their time\n", c.refused.Load())
}

// worksOn pauses a mount twice and looks whether it works on.
func worksOn(t *testing.T, s *harness.Server, m *harness.Mount, meanwhile func()) {
	t.Helper()
	old, sent := random(9<<20), random(25<<20)
	for name, data := range map[string][]byte{"small": []byte("small"), "old": old} {
		if err := os.WriteFile(m.Path(name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for round := range 2 {
		reader, err := os.Open(m.Path("old"))
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		head := make([]byte, 1000)
		if _, err := io.ReadFull(reader, head); err != nil {
			t.Fatal(err)
		}
		writer, err := os.Create(m.Path("sent"))
		if err != nil {
			t.Fatal(err)
		}
		defer writer.Close()
		if _, err := writer.Write(sent[:20<<20]); err != nil {
			t.Fatal(err)
		}
		waits := make(chan error, 1)
		pause(t, m, func() {
			go func() {
				b, err := os.ReadFile(m.Path("small"))
				if err == nil && string(b) != "small" {
					err = fmt.Errorf("it has %q", b)
				}
				waits <- err
			}()
			meanwhile()
		})
		if err := <-waits; err != nil {
			t.Errorf("round %d: a read that waited over the pause: %v", round, err)
		}
		rest, err := io.ReadAll(reader)
		if got := append(head, rest...); err != nil || !bytes.Equal(got, old) {
			t.Errorf("round %d: a handle from before the pause read %d bytes of %d, %v", round, len(got), len(old), err)
		}
		if _, err := writer.Write(sent[20<<20:]); err != nil {
			t.Errorf("round %d: a write on a handle from before the pause: %v", round, err)
		}
		if err := writer.Close(); err != nil {
			t.Errorf("round %d: its close: %v", round, err)
		}
		if got, _ := s.Get(t, "sent"); !bytes.Equal(got, sent) {
			t.Errorf("round %d: the file that was half sent has %d bytes of %d", round, len(got), len(sent))
		}
		everything(t, s, m, fmt.Sprintf("new%d", round))
	}
}

// everything does what people do.
func everything(t *testing.T, s *harness.Server, m *harness.Mount, name string) {
	t.Helper()
	if err := os.Mkdir(m.Path(name), 0o755); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(m.Path(name, "tmp"), []byte(name), 0o644); err != nil {
		t.Error(err)
	}
	if err := os.Rename(m.Path(name, "tmp"), m.Path(name, "file")); err != nil {
		t.Error(err)
	}
	if err := os.Chmod(m.Path(name, "file"), 0o600); err != nil {
		t.Error(err)
	}
	entries, err := os.ReadDir(m.Path(name))
	if err != nil || len(entries) != 1 || entries[0].Name() != "file" {
		t.Errorf("the folder lists %v, %v", entries, err)
	}
	if got, _ := s.Get(t, name+"/file"); string(got) != name {
		t.Errorf("the object has %q", got)
	}
	if b, err := os.ReadFile(m.Path(name, "file")); err != nil || string(b) != name {
		t.Errorf("it reads %q, %v", b, err)
	}
	if err := os.RemoveAll(m.Path(name)); err != nil {
		t.Error(err)
	}
}
