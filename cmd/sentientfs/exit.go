package main

import (
	"errors"
	"fmt"
	"io"
)

// Exit codes. docs/CONFIGURATION.md and the help have the same table, made of exitCodes.
const (
	codeOK          = 0
	codeFailure     = 1
	codeUsage       = 2
	codeConfig      = 3
	codeFUSE        = 4
	codeMountPoint  = 5
	codeBucket      = 6
	codeCredentials = 7
	codeNetwork     = 8
	codeMounted     = 9
	codeCache       = 10
	codeSelfCheck   = 11
	codeNotMounted  = 12
	codeBusy        = 13
	codePending     = 14
)

var exitCodes = []struct {
	code    int
	meaning string
}{
	{codeOK, "done"},
	{codeFailure, "failed in a way that has no code of its own"},
	{codeUsage, "the command line cannot be understood"},
	{codeConfig, "a setting is wrong or missing"},
	{codeFUSE, "FUSE is not usable: /dev/fuse, fusermount3, permissions"},
	{codeMountPoint, "the mount point is missing, not empty, a file or a link"},
	{codeBucket, "the bucket does not exist or is in another region"},
	{codeCredentials, "the credentials are missing, refused or lack a permission"},
	{codeNetwork, "the S3 server does not answer"},
	{codeMounted, "something of ours is mounted there already"},
	{codeCache, "the cache folder is in use, full, or of a newer version"},
	{codeSelfCheck, "a self-check failed"},
	{codeNotMounted, "nothing of ours is mounted there"},
	{codeBusy, "the mount is in use"},
	{codePending, "not everything could be uploaded; the rest is in the journal"},
}

// A failure is an error as a person reads it: one sentence, a way out, and the exit code.
type failure struct {
	what string
	hint string
	code int
}

func (f *failure) Error() string { return f.what }

func fail(code int, hint, format string, args ...any) error {
	return &failure{what: fmt.Sprintf(format, args...), hint: hint, code: code}
}

// failures are several errors of one cause, such as all mistakes in the settings.
type failures []*failure

func (f failures) Error() string { return f[0].what }

// report writes err for a person and returns the exit code.
func report(w io.Writer, err error) int {
	if err == nil {
		return codeOK
	}
	var many failures
	if errors.As(err, &many) {
		for _, f := range many {
			write(w, f)
		}
		return many[0].code
	}
	f := toFailure(err)
	write(w, f)
	return f.code
}

func write(w io.Writer, f *failure) {
	if f.what == "" {
		return // said already
	}
	fmt.Fprintf(w, "sentientfs: %s\n", f.what)
	if f.hint != "" {
		fmt.Fprintf(w, "hint: %s\n", f.hint)
	}
}

func toFailure(err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	return &failure{what: err.Error(), code: codeFailure}
}
