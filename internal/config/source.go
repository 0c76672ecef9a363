package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxFile is the most bytes of a .env file that are read; people's files have a few thousand.
const maxFile = 1 << 20

// A Source says where a value came from.
type Source struct {
	Kind SourceKind
	Name string // the flag or variable
	File string // of SourceFile
	Line int    // of SourceFile
}

// SourceKind is one of the places where settings come from, the first one wins.
type SourceKind int

// The places, by precedence.
const (
	SourceFlag SourceKind = iota
	SourceEnvironment
	SourceFile
	SourceDefault
)

func (s Source) String() string {
	switch s.Kind {
	case SourceFlag:
		return s.Name
	case SourceEnvironment:
		return "environment " + s.Name
	case SourceFile:
		return fmt.Sprintf("%s:%d %s", s.File, s.Line, s.Name)
	}
	return "default"
}

// A layer is one place that has variables: the environment or a file.
type layer struct {
	kind SourceKind
	file string
	vars map[string]Assignment
}

// get returns a variable that is set and not empty: `KEY=` in a copied example means that there is none.
func (l layer) get(name string) (string, Source, bool) {
	a, ok := l.vars[name]
	if !ok || a.Value == "" {
		return "", Source{}, false
	}
	return a.Value, Source{Kind: l.kind, Name: name, File: l.file, Line: a.Line}, true
}

func environLayer(environ []string) layer {
	l := layer{kind: SourceEnvironment, vars: make(map[string]Assignment, len(environ))}
	for _, kv := range environ {
		if k, v, ok := strings.Cut(kv, "="); ok {
			l.vars[k] = Assignment{Key: k, Value: v}
		}
	}
	return l
}

// readFile reads one file of variables. must says that it was asked for by name.
func (c *Config) readFile(path string, must bool) (layer, bool) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) && !must {
		return layer{}, false
	}
	var text []byte
	switch {
	case err != nil:
	case info.IsDir():
		err = errors.New("it is a folder")
	case info.Size() > maxFile:
		err = fmt.Errorf("it has more than %s", FormatSize(maxFile))
	default:
		text, err = os.ReadFile(path)
	}
	if err != nil {
		c.problem(Problem{Warning: !must, What: fmt.Sprintf("cannot read %s: %s", path, reason(err)),
			Hint: "give a file of KEY=VALUE lines that you may read"})
		return layer{}, false
	}
	found, bad := ParseDotenv(string(text))
	for _, e := range bad {
		c.problem(Problem{Warning: true, What: fmt.Sprintf("cannot read line %d of %s: %s", e.Line, path, e.Why),
			Hint: "write KEY=VALUE, in quotes if the value has blanks or a #; the other lines count"})
	}
	l := layer{kind: SourceFile, file: path, vars: make(map[string]Assignment, len(found))}
	for _, a := range found {
		l.vars[a.Key] = a
	}
	c.FilesRead = append(c.FilesRead, path)
	if info.Mode().IsRegular() { // not /dev/null
		c.checkFileMode(path, info.Mode(), l)
	}
	return l, true
}

// secretKeys are the variables of ours that are secrets.
var secretKeys = []string{"AWS_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY_S3", "AWS_SESSION_TOKEN",
	"AWS_SESSION_TOKEN_S3", "SENTIENTFS_SSE_C", "E2B_API_KEY"}

// checkFileMode tells of a file with secrets that others can read, or that others can change, which lets them say
// where the files go.
func (c *Config) checkFileMode(path string, mode fs.FileMode, l layer) {
	if mode.Perm()&0o002 != 0 {
		c.problem(Problem{What: fmt.Sprintf("everyone may change %s (mode %#o)", path, mode.Perm()),
			Hint: "chmod 600 " + path})
		return
	}
	if mode.Perm()&0o004 == 0 {
		return
	}
	for _, key := range secretKeys {
		if _, _, ok := l.get(key); ok {
			c.problem(Problem{Warning: true,
				What: fmt.Sprintf("everyone may read %s (mode %#o), which has %s in it", path, mode.Perm(), key),
				Hint: "chmod 600 " + path})
			return
		}
	}
}

// layers returns the places that have variables, by precedence.
func (c *Config) layers(in Input, flags flagValues) []layer {
	environ := environLayer(in.Environ)
	all := []layer{environ}
	add := func(path string, must bool) {
		if l, ok := c.readFile(path, must); ok {
			all = append(all, l)
		}
	}
	name, must := c.environmentName(environ, flags)
	if file, ok := flags.last("env-file"); ok {
		add(c.expand(file, in.Home, Source{Kind: SourceFlag, Name: "--env-file"}), true)
	} else if in.Dir != "" {
		if name != "" {
			add(filepath.Join(in.Dir, ".env."+name), must)
		}
		add(filepath.Join(in.Dir, ".env"), false)
	}
	if in.System != "" {
		add(in.System, false)
	}
	return all
}

// environmentName is what --env or the variable ENV says. POSIX shells have another meaning for ENV, the path of a
// file: what cannot be a name is that.
func (c *Config) environmentName(environ layer, flags flagValues) (name string, must bool) {
	valid := func(s string) bool { return s != "" && s != "." && s != ".." && !strings.ContainsAny(s, "/\x00 $~") }
	if name, ok := flags.last("env"); ok {
		if !valid(name) {
			c.problem(Problem{What: fmt.Sprintf("cannot read settings of --env %q: it is no name", name),
				Hint: "use a name such as development or production; .env.<NAME> is read"})
			return "", false
		}
		c.Environment = name
		return name, true
	}
	if name, _, ok := environ.get("ENV"); ok && valid(name) {
		c.Environment = name
		return name, false
	}
	return "", false
}

// expand replaces a leading ~ and each ${HOME}. Nothing else expands, and what looks as if it should is a mistake.
func (c *Config) expand(path, home string, from Source) string {
	if home != "" {
		if path == "~" || strings.HasPrefix(path, "~/") {
			path = home + path[1:]
		}
		path = strings.ReplaceAll(path, "${HOME}", home)
	}
	if strings.Contains(path, "${") {
		c.problem(Problem{What: fmt.Sprintf("cannot use the path %q of %s: only ~ and ${HOME} are replaced", path, from),
			Hint: "write the path out"})
	}
	return path
}

// reason is what the system says without naming the path a second time.
func reason(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return err.Error()
}
