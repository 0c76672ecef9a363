package main

import (
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// exitStatus is the exit code of what exec ran, in digits.
func exitStatus(err error) string {
	var e *exec.ExitError
	if !errors.As(err, &e) {
		return err.Error()
	}
	return strconv.Itoa(e.ExitCode())
}

func TestReport(t *testing.T) {
	var b strings.Builder
	err := errors.Join(fail(codeBusy, "wait", "cannot unmount %s: it is in use", "/mnt"))
	if code := report(&b, err); code != codeBusy || b.String() != "sentientfs: cannot unmount /mnt: it is in use\nhint: wait\n" {
		t.Errorf("report writes %q and returns %d", b.String(), code)
	}
	b.Reset()
	many := failures{{what: "one", hint: "a", code: codeConfig}, {what: "two", code: codeMountPoint}}
	if code := report(&b, many); code != codeConfig || b.String() != "sentientfs: one\nhint: a\nsentientfs: two\n" {
		t.Errorf("report writes %q and returns %d", b.String(), code)
	}
	b.Reset()
	if code := report(&b, nil); code != codeOK || b.String() != "" {
		t.Errorf("report of nothing writes %q and returns %d", b.String(), code)
	}
}

func TestExitCodesAreDistinct(t *testing.T) {
	for i, e := range exitCodes {
		if e.code != i || e.meaning == "" {
			t.Errorf("entry %d is %+v: the table is in order, without gaps", i, e)
		}
	}
}
