//go:build linux && !sandbox

package machines

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sentient-agi/sentientfs/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// TestP1P2P3P4P6TwoMachines: with nothing kept by the kernels, each result of each operation has an explanation.
func TestP1P2P3P4P6TwoMachines(t *testing.T) {
	run(t, 1, rounds(t, 25, 220), "--stat-cache-ttl", "0s", "--type-cache-ttl", "0s")
}

// TestP2WhateverTheTTLs: with the default time-outs names may be stale in errors, but what is read, written and
// listed is not.
func TestP2WhateverTheTTLs(t *testing.T) {
	run(t, 2, rounds(t, 15, 110))
}

func rounds(t *testing.T, short, long int) int {
	t.Helper()
	if n, err := strconv.Atoi(os.Getenv("SENTIENTFS_MACHINES_ROUNDS")); err == nil {
		return n
	}
	if testing.Short() {
		return short
	}
	return long
}

// A runner runs rounds on two machines.
type runner struct {
	t      *testing.T
	server *harness.Server
	mounts [2]*harness.Mount
	texts  *texts
	ttl    bool // the kernels keep names and attributes
	ops    int
}

func run(t *testing.T, seed uint64, rounds int, flags ...string) {
	if harness.Plain() {
		t.Skip("two plain folders are no two machines")
	}
	if n, err := strconv.ParseUint(os.Getenv("SENTIENTFS_MACHINES_SEED"), 10, 64); err == nil {
		seed = n
	}
	r := &runner{t: t, server: harness.StartServer(t, harness.Fake), texts: newTexts(), ttl: len(flags) == 0}
	for m := range r.mounts {
		r.mounts[m] = harness.NewMount(t, harness.MountOptions{Server: r.server, Args: flags})
	}
	for m := range r.mounts {
		if err := os.Mkdir(r.mounts[m].Path(fmt.Sprintf("own%d-0", m)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	d := &drawer{Rand: rand.New(rand.NewPCG(seed, 0))}
	before, ok := r.agree()
	if !ok {
		t.Fatal("the machines do not agree before the first round")
	}
	violations := 0
	for n := range rounds {
		now := &round{ops: d.round(), before: before.state(r.texts, r.markers()), texts: r.texts, lenient: r.ttl}
		r.texts = newTextsOf(now)
		now.texts = r.texts
		r.play(now)
		if now.after, ok = r.agree(); !ok {
			violations++
		} else if !now.explained() {
			violations++
			t.Errorf("no order of these explains what was seen")
		}
		if t.Failed() && violations > 0 {
			t.Errorf("seed %d, round %d:\nbefore\n\t%s\n%safter\n\t%s", seed, n, before.lines(), now, now.after.lines())
		}
		if violations >= 5 {
			t.Fatal("enough")
		}
		before = now.after
	}
	fmt.Printf("figure: machines: %d operations checked in %d rounds (seed %d), violations %d\n", r.ops, rounds, seed, violations)
}

// newTextsOf keeps the contents that a round begins with, so that a run of hours does not keep all it ever saw.
func newTextsOf(r *round) *texts {
	x := newTexts()
	for p, id := range r.before.files {
		r.before.files[p] = x.id(r.texts.all[id])
	}
	return x
}

func (r *round) String() string {
	var b strings.Builder
	for m, ops := range r.ops {
		for _, o := range ops {
			fmt.Fprintf(&b, "machine %d: %s\n", m, o)
		}
	}
	return b.String()
}

// play lets both machines do their operations at the same time.
func (r *runner) play(now *round) {
	var wg sync.WaitGroup
	begin := time.Now()
	for m, ops := range now.ops {
		r.ops += len(ops)
		wg.Go(func() {
			for _, o := range ops {
				o.do(r.mounts[m].Dir, begin)
			}
		})
	}
	wg.Wait()
}

// agree looks at both machines and the bucket, which must show one tree.
func (r *runner) agree() (tree, bool) {
	r.t.Helper()
	var seen [2]tree
	var wg sync.WaitGroup
	for m := range seen {
		wg.Go(func() { seen[m] = look(r.mounts[m].Dir) })
	}
	bucket := r.bucket()
	wg.Wait()
	ok := true
	for m, s := range seen {
		if diff := cmp.Diff(brieves(bucket.files), brieves(s.files)); diff != "" {
			r.t.Errorf("machine %d has other files than the bucket (-bucket +machine):\n%s", m, diff)
			ok = false
		}
		if diff := cmp.Diff(bucket.dirs, s.dirs); diff != "" {
			r.t.Errorf("machine %d has other folders than the bucket (-bucket +machine):\n%s", m, diff)
			ok = false
		}
		if ok && !maps.Equal(bucket.files, s.files) {
			r.t.Errorf("machine %d has other bytes than the bucket", m)
			ok = false
		}
	}
	if diff := cmp.Diff(seen[0].modes, seen[1].modes); diff != "" && !r.ttl {
		r.t.Errorf("the machines have other modes:\n%s", diff)
		ok = false
	}
	return bucket, ok
}

func brieves(files map[string]string) map[string]string {
	b := map[string]string{}
	for p, c := range files {
		b[p] = brief(c)
	}
	return b
}

// bucket is the tree that the keys make.
func (r *runner) bucket() tree {
	r.t.Helper()
	t := tree{files: map[string]string{}, dirs: map[string]bool{}}
	for _, key := range r.server.Keys(r.t, "") {
		for d := parent(key); d != ""; d = parent(d) {
			t.dirs[d] = true
		}
		if d, ok := strings.CutSuffix(key, "/"); ok {
			t.dirs[d] = true
			continue
		}
		body, meta := r.server.Get(r.t, key)
		sort := "F"
		if mode, err := strconv.ParseUint(meta["mode"], 10, 32); err == nil && mode&0o170000 == 0o120000 {
			sort = "L"
		}
		t.files[key] = sort + string(body)
	}
	return t
}

// markers are the folders that have an object of their own.
func (r *runner) markers() map[string]bool {
	found := map[string]bool{}
	for _, key := range r.server.Keys(r.t, "") {
		if d, ok := strings.CutSuffix(key, "/"); ok {
			found[d] = true
		}
	}
	return found
}

func (t tree) state(x *texts, markers map[string]bool) state {
	s := state{map[string]text{}, markers}
	for p, c := range t.files {
		s.files[p] = x.id(c)
	}
	return s
}

// TestP4Races: of two machines that create one name or make one folder exactly one wins, and all appends are there.
func TestP4Races(t *testing.T) {
	if harness.Plain() {
		t.Skip("two plain folders are no two machines")
	}
	n := rounds(t, 40, 300)
	s := harness.StartServer(t, harness.Fake)
	var m [2]*harness.Mount
	for i := range m {
		m[i] = harness.NewMount(t, harness.MountOptions{Server: s})
	}
	lost := 0
	for i := range n {
		k := []kind{create, mkdir, symlink}[i%3]
		var ops [2]*op
		both(func(who int) {
			ops[who] = &op{kind: k, path: fmt.Sprintf("%s%d", k[:1], i), data: fmt.Sprint(who)}
			ops[who].do(m[who].Dir, time.Now())
		})
		if (ops[0].err == 0) == (ops[1].err == 0) {
			lost++
			t.Errorf("two winners or none: %v, %v", ops[0], ops[1])
		}
	}
	if err := os.WriteFile(m[0].Path("log"), []byte("begin\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	want := []string{"begin"}
	for i := range n {
		want = append(want, fmt.Sprintf("0 line %d", i), fmt.Sprintf("1 line %d", i))
	}
	both(func(who int) {
		for i := range n {
			o := &op{kind: appendTo, path: "log", data: fmt.Sprintf("%d line %d\n", who, i)}
			if o.do(m[who].Dir, time.Now()); o.err != 0 {
				t.Errorf("an append: %v", o)
			}
		}
	})
	body, _ := s.Get(t, "log")
	got := strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		lost++
		t.Errorf("the log (-want +got):\n%s", diff)
	}
	stale := handOver(t, m, n)
	fmt.Printf("figure: machines: %d races and %d appends of two machines, %d files handed over, violations %d\n", n, 2*n, n, lost+stale)
}

func both(do func(who int)) {
	var wg sync.WaitGroup
	for who := range 2 {
		wg.Go(func() { do(who) })
	}
	wg.Wait()
}

// handOver writes on one machine and reads on the other at once, which had looked for the name before.
func handOver(t *testing.T, m [2]*harness.Mount, n int) (stale int) {
	t.Helper()
	for i := range n {
		from, to, name := m[i%2], m[1-i%2], fmt.Sprintf("over%d", i)
		if _, err := os.Stat(to.Path(name)); !os.IsNotExist(err) {
			t.Fatalf("a name that nobody made: %v", err)
		}
		for _, text := range []string{"first", "second, longer"} {
			if err := os.WriteFile(from.Path(name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(to.Path(name)); err != nil || string(got) != text {
				stale++
				t.Errorf("%s has %q, %v; want %q", name, got, err, text)
			}
		}
	}
	return stale
}
