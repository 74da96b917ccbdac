package fwatchdog

import (
	"fmt"
	"os"
	"syscall"
)

// takePipes moves the two pipes of the protocol to private descriptors that no subprocess inherits. What anybody reads
// from descriptor 0 afterwards is empty, and what anybody writes to descriptor 1 goes to the log.
func takePipes() (in, out *os.File, err error) {
	if in, err = private(0); err != nil {
		return nil, nil, err
	}
	fd := 1
	if os.Getenv("FWATCHDOG_OUT_FD") == "3" {
		fd = 3
	}
	if out, err = private(fd); err != nil {
		return nil, nil, err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = null.Close() }() // descriptor 0 is the one that stays
	if err := syscall.Dup3(int(null.Fd()), 0, 0); err != nil {
		return nil, nil, fmt.Errorf("point descriptor 0 at %s: %w", os.DevNull, err)
	}
	if fd != 1 {
		syscall.CloseOnExec(fd)
		return in, out, nil
	}
	if err := syscall.Dup3(2, 1, 0); err != nil {
		return nil, nil, fmt.Errorf("point descriptor 1 at 2: %w", err)
	}
	return in, out, nil
}

// private duplicates a descriptor to one above the standard ones that is closed on exec.
func private(fd int) (*os.File, error) {
	copied, _, failed := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_DUPFD_CLOEXEC, 3)
	if failed != 0 {
		return nil, fmt.Errorf("duplicate descriptor %d: %w", fd, failed)
	}
	return os.NewFile(copied, fmt.Sprintf("descriptor %d", fd)), nil
}
