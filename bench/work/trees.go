//go:build !sandbox

package work

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// treeFile is the size of a file of a tree in bytes, the median of Go's and Python's standard libraries.
const treeFile = 4 << 10

// treeNames are n files in folders of twenty.
func treeNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("pkg%03d/file%04d.py", i/20, i)
	}
	return names
}

// body is what file i has, of which no two are the same.
func body(i int) []byte {
	b := Bytes(treeFile)
	copy(b, fmt.Sprintf("%08d", i))
	return b
}

// writeTree writes names below dir, each folder when it comes to it, as pip does.
func writeTree(dir string, names []string) error {
	last := ""
	for i, name := range names {
		path := filepath.Join(dir, name)
		if parent := filepath.Dir(path); parent != last {
			if err := os.MkdirAll(parent, 0o755); err != nil {
				return err
			}
			last = parent
		}
		if err := os.WriteFile(path, body(i), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func pipTree(_ context.Context, j *Job) error {
	return writeTree(j.path("site-packages"), treeNames(j.Scale.Tree(3000)))
}

func untar(ctx context.Context, j *Job) error {
	return run(ctx, "tar", "-C", j.Dir, "-xf", filepath.Join(j.Local, "tree.tar"))
}

func gitClone(ctx context.Context, j *Job) error {
	return run(ctx, "git", "clone", "--quiet", "file://"+filepath.Join(j.Local, "repository"), j.path("clone"))
}

// MakeLocal makes what the trees come from below dir, on the local disk.
func MakeLocal(ctx context.Context, dir string, s Scale) error {
	if err := makeTar(filepath.Join(dir, "tree.tar"), s.Tree(3000)); err != nil {
		return err
	}
	repository := filepath.Join(dir, "repository")
	if err := writeTree(repository, treeNames(s.Tree(2000))); err != nil {
		return err
	}
	for _, args := range [][]string{{"init", "--quiet"}, {"add", "."},
		{"-c", "user.name=bench", "-c", "user.email=bench@localhost", "commit", "--quiet", "-m", "tree"},
		{"gc", "--quiet"}} {
		if err := run(ctx, "git", append([]string{"-C", repository}, args...)...); err != nil {
			return err
		}
	}
	return nil
}

func makeTar(name string, n int) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := tar.NewWriter(f)
	for i, name := range treeNames(n) {
		h := &tar.Header{Name: name, Mode: 0o644, Size: treeFile, ModTime: time.Unix(1_600_000_000+int64(i), 0)}
		if err := w.WriteHeader(h); err != nil {
			return errors.Join(err, f.Close())
		}
		if _, err := w.Write(body(i)); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return errors.Join(w.Close(), f.Close())
}

// run runs a program in a process of its own, without the settings of whoever measures.
func run(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", cmd, err, out)
	}
	return nil
}
