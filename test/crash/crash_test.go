//go:build linux && !sandbox

package crash

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sentient-agi/sentientfs/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// patience is far above what any step needs.
const patience = 2 * time.Minute

// A victim is a mount that will be killed.
type victim struct {
	server *harness.Server
	wire   *harness.Proxy
	mount  *harness.Mount
	prefix string
}

func newVictim(t *testing.T, s *harness.Server, prefix string) *victim {
	t.Helper()
	v := &victim{server: s, wire: harness.NewProxy(t, s), prefix: prefix}
	v.mount = harness.NewMount(t, harness.MountOptions{Server: s, Endpoint: v.wire.Endpoint, Prefix: prefix})
	return v
}

// TestP5EveryRequest kills at every n-th request of the script.
func TestP5EveryRequest(t *testing.T) {
	if harness.Plain() {
		t.Skip("a plain folder cannot be killed")
	}
	s := harness.StartServer(t, harness.Fake)
	var total int
	if !t.Run("whole", func(t *testing.T) {
		v := newVictim(t, s, "whole")
		v.wire.Reset()
		want, at, err := v.run(&progress{})
		if err != nil {
			t.Fatalf("%s: %v", script()[at].name, err)
		}
		if got := bucket(t, s, v.prefix); !maps.Equal(got, want) {
			t.Errorf("without a kill the bucket has\n%v, want\n%v", got, want)
		}
		total = len(v.wire.Requests())
	}) {
		return
	}
	var covered, wrong atomic.Int64
	every := stride(t)
	t.Run("points", func(t *testing.T) { // ends when all in it have
		for n := 0; n < total; n += every {
			for _, after := range []bool{false, true} {
				if every > 1 && after != (n/every%2 == 1) { // one of both, in turn
					continue
				}
				name := fmt.Sprintf("request %d", n)
				if after {
					name += " done"
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					covered.Add(1)
					killAt(t, s, n, after)
					if t.Failed() {
						wrong.Add(1)
					}
				})
			}
		}
	})
	fmt.Printf("figure: crash: %d kill points of %d requests covered, violations %d\n", covered.Load(), total, wrong.Load())
}

// stride is the distance of the requests at which the daemon is killed.
func stride(t *testing.T) int {
	t.Helper()
	if n, err := strconv.Atoi(os.Getenv("SENTIENTFS_CRASH_EVERY")); err == nil && n > 0 {
		return n
	}
	if testing.Short() {
		return 13
	}
	return 3
}

// progress is how far a run has come.
type progress struct{ acks acks }

// run does the script until a step fails, and returns the state before that step, its number and its error; at the
// end the last state.
func (v *victim) run(p *progress) (tree, int, error) {
	state := tree{}
	for i, st := range script() {
		p.acks.mu.Lock()
		p.acks.taken = nil
		p.acks.mu.Unlock()
		if err := st.do(v.mount.Dir, &p.acks); err != nil {
			return state, i, err
		}
		all := st.after(state)
		state = all[len(all)-1]
	}
	return state, len(script()), nil
}

func killAt(t *testing.T, s *harness.Server, n int, after bool) {
	v := newVictim(t, s, fmt.Sprintf("kill%d-%v", n, after))
	last := &harness.Fault{Skip: n, Stall: true}
	if after {
		v.wire.Inject(&harness.Fault{Skip: n, Times: 1, After: true, Reset: true})
	}
	v.wire.Inject(last)
	var p progress
	var before tree
	var at int
	var err error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		before, at, err = v.run(&p)
	}()
	wait(t, "the request at which to kill", func() bool {
		select {
		case <-ended:
			return true
		default:
			return last.Used() > 0
		}
	})
	// The dead mount stays until the script has met it: its next step would do its work in the folder below.
	if err := syscall.Kill(v.mount.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-ended
	v.mount.Kill(t)
	v.wire.Heal()
	v.mount.Start(t)
	if err == nil { // the kill came behind the last step
		if got := bucket(t, s, v.prefix); !maps.Equal(got, before) {
			t.Errorf("after the script the bucket has\n%v, want\n%v", got, before)
		}
		return
	}
	st := script()[at]
	t.Logf("killed in step %q, which answered: %v", st.name, err)
	var wrong []string
	var entries []entry
	ends := time.Now().Add(settleTime)
	for first := true; first || len(wrong) > 0 && time.Now().Before(ends); first = false {
		entries = v.settle(t)
		wrong = judge(st, before, bucket(t, s, v.prefix), &p.acks, entries, func(id string) string { return v.restore(t, id) })
	}
	for _, w := range wrong {
		t.Error(w)
	}
	var left []string
	for ends := time.Now().Add(settleTime); ; time.Sleep(settlePause) {
		left = left[:0]
		for _, key := range s.Uploads(t) {
			name, mine := strings.CutPrefix(key, v.prefix+"/")
			if mine && v.used(key) && find(entries, name) == nil {
				left = append(left, name)
			}
		}
		if len(left) == 0 || time.Now().After(ends) {
			break
		}
	}
	for _, name := range left {
		t.Errorf("an upload of %s is left and in no journal", name)
	}
}

// used tells whether anything was sent for the upload of key that was begun last. Until then its name may have been in
// the answer that the kill cut off: then nobody knows it.
func (v *victim) used(key string) (used bool) {
	for _, r := range v.wire.Requests() {
		switch {
		case r.Key != key:
		case r.Kind == "CREATE":
			used = false
		case r.Kind == "PART", r.Kind == "PARTCOPY", r.Kind == "COMPLETE":
			used = true
		}
	}
	return used
}

// settlePause is the time between two looks at what settles.
const settlePause = 50 * time.Millisecond

// settleTime is how long a new daemon may take for what it found. What is not settled then never will be.
const settleTime = 20 * time.Second

// judge returns what is wrong with what is there after a step was cut short.
func judge(st step, before, got tree, a *acks, entries []entry, restore func(id string) string) (wrong []string) {
	all := st.after(before)
	if maps.Equal(got, all[len(all)-1]) {
		return nil // done
	}
	allowed := false
	for _, may := range append([]tree{before}, all...) {
		allowed = allowed || maps.Equal(got, may)
	}
	if !allowed {
		wrong = append(wrong, fmt.Sprintf("the bucket has a state that never was:\n%v\nbefore the step\n%v\nafter it\n%v", got,
			before, all[len(all)-1]))
	}
	taken, any := a.over(before[st.path])
	if st.path == "" || !any || got[st.path] == taken {
		return wrong
	}
	e := find(entries, st.path)
	if e == nil {
		return append(wrong, fmt.Sprintf("%s: write took %s, the bucket has %s and recover list has no entry: %+v", st.path,
			brief(taken), brief(got[st.path]), entries))
	}
	if kept := restore(e.ID); !strings.HasPrefix(kept, taken) {
		wrong = append(wrong, fmt.Sprintf("%s: write took %s, the journal has %s", st.path, brief(taken), brief(kept)))
	}
	return wrong
}

func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// An entry is a line of `sentientfs recover list --json`.
type entry struct {
	ID, Key, State, Reason string
	Size                   int64
}

func find(entries []entry, key string) *entry {
	for i := range entries {
		if entries[i].Key == key {
			return &entries[i]
		}
	}
	return nil
}

// settle waits until the new daemon has done with the journal. It is done with what needs a person; what it has not
// come to yet looks the same for a moment, so the list must stay as it is for a while.
func (v *victim) settle(t *testing.T) (entries []entry) {
	t.Helper()
	const calm = time.Second
	since, ends := time.Now(), time.Now().Add(settleTime)
	for {
		out := v.command(t, "recover", "list", "--json", "--cache-dir", v.mount.CacheDir())
		var now []entry
		if err := json.Unmarshal(out, &now); err != nil {
			t.Fatalf("recover list --json: %v\n%s", err, out)
		}
		busy := slices.ContainsFunc(now, func(e entry) bool { return e.State == "closed" })
		if !slices.Equal(now, entries) {
			entries, since = now, time.Now()
		}
		if len(now) == 0 || !busy && time.Since(since) > calm || time.Now().After(ends) {
			return now
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// restore returns what the journal has.
func (v *victim) restore(t *testing.T, id string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "restored")
	v.command(t, "recover", "restore", "--cache-dir", v.mount.CacheDir(), "--endpoint", v.server.Endpoint,
		"--region", harness.Region, id, to)
	b, err := os.ReadFile(to)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

func (v *victim) command(t *testing.T, args ...string) []byte {
	t.Helper()
	home := t.TempDir()
	cmd := exec.Command(harness.Binary(t), args...)
	cmd.Env, cmd.Dir = harness.Env(home), home
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("sentientfs %q: %v\n%s", args, err, &stderr)
	}
	return out
}
