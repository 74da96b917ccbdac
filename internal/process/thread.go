package process

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// prepareThread makes the thread one whose children are free of what we were started with ourselves.
func (s *Starter) prepareThread() error {
	// Both belong to the thread alone, and a child gets them from the thread that starts it.
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, new(unix.Sigset_t), nil); err != nil {
		return fmt.Errorf("clear the signal mask: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set no-new-privileges: %w", err)
	}
	return errors.Join(keepDescriptors(), s.catchInheritedIgnored())
}

// keepDescriptors keeps to ourselves the descriptors that we inherited beyond stderr. Those that Go opens are so anyway.
func keepDescriptors() error {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("list inherited descriptors: %w", err)
	}
	for _, entry := range open {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

// lastSignal is the highest signal number.
const lastSignal = 64

// catchInheritedIgnored makes us catch the signals that we have ignored from our birth on. Package signal does not know
// all of them, so the kernel is asked.
func (s *Starter) catchInheritedIgnored() error {
	status, err := os.ReadFile("/proc/thread-self/status")
	if err != nil {
		return fmt.Errorf("read ignored signals: %w", err)
	}
	_, rest, _ := strings.Cut(string(status), "\nSigIgn:\t")
	digits, _, _ := strings.Cut(rest, "\n")
	ignored, err := strconv.ParseUint(digits, 16, 64)
	if err != nil {
		return fmt.Errorf("read ignored signals: %w", err)
	}
	for number := 1; number <= lastSignal; number++ {
		if ignored&(1<<(number-1)) != 0 {
			signal.Notify(s.discard, syscall.Signal(number))
		}
	}
	return nil
}

// catchIgnored makes us catch, and throw away, what we ignore: a child inherits that a signal is ignored, but not that
// it is caught. To us it is the same. It is done before every start since signal.Ignore may be called at any time.
func (s *Starter) catchIgnored() {
	for number := syscall.Signal(1); number <= lastSignal; number++ {
		if signal.Ignored(number) {
			signal.Notify(s.discard, number)
		}
	}
}
