//go:build linux && !sandbox

package programs

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sentient-agi/sentientfs/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// needs are the programs of scripts, by the scripts' names; a script whose programs are missing is skipped.
var needs = map[string][]string{
	"git.sh": {"git"}, "sqlite.sh": {"sqlite3"}, "rsync.sh": {"rsync"}, "gcc.sh": {"gcc"}, "seconduser.sh": {"setpriv"},
}

func TestPrograms(t *testing.T) {
	python := pythonPath(t)
	var args []string
	if os.Getuid() == 0 {
		args = []string{"-o", "allow_other"}
	}
	inside := harness.NewMount(t, harness.MountOptions{Args: args})
	opts := harness.MountOptions{Server: inside.Server, Prefix: "all", Args: append(args, "--symlinks=all")}
	all := harness.NewMount(t, opts)
	scripts, err := filepath.Glob("testdata/*.*")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, script := range scripts {
		name := filepath.Base(script)
		t.Run(name, func(t *testing.T) {
			for _, program := range needs[name] {
				if _, err := exec.LookPath(program); err != nil {
					t.Skip(err)
				}
			}
			m := inside
			switch name {
			case "venv.sh": // its bin/python links to the interpreter by an absolute path
				m = all
			case "seconduser.sh":
				if os.Getuid() != 0 {
					t.Skip("only root can become somebody else")
				}
				open(t, filepath.Dir(m.Dir))
			}
			run(t, python, script, m.Path(strings.TrimSuffix(name, filepath.Ext(name))))
		})
	}
}

// pythonPath returns the interpreter itself, which a wrapper such as pyenv's hides.
func pythonPath(t *testing.T) string {
	out, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		t.Skipf("no python3: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// open lets others reach a folder of t.TempDir, which is the owner's alone.
func open(t *testing.T, dir string) {
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

// patience is for a script that hangs; the slowest takes a few seconds.
const patience = 10 * time.Minute

func run(t *testing.T, python, script, dir string) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	path, err := filepath.Abs(script)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, "sh", "-eux", path)
	if filepath.Ext(script) == ".py" {
		cmd = exec.CommandContext(ctx, python, "-X", "faulthandler", path)
	}
	work := t.TempDir()
	cmd.Dir = work
	cmd.Env = append(os.Environ(), "M="+dir, "W="+work, "PYTHON="+python, "LC_ALL=C.UTF-8", "PYTHONDONTWRITEBYTECODE=",
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@example.com",
		"GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@example.com")
	// The whole group is ended, since a child that keeps the output open would be waited for.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Minute
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v%s\n%s", script, err, timedOut(ctx), lastLines(string(out), 60))
	}
}

func timedOut(ctx context.Context) string {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ", it hung"
	}
	return ""
}

func lastLines(text string, n int) string {
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "")
}
