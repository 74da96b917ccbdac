package process

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// Exit is how a process ended.
type Exit struct {
	Code   int            // the exit code; -1 when a signal ended the process, or when nobody knows
	Signal syscall.Signal // the signal that ended the process; 0: none
	Core   bool           // the signal made it leave a core dump
}

// Status returns the exit code, or 128 + n for signal n, as a shell does. It is -1 when nobody knows.
func (e Exit) Status() int {
	if e.Signal != 0 {
		return 128 + int(e.Signal)
	}
	return e.Code
}

// String returns "exit code 3" or "signal 9 (killed)".
func (e Exit) String() string {
	switch {
	case e.Signal != 0:
		return fmt.Sprintf("signal %d (%v)", int(e.Signal), e.Signal)
	case e.Code < 0:
		return "unknown: somebody else took the status"
	}
	return fmt.Sprintf("exit code %d", e.Code)
}

// Failure is what Go's os/exec says of an exit that is none of success; "" of one that is.
func (e Exit) Failure() string {
	core := ""
	if e.Core {
		core = " (core dumped)"
	}
	switch {
	case e.Signal != 0:
		return "signal: " + e.Signal.String() + core
	case e.Code != 0:
		return fmt.Sprintf("exit status %d", e.Code)
	}
	return ""
}

// takeStatus takes the status of a child that has ended, or is about to.
func takeStatus(pid int) Exit {
	var status unix.WaitStatus
	err := uninterrupted(func() error {
		_, err := unix.Wait4(pid, &status, 0, nil)
		return err
	})
	switch {
	case err != nil:
		return Exit{Code: -1}
	case status.Signaled():
		return Exit{Code: -1, Signal: status.Signal(), Core: status.CoreDump()}
	}
	return Exit{Code: status.ExitStatus()}
}

// uninterrupted repeats a system call that a signal interrupts.
func uninterrupted(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
