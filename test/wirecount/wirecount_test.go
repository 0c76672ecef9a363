//go:build linux && !sandbox

package wirecount

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/sentient-agi/sentientfs/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// counts are requests by kind.
type counts map[string]int

// lookups are the requests of n lookups of names that are not known.
func lookups(n int, more counts) counts {
	c := counts{"HEAD": 2 * n, "LIST": n}
	for kind, n := range more {
		c[kind] += n
	}
	return c
}

// check fails for each kind of which p has seen more than most says, and if it has seen more than total in all.
func check(t *testing.T, p *harness.Proxy, most counts, total int) {
	t.Helper()
	p.Settle(t)
	got := p.Counts()
	if n := len(p.Requests()); total > 0 && n > total {
		t.Errorf("%d requests, at most %d are needed: %v\n%s", n, total, got, list(p.Requests()))
	}
	for _, kind := range slices.Sorted(maps.Keys(got)) {
		if got[kind] > most[kind] {
			t.Errorf("%d requests %s, at most %d are needed; all: %v\n%s", got[kind], kind, most[kind], got, list(p.Requests()))
		}
	}
}

func list(requests []harness.Request) string {
	var text string
	for i, r := range requests {
		if i == 40 {
			return text + fmt.Sprintf("  and %d more\n", len(requests)-i)
		}
		text += fmt.Sprintf("  %s %s (%d)\n", r.Kind, r.Key, r.Status)
	}
	return text
}

func sh(t *testing.T, m *harness.Mount, script string) {
	t.Helper()
	cmd := exec.Command("sh", "-euc", script)
	cmd.Env = append(os.Environ(), "M="+m.Dir, "LC_ALL=C")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
}

// commands are run one after another in the root of the mount, each on names of its own.
var commands = []struct {
	name   string
	before string         // run first, uncounted
	await  string         // an object that an earlier command makes, maybe behind its end
	object map[string]int // objects that another machine stores beforehand, with their sizes
	run    string
	most   counts
	total  int // of all kinds, where there is a choice; 0 means what most adds up to
}{
	{name: "stat of a missing name", run: `! test -e $M/missing`, most: lookups(1, nil)},
	{name: "stat of a new name", object: map[string]int{"stat": 10}, run: `test -f $M/stat`, most: lookups(1, nil)},
	{name: "stat again", run: `test -f $M/stat`},
	{name: "cat of a small file", object: map[string]int{"cat": 5000}, run: `cat $M/cat`, most: lookups(1, counts{"GET": 1})},
	{name: "cat again", run: `cat $M/cat`, most: counts{"GET": 1, "HEAD": 1}, total: 1},
	{name: "cat of a file of 1 MiB", object: map[string]int{"mib": 1 << 20}, run: `cat $M/mib`, most: lookups(1, counts{"GET": 1})},
	{name: "cat of an empty file", object: map[string]int{"empty": 0}, run: `cat $M/empty`, most: lookups(1, counts{"GET": 1, "HEAD": 1}), total: 4},
	// cp asks for the name, the kernel asks again when it creates it, and cp creates with O_EXCL.
	{name: "cp of 1 MiB in", before: `head -c 1048576 /dev/urandom >$W/mib`, run: `cp $W/mib $M/cp`, most: lookups(2, counts{"PUT": 2})},
	{name: "cp of 8 MiB in", before: `head -c 8388608 /dev/urandom >$W/mib`, run: `cp $W/mib $M/cp8`, most: lookups(2, counts{"PUT": 2})},
	{name: "cp over a file", run: `cp $W/mib $M/cp8`, most: counts{"PUT": 1, "GET": 1, "HEAD": 1}, total: 2},
	{name: "echo into a new file", run: `echo x >$M/echo`, most: lookups(1, counts{"PUT": 2})},
	{name: "echo over a file", run: `echo y >$M/echo`, most: counts{"PUT": 2}},
	{name: "touch of a new file", run: `touch $M/touch`, most: lookups(1, counts{"PUT": 2})},
	// An empty object is put again rather than copied: its ETag does not tell versions apart.
	{name: "touch of a file", await: "touch", run: `touch $M/touch`, most: counts{"PUT": 1, "COPY": 1, "HEAD": 1}, total: 2},
	{name: "O_EXCL", run: `set -C; echo x >$M/excl`, most: lookups(2, counts{"PUT": 3})},
	{name: "mkdir", run: `mkdir $M/dir`, most: lookups(1, counts{"PUT": 1})},
	{name: "rmdir", run: `rmdir $M/dir`, most: counts{"LIST": 1, "DELETE": 1, "HEAD": 2}},
	{name: "rm", object: map[string]int{"rm": 10}, run: `rm $M/rm`, most: lookups(1, counts{"DELETE": 1})},
	// mv asks for both names and the kernel once more for the new one. Amazon's S3 needs a COPY; where the server ignores
	// If-None-Match of a copy, as this one does, it is a copy in one part, whose Complete honours it.
	{name: "mv", object: map[string]int{"mv": 10}, run: `mv $M/mv $M/moved`,
		most: lookups(3, counts{"COPY": 1, "CREATE": 1, "PARTCOPY": 1, "COMPLETE": 1, "DELETE": 1}), total: 13},
	{name: "append", object: map[string]int{"log": 1000}, run: `echo line >>$M/log`, most: lookups(1, counts{"GET": 1, "PUT": 1})},
	{name: "append again", run: `echo line >>$M/log`, most: counts{"GET": 1, "PUT": 1}},
	{name: "chmod", object: map[string]int{"chmod": 10}, run: `chmod 600 $M/chmod`, // the copy as for mv
		most: lookups(1, counts{"COPY": 1, "HEAD": 1, "CREATE": 1, "PARTCOPY": 1, "COMPLETE": 1}), total: 7},
	{name: "chmod that changes nothing", run: `chmod 600 $M/chmod`},
	{name: "ln -s", run: `ln -s cat $M/link`, most: lookups(3, counts{"PUT": 1})},
}

func TestCommands(t *testing.T) {
	if harness.Plain() {
		t.Skip("counts requests")
	}
	server := harness.StartServer(t, harness.Fake)
	proxy := harness.NewProxy(t, server)
	m := harness.NewMount(t, harness.MountOptions{Server: server, Endpoint: proxy.Endpoint})
	t.Setenv("W", t.TempDir())
	sh(t, m, `echo x >$M/first; cat $M/first; ls $M; rm $M/first`) // what the daemon asks once only
	for _, c := range commands {
		t.Run(c.name, func(t *testing.T) {
			for key, size := range c.object {
				server.Put(t, key, make([]byte, size), nil)
			}
			sh(t, m, c.before)
			for deadline := time.Now().Add(time.Minute); c.await != "" && len(server.Keys(t, c.await)) == 0; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("there is no object %s", c.await)
				}
			}
			proxy.Settle(t)
			proxy.Reset()
			sh(t, m, c.run)
			check(t, proxy, c.most, c.total)
		})
	}
}

// TestCreateIsOnePut: create, write and close of a file of up to one part, as most programs do it.
func TestCreateIsOnePut(t *testing.T) {
	if harness.Plain() {
		t.Skip("counts requests")
	}
	server := harness.StartServer(t, harness.Fake)
	proxy := harness.NewProxy(t, server)
	m := harness.NewMount(t, harness.MountOptions{Server: server, Endpoint: proxy.Endpoint})
	sh(t, m, `echo x >$M/first; rm $M/first`)
	for _, size := range []int{1, 100_000, 8 << 20} {
		proxy.Settle(t)
		proxy.Reset()
		if err := os.WriteFile(m.Path(fmt.Sprint(size)), make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
		check(t, proxy, lookups(1, counts{"PUT": 1}), 0)
	}
}

// TestList counts `ls -l` of 1,000 files: with metadata that is not known, known in memory, known on disk, not wanted.
func TestList(t *testing.T) {
	if harness.Plain() {
		t.Skip("counts requests")
	}
	const files = 1000
	server := harness.StartServer(t, harness.Fake)
	for i := range files {
		server.Put(t, fmt.Sprintf("d/%04d", i), nil, map[string]string{"mode": "33188"})
	}
	proxy := harness.NewProxy(t, server)
	opts := harness.MountOptions{Server: server, Endpoint: proxy.Endpoint}
	ls := func(t *testing.T, m *harness.Mount, most counts) {
		t.Helper()
		proxy.Settle(t)
		proxy.Reset()
		sh(t, m, fmt.Sprintf(`test "$(ls -l $M/d | grep -c '^-')" = %d`, files))
		check(t, proxy, most, 0)
	}
	// A version is remembered beyond a run only when no later one can look the same, and S3's times count seconds.
	time.Sleep(time.Until(server.Modified(t, fmt.Sprintf("d/%04d", files-1)).Add(5 * time.Second)))
	m := harness.NewMount(t, opts)
	t.Run("unknown", func(t *testing.T) {
		proxy.Inject(&harness.Fault{Kinds: "HEAD", Latency: 10 * time.Millisecond}) // so that they meet
		ls(t, m, lookups(1, counts{"LIST": 1, "HEAD": files}))
		proxy.Heal()
		if most := proxy.Most()["HEAD"]; most < 8 || most > 66 { // and the two of the folder's lookup
			t.Errorf("%d HEADs at one time, want many, at most 64", most)
		}
	})
	t.Run("known", func(t *testing.T) { ls(t, m, lookups(1, counts{"LIST": 1})) })
	t.Run("known on disk", func(t *testing.T) {
		m.Remount(t, false)
		ls(t, m, lookups(1, counts{"LIST": 1}))
	})
	t.Run("off", func(t *testing.T) {
		opts.Args = []string{"--posix-metadata=off"}
		ls(t, harness.NewMount(t, opts), lookups(1, counts{"LIST": 1}))
	})
}

// TestLookupIsOneRoundTrip: the three questions are asked at the same time.
func TestLookupIsOneRoundTrip(t *testing.T) {
	if harness.Plain() {
		t.Skip("counts requests")
	}
	server := harness.StartServer(t, harness.Fake)
	proxy := harness.NewProxy(t, server)
	m := harness.NewMount(t, harness.MountOptions{Server: server, Endpoint: proxy.Endpoint})
	proxy.Settle(t)
	proxy.Reset()
	proxy.Inject(&harness.Fault{Latency: 300 * time.Millisecond})
	sh(t, m, `! test -e $M/missing`)
	if most := proxy.Most(); most["HEAD"] != 2 || most["LIST"] != 1 {
		t.Errorf("at one time %v, want 2 HEAD and 1 LIST", most)
	}
}
