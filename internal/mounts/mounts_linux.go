package mounts

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// List reads /proc/self/mountinfo, oldest mount first (proc_pid_mountinfo(5)).
func List() ([]Mount, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	return parse(text), nil
}

// parse reads lines of "ID PARENT MAJ:MIN ROOT POINT OPTIONS OPTIONAL… - TYPE SOURCE SUPEROPTIONS".
func parse(text []byte) []Mount {
	var all []Mount
	for line := range bytes.Lines(text) {
		left, right, ok := strings.Cut(strings.TrimSuffix(string(line), "\n"), " - ")
		fields, more := strings.Split(left, " "), strings.Split(right, " ")
		if !ok || len(fields) < 6 || len(more) < 2 {
			continue
		}
		m := Mount{Point: unescape(fields[4]), Type: more[0], Source: unescape(more[1]), Options: fields[5]}
		if len(more) > 2 {
			m.Options += "," + more[2]
		}
		all = append(all, m)
	}
	return all
}

// unescape undoes the kernel's \040 for a blank and the like.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && octal(s[i+1]) && octal(s[i+2]) && octal(s[i+3]) {
			b.WriteByte((s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0'))
			i += 3
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func octal(c byte) bool { return '0' <= c && c <= '7' }

func unmountSystem(dir string, lazy bool) error {
	flags := unix.UMOUNT_NOFOLLOW
	if lazy {
		flags |= unix.MNT_DETACH
	}
	return unix.Unmount(dir, flags)
}

func helper(dir string, lazy bool) (string, []string, error) {
	flag := "-u"
	if lazy {
		flag = "-uz"
	}
	for _, name := range []string{"fusermount3", "fusermount"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, []string{flag, "--", dir}, nil
		}
	}
	return "", nil, errors.New("fusermount3 is not installed")
}
