//go:build linux && !sandbox

package crash

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/sentient-agi/sentientfs/test/harness"
)

// TestP5KillDuringCopy: a copy that is killed leaves the whole file or none under its name, and what the daemon had
// received is listed.
func TestP5KillDuringCopy(t *testing.T) {
	if harness.Plain() {
		t.Skip("a plain folder cannot be killed")
	}
	size := 41
	if n, err := strconv.Atoi(os.Getenv("SENTIENTFS_CRASH_CP_MIB")); err == nil {
		size = n
	}
	s := harness.StartServer(t, harness.Fake)
	source := filepath.Join(t.TempDir(), "source")
	whole := text("source", size*mib+77)
	if err := os.WriteFile(source, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	kills := map[string]*harness.Fault{
		"half of it": {Kinds: "PART", Stall: true},
		"first part": {Kinds: "PART", Stall: true},
		"its answer": {Kinds: "COMPLETE", After: true, Stall: true},
		"third part": {Kinds: "PART", Skip: 2, Stall: true},
		"last part":  {Kinds: "PART", Skip: size / 8, Stall: true},
		"completion": {Kinds: "COMPLETE", Stall: true},
	}
	if testing.Short() {
		delete(kills, "third part")
		delete(kills, "last part")
		delete(kills, "completion")
	}
	t.Run("kills", func(t *testing.T) {
		for name, f := range kills {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				v := newVictim(t, s, strings.ReplaceAll(name, " ", "-"))
				v.wire.Inject(f)
				killCopy(t, v, f, source, name == "half of it")
				v.wire.Heal()
				v.mount.Start(t)
				v.judgeCopy(t, whole)
			})
		}
	})
	fmt.Printf("figure: crash: %d kills during a copy of %d MiB\n", len(kills), size)
}

// killCopy copies source and kills the daemon when it meets the fault. If half is set the writer has got no further
// than half of the file by then.
func killCopy(t *testing.T, v *victim, f *harness.Fault, source string, half bool) {
	t.Helper()
	cp := exec.Command("cp", source, v.mount.Path("copy"))
	var feed io.WriteCloser
	if half {
		cp = exec.Command("dd", "bs=1M", "iflag=fullblock", "status=none", "of="+v.mount.Path("copy"))
		var err error
		if feed, err = cp.StdinPipe(); err != nil {
			t.Fatal(err)
		}
	}
	if err := cp.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cp.Process.Kill() })
	if half {
		if err := feedHalf(feed, source); err != nil {
			t.Error(err)
		}
	}
	wait(t, "the request at which to kill", func() bool { return f.Used() > 0 })
	if err := syscall.Kill(v.mount.Pid(), syscall.SIGKILL); err != nil { // the copy meets the dead mount, as the script does
		t.Fatal(err)
	}
	if half {
		feed.Close()
	}
	if err := cp.Wait(); err == nil {
		t.Error("the copy succeeded though its daemon was killed")
	}
	v.mount.Kill(t)
}

func feedHalf(to io.Writer, source string) error {
	from, err := os.Open(source)
	if err != nil {
		return err
	}
	defer from.Close()
	st, err := from.Stat()
	if err != nil {
		return err
	}
	_, err = io.CopyN(to, from, max(st.Size()/2, 25*mib))
	return err
}

func (v *victim) judgeCopy(t *testing.T, whole string) {
	t.Helper()
	entries := v.settle(t)
	got, there := bucket(t, v.server, v.prefix)["copy"]
	switch e := find(entries, "copy"); {
	case there && got == whole:
	case there && got != "":
		t.Errorf("the bucket has %s of %d bytes under the final name: a truncated file that looks whole", brief(got), len(whole))
	case e == nil:
		t.Error("the copy is neither in the bucket nor in recover list")
	default:
		if kept := v.restore(t, e.ID); kept == "" || !strings.HasPrefix(whole, kept) {
			t.Errorf("the journal has %s, which are not the first bytes", brief(kept))
		}
	}
}

// TestJudgeFindsViolations: the judge of this suite is no rubber stamp.
func TestJudgeFindsViolations(t *testing.T) {
	st := writes("append", "f", os.O_APPEND, 3, "new", func(s string) string { return s + "new" })
	var a acks
	a.add(3, "new")
	if taken, any := a.over("old"); taken != "oldnew" || !any {
		t.Errorf("acknowledged %q", taken)
	}
	before := tree{"f": "old", "g": "other"}
	kept := []entry{{ID: "1", Key: "f"}}
	for name, c := range map[string]struct {
		got     tree
		entries []entry
		content string
		wrong   int
	}{
		"done":                 {tree{"f": "oldnew", "g": "other"}, nil, "", 0},
		"lost":                 {before, nil, "", 1},
		"in the journal":       {before, kept, "oldnew", 0},
		"half in it":           {before, kept, "oldn", 1},
		"torn":                 {tree{"f": "oldne", "g": "other"}, kept, "oldnew", 1},
		"torn and lost":        {tree{"f": "oldne", "g": "other"}, nil, "", 2},
		"another file is gone": {tree{"f": "oldnew"}, nil, "", 1},
	} {
		if got := judge(st, before, c.got, &a, c.entries, func(string) string { return c.content }); len(got) != c.wrong {
			t.Errorf("%s: %q, want %d", name, got, c.wrong)
		}
	}
}
