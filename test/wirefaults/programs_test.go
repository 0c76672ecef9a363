//go:build linux && !sandbox

package wirefaults

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentient-agi/sentientfs/test/harness"
)

// hang is when a program counts as hanging. It is far above what any of them takes with all its faults.
const hang = 5 * time.Minute

// tries is how often a program that failed cleanly may begin again.
const tries = 6

// A scene is a mount over a bad wire, and what was promised on it.
type scene struct {
	server *harness.Server
	wire   *wire
	bad    *harness.Mount
	clean  int // programs that ended with an error of their own
	lies   int
}

func newScene(t *testing.T, seed uint64) *scene {
	t.Helper()
	s := &scene{server: harness.StartServer(t, harness.Fake)}
	s.wire = newWire(t, s.server, seed)
	s.bad = harness.NewMount(t, harness.MountOptions{Server: s.server, Endpoint: s.wire.front.Endpoint,
		Args: []string{"--http-timeout", "1s"}})
	s.wire.breaks()
	return s
}

// other heals the wire and mounts the bucket on another machine, to see what is true.
func (s *scene) other(t *testing.T, what string) *harness.Mount {
	t.Helper()
	broken, requests, byName := s.wire.heals()
	t.Logf("faults: %v", byName)
	if broken < 5 {
		t.Errorf("%s met only %d faults", what, broken)
	}
	t.Cleanup(func() {
		fmt.Printf("figure: wirefaults: %s: %d faults in %d requests, %d clean errors, lies %d\n", what, broken, requests, s.clean, s.lies)
	})
	return harness.NewMount(t, harness.MountOptions{Server: s.server})
}

func (s *scene) lie(t *testing.T, format string, args ...any) {
	t.Helper()
	s.lies++
	t.Errorf(format, args...)
}

// program runs a program and returns what it said and whether it succeeded.
func (s *scene) program(t *testing.T, dir, name string, args ...string) (string, bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hang)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	home := t.TempDir()
	cmd.Dir, cmd.WaitDelay = dir, 10*time.Second
	cmd.Env = append(harness.Env(home), "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com",
		"GIT_COMMITTER_NAME=c", "GIT_COMMITTER_EMAIL=c@example.com", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory",
		"GIT_CONFIG_VALUE_0=*")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("%s %q hangs:\n%s", name, args, &out)
	}
	if err != nil {
		s.clean++
		t.Logf("%s %q: %v\n%s", name, args, err, lastLines(out.String()))
	}
	return out.String(), err == nil
}

func lastLines(s string) string { return s[max(0, len(s)-300):] }

func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not installed", p)
		}
	}
}

func size(short, long int) int {
	if testing.Short() {
		return short
	}
	return long
}

// fill makes a folder of files.
func fill(t *testing.T, dir string, files int) {
	t.Helper()
	for i := range files {
		path := filepath.Join(dir, fmt.Sprintf("d%d", i%4), fmt.Sprintf("file%d.txt", i))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		body := strings.Repeat(fmt.Sprintf("line of file %d\n", i), 1+i*i%500)
		if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTar: an archive that tar said it has unpacked is there, file by file.
func TestTar(t *testing.T) {
	t.Parallel()
	need(t, "tar", "diff")
	s := newScene(t, 1)
	source := t.TempDir()
	fill(t, source, size(12, 120))
	big := bytes.Repeat([]byte("0123456789abcdef"), 17<<20/16)
	if err := os.WriteFile(filepath.Join(source, "big"), big, 0o644); err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "a.tar")
	if _, ok := s.program(t, source, "tar", "cf", archive, "."); !ok {
		t.Fatal("tar of a local folder")
	}
	var done []string
	for i := range tries {
		name := fmt.Sprintf("copy%d", i)
		if err := os.Mkdir(s.bad.Path(name), 0o755); err != nil {
			t.Logf("mkdir: %v", err)
			continue
		}
		if _, ok := s.program(t, source, "tar", "xf", archive, "-C", s.bad.Path(name)); !ok {
			continue
		}
		done = append(done, name)
		// What is read over the bad wire is right or an error.
		if out, ok := s.program(t, source, "diff", "-r", source, s.bad.Path(name)); !ok && !strings.Contains(out, "diff: ") {
			s.lie(t, "read over the bad wire: %s", lastLines(out))
		}
		break
	}
	if len(done) == 0 {
		t.Errorf("tar did not get through in %d tries", tries)
	}
	m := s.other(t, "tar")
	for _, name := range done {
		if out, ok := s.program(t, source, "diff", "-r", source, m.Path(name)); !ok {
			s.lie(t, "tar said that it unpacked %s, but: %s", name, lastLines(out))
		}
	}
}

// TestGit: a clone and commits that git said it made are there and whole.
func TestGit(t *testing.T) {
	t.Parallel()
	need(t, "git")
	s := newScene(t, 2)
	origin := filepath.Join(t.TempDir(), "origin")
	fill(t, origin, size(4, 60))
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"add", "."}, {"commit", "-qm", "first"}} {
		if out, ok := s.program(t, origin, "git", args...); !ok {
			t.Fatal(out)
		}
	}
	repo, head := s.clone(t, origin)
	if repo != "" {
		for i := range size(1, 6) {
			name := fmt.Sprintf("new%d", i)
			if err := os.WriteFile(filepath.Join(repo, name), []byte(name), 0o644); err != nil {
				s.clean++
				continue
			}
			_ = os.Remove(filepath.Join(repo, ".git", "index.lock")) // as git tells people to after it was broken off
			if _, ok := s.program(t, repo, "git", "add", name); !ok {
				continue
			}
			if _, ok := s.program(t, repo, "git", "commit", "-qm", name); !ok {
				continue
			}
			if out, ok := s.program(t, repo, "git", "rev-parse", "HEAD"); ok {
				head = strings.TrimSpace(out)
			}
		}
	}
	m := s.other(t, "git")
	if repo == "" {
		t.Errorf("git clone did not get through in %d tries", tries)
		return
	}
	seen := m.Path(filepath.Base(repo))
	if out, ok := s.program(t, seen, "git", "fsck", "--full", "--strict"); !ok {
		s.lie(t, "git fsck: %s", out)
	}
	if out, ok := s.program(t, seen, "git", "cat-file", "-e", head); !ok {
		s.lie(t, "the last commit that git said it made is not there: %s", out)
	}
	if out, ok := s.program(t, seen, "git", "merge-base", "--is-ancestor", head, "HEAD"); !ok {
		s.lie(t, "the last commit that git said it made is not in the branch: %s", out)
	}
}

// clone returns the folder of a clone that git said is there, and its head.
func (s *scene) clone(t *testing.T, origin string) (repo, head string) {
	t.Helper()
	for i := range tries {
		repo := s.bad.Path(fmt.Sprintf("clone%d", i))
		if _, ok := s.program(t, origin, "git", "clone", "-q", "--no-hardlinks", origin, repo); !ok {
			continue
		}
		if out, ok := s.program(t, repo, "git", "rev-parse", "HEAD"); ok {
			return repo, strings.TrimSpace(out)
		}
	}
	return "", ""
}

// TestSQLite: a row whose transaction sqlite said is committed is in the table, and the table is whole.
func TestSQLite(t *testing.T) {
	t.Parallel()
	need(t, "sqlite3")
	s := newScene(t, 3)
	db := s.bad.Path("rows.db")
	made := false
	for range tries {
		if _, made = s.program(t, s.bad.Dir, "sqlite3", "-bail", db, "CREATE TABLE IF NOT EXISTS rows(n INTEGER PRIMARY KEY, text TEXT);"); made {
			break
		}
	}
	if !made {
		t.Errorf("no table could be made in %d tries", tries)
	}
	var committed []string
	for i := range size(5, 40) {
		row := fmt.Sprintf("BEGIN; INSERT INTO rows VALUES(%d, hex(randomblob(2000))); COMMIT;", i)
		if _, ok := s.program(t, s.bad.Dir, "sqlite3", "-bail", db, row); ok {
			committed = append(committed, fmt.Sprint(i))
		}
	}
	if len(committed) == 0 {
		t.Error("no transaction got through")
	}
	m := s.other(t, "sqlite")
	out, ok := s.program(t, m.Dir, "sqlite3", m.Path("rows.db"), "PRAGMA integrity_check;")
	if !ok || strings.TrimSpace(out) != "ok" {
		s.lie(t, "integrity_check: %s", out)
	}
	out, ok = s.program(t, m.Dir, "sqlite3", m.Path("rows.db"), "SELECT n FROM rows WHERE length(text)=4000 ORDER BY n;")
	rows := strings.Fields(out)
	for _, n := range committed {
		if !ok || !slices.Contains(rows, n) {
			s.lie(t, "row %s was committed and is not there", n)
		}
	}
}

// TestEveryFaultIsMet: what is drawn is one request of ten, of all sorts.
func TestEveryFaultIsMet(t *testing.T) {
	s := harness.StartServer(t, harness.Fake)
	x := newWire(t, s, 4)
	for range 2000 {
		x.draw("GET")
		x.draw("COMPLETE")
	}
	broken, requests, byName := x.heals()
	if len(byName) != len(faults) || broken < requests/20 || broken > requests/5 {
		t.Errorf("%d of %d requests, %v", broken, requests, byName)
	}
}
