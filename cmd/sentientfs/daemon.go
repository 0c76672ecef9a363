package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
)

// readyVariable names the descriptor on which a mount tells the process that started it that it answers, or why not.
const readyVariable = "SENTIENTFS_READY_FD"

// verdict is the line that goes over that descriptor.
type verdict struct {
	Ready bool   `json:"ready"`
	What  string `json:"what,omitempty"`
	Hint  string `json:"hint,omitempty"`
	Code  int    `json:"code,omitempty"`
}

// A starter is the way back to the process that waits for this mount. Without one, tell does nothing.
type starter struct{ pipe *os.File }

// newStarter finds the descriptor and hides it from the programs that this one starts.
func newStarter() *starter {
	fd, err := strconv.Atoi(os.Getenv(readyVariable))
	os.Unsetenv(readyVariable)
	if err != nil || fd < 3 {
		return &starter{}
	}
	syscall.CloseOnExec(fd)
	return &starter{pipe: os.NewFile(uintptr(fd), "ready")}
}

func (s *starter) waiting() bool { return s.pipe != nil }

// tell ends the waiting, once.
func (s *starter) tell(err error) {
	if s.pipe == nil {
		return
	}
	v := verdict{Ready: err == nil}
	if err != nil {
		f := toFailure(err)
		v.What, v.Hint, v.Code = f.what, f.hint, f.code
	}
	// Nobody reads it if who waited was killed; the mount serves on all the same.
	_ = json.NewEncoder(s.pipe).Encode(v)
	s.pipe.Close()
	s.pipe = nil
}

// startMount runs this program again with args and returns when its mount answers, or with its error. attr is how
// the process is set apart from this one.
func startMount(args []string, attr *syscall.SysProcAttr, environ []string) (*os.Process, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fail(codeFailure, "", "cannot find the own program: %v", err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fail(codeFailure, "", "cannot start the mount: %v", err)
	}
	defer read.Close()
	cmd := exec.Command(exe)
	cmd.Args = args
	cmd.Env = append(environ, readyVariable+"=3")
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = []*os.File{write}
	cmd.SysProcAttr = attr
	err = cmd.Start()
	write.Close()
	if err != nil {
		return nil, fail(codeFailure, "", "cannot start the mount: %v", err)
	}
	// Ctrl-C while waiting goes to the mount, which then says how it ended.
	interrupts := make(chan os.Signal, 2)
	signal.Notify(interrupts, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(interrupts)
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			select {
			case s := <-interrupts:
				_ = cmd.Process.Signal(s)
			case <-done:
				return
			}
		}
	}()
	var v verdict
	line, err := bufio.NewReader(read).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &v)
	}
	if err == nil && v.Ready {
		return cmd.Process, nil
	}
	return nil, deadMount(cmd, v, err)
}

// deadMount makes an error of a mount that did not come up.
func deadMount(cmd *exec.Cmd, v verdict, err error) error {
	waitErr := cmd.Wait()
	if err == nil {
		return &failure{what: v.What, hint: v.Hint, code: v.Code}
	}
	how := "it ended"
	var exit *exec.ExitError
	if errors.As(waitErr, &exit) {
		how = fmt.Sprintf("it ended with %s", exit.ProcessState)
	}
	return fail(codeFailure, "run it with -f --log-level debug to see more", "cannot mount: the process did not come up: %s", how)
}

// letGo cuts the ties to the terminal and the folder of the process that started this one: what waits for the end of
// its output must not wait for the mount.
func letGo() error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	for fd := range 3 {
		if err := dup2(int(null.Fd()), fd); err != nil {
			return err
		}
	}
	return os.Chdir("/")
}
