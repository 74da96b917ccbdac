package process

import (
	"os"

	"golang.org/x/sys/unix"
)

// watch closes p.ended when the process has ended. It is the one goroutine of a process, and ends with it; Reap waits
// for it.
func (p *Process) watch() {
	defer close(p.ended)
	if p.pidfd != nil {
		defer func() { _ = p.pidfd.Close() }() // nothing can be lost
		if awaitByPidfd(p.pidfd, p.pid) == nil {
			return
		}
	}
	awaitOnThread(p.pid)
}

// openPidfd returns a file that becomes readable when pid ends, or nil where the platform has none (an old kernel, a
// sandbox).
func openPidfd(pid int) *os.File {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil
	}
	if err := unix.SetNonblock(fd, true); err != nil { // so that NewFile hands it to the poller
		_ = unix.Close(fd)
		return nil
	}
	return os.NewFile(uintptr(fd), "pidfd")
}

// awaitByPidfd waits for the end of pid in Go's poller: no thread stands still for it. It leaves the zombie.
func awaitByPidfd(pidfd *os.File, pid int) error {
	conn, err := pidfd.SyscallConn()
	if err != nil {
		return err
	}
	return conn.Read(func(uintptr) (done bool) {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		return err != nil || info.Signo != 0 // an error is that somebody has taken its status
	})
}

// awaitOnThread does the same with a thread that stands still.
func awaitOnThread(pid int) {
	_ = uninterrupted(func() error { // an error is that somebody has taken its status
		return unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
	})
}
