//go:build !sandbox

package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A mount that does not end when it is told must not make the demo wait for ever.
func TestDemoEndsAMountThatHangs(t *testing.T) {
	// It is the process itself that ignores the signal: a child of it would be left over.
	cmd := exec.Command("sh", "-c", `trap "" TERM; echo ready; while read -r _; do :; done`)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatal(line, err)
	}
	dir := t.TempDir()
	d := &demo{program: &program{stdout: io.Discard, stderr: io.Discard}, dir: dir, point: filepath.Join(dir, "mnt"),
		madePoint: true, mount: cmd.Process, patience: time.Millisecond}
	if err := os.Mkdir(d.point, 0o755); err != nil {
		t.Fatal(err)
	}
	err = d.stopMount(fail(codeSelfCheck, "", "the self-check failed"))
	if err == nil || !strings.Contains(err.Error(), "the self-check failed") || !strings.Contains(err.Error(), "was killed") {
		t.Errorf("stopMount = %v", err)
	}
	if code := toFailure(err).code; code != codeSelfCheck {
		t.Errorf("exit code %d, want that of the self-check", code)
	}
	if _, err := os.Stat(d.point); !os.IsNotExist(err) {
		t.Errorf("the mount point is left: %v", err)
	}
}
