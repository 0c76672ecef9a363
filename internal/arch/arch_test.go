package arch

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	module = "github.com/sentient-agi/sentientfs"
	root   = "../.." // of the module
	// maxLines is above every file of the projects that we learn from, but for those that they regret.
	maxLines = 600
)

// forbidden says what a package must not depend on, directly or through others: packages and all below them.
var forbidden = map[string][]string{
	"fs":                 {module + "/s3backend", "github.com/aws", module + "/internal/localstore"},
	"s3backend":          {module + "/fs", "github.com/hanwen/go-fuse"},
	"e2b":                {module + "/fs", module + "/s3backend"},
	"internal/object":    {module + "/", "github.com/aws", "github.com/hanwen/go-fuse"},
	"internal/metacache": {module + "/fs", module + "/s3backend", "github.com/aws", "github.com/hanwen/go-fuse"},
	"internal/content":   {module + "/fs", module + "/s3backend", "github.com/aws", "github.com/hanwen/go-fuse"},
	"internal/transfer":  {module + "/fs", module + "/s3backend", "github.com/aws", "github.com/hanwen/go-fuse"},
	"internal/config":    {module + "/fs", module + "/s3backend", "github.com/aws", "github.com/hanwen/go-fuse"},
	"systemd":            {module + "/"},
	"launchd":            {module + "/"},
}

type listed struct {
	ImportPath string
	Deps       []string
}

// list asks the go command for the packages of the module and what they depend on, without their tests.
func list(t *testing.T, tags string) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Deps", "-tags", tags, "./...")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var pkgs []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

func below(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

func TestImports(t *testing.T) {
	for _, p := range list(t, "") {
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		for dir, no := range forbidden {
			if !below(name, dir) {
				continue
			}
			for _, dep := range p.Deps {
				for _, f := range no {
					if below(dep, f) && !below(strings.TrimPrefix(dep, module+"/"), dir) {
						t.Errorf("%s depends on %s, which %s must not", name, dep, dir)
					}
				}
			}
		}
	}
}

// TestSandboxBuild: what runs in a sandbox has no S3 server in it.
func TestSandboxBuild(t *testing.T) {
	for _, p := range list(t, "sandbox") {
		if strings.HasPrefix(p.ImportPath, module+"/test/") {
			continue
		}
		for _, dep := range p.Deps {
			if below(dep, "github.com/versity") || below(dep, "github.com/rclone/gofakes3") {
				t.Errorf("%s depends on %s with -tags sandbox", p.ImportPath, dep)
			}
		}
	}
}

// TestOneMain: only cmd/sentientfs is a command.
func TestOneMain(t *testing.T) {
	for _, f := range sources(t) {
		if dir := filepath.ToSlash(filepath.Dir(f.name)); f.ast.Name.Name == "main" && dir != "cmd/sentientfs" && !f.ignored() {
			t.Errorf("%s is of a second command", f.name)
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	docs := map[string]string{}
	for _, f := range sources(t) {
		dir := filepath.ToSlash(filepath.Dir(f.name))
		if strings.HasSuffix(f.name, "_test.go") || f.ignored() {
			continue
		}
		docs[dir] += f.ast.Doc.Text()
	}
	for dir, doc := range docs {
		if dir == "cmd/sentientfs" && strings.HasPrefix(doc, "Command sentientfs ") {
			continue
		}
		if want := "Package " + filepath.Base(dir) + " "; !strings.HasPrefix(doc, want) {
			t.Errorf("the package comment of %s does not begin with %q: %.40q", dir, want, doc)
		}
	}
}

func TestNoFileIsTooLong(t *testing.T) {
	for _, f := range sources(t) {
		if !strings.HasSuffix(f.name, "_test.go") && f.lines > maxLines {
			t.Errorf("%s has %d lines, more than %d: split it by noun or operation", f.name, f.lines, maxLines)
		}
	}
}

type source struct {
	name  string // relative to the module's root
	ast   *ast.File
	text  []byte
	lines int
}

// ignored tells whether no build includes the file, as with //go:build ignore.
func (f source) ignored() bool {
	for sc := bufio.NewScanner(bytes.NewReader(f.text)); sc.Scan(); {
		line := sc.Text()
		if strings.HasPrefix(line, "package ") {
			return false
		}
		if !constraint.IsGoBuild(line) {
			continue
		}
		known := map[string]bool{"linux": true, "darwin": true, "amd64": true, "arm64": true, "sandbox": true, "race": true, "unix": true}
		expr, err := constraint.Parse(line)
		// No set of the tags that we build with lets it in: each of them alone, all, none, or without the sandbox.
		return err == nil && !expr.Eval(func(tag string) bool { return known[tag] }) &&
			!expr.Eval(func(tag string) bool { return known[tag] && tag != "sandbox" }) &&
			!expr.Eval(func(tag string) bool { return tag == "linux" || tag == "unix" }) &&
			!expr.Eval(func(tag string) bool { return tag == "darwin" || tag == "unix" }) &&
			!expr.Eval(func(tag string) bool { return false })
	}
	return false
}

// sources parses every Go file of the module.
func sources(t *testing.T) []source {
	t.Helper()
	var files []source
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && name != "." || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		tree, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments)
		if err != nil {
			return err
		}
		files = append(files, source{name: name, ast: tree, text: text, lines: bytes.Count(text, []byte("\n"))})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
