package process

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// cldTrapped is the code by which waitid tells a traced child that has stopped from one that has ended.
const cldTrapped = 4

// limitDescriptors sets the soft and the hard descriptor limit of a child that was started with Ptrace, and lets it go.
// Such a child stops before the first instruction of its program, so it never sees another limit. (Refused: to set the
// limit of a child that runs, which may have read it by then; to lower our own while it starts, as it is that of all
// our connections.) The thread that started the child must call this. When it fails the child is gone.
func limitDescriptors(pid int, limit uint64) error {
	if !awaitTrap(pid) {
		return nil // it was killed: that will be noticed like any other end
	}
	err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: limit, Max: limit}, nil)
	if err != nil {
		_ = unix.Kill(pid, unix.SIGKILL) // it is our child and not reaped: this cannot fail
		takeStatus(pid)
		return fmt.Errorf("descriptor limit %d: a hard limit above ours (or another user's process) needs the capability"+
			" SYS_RESOURCE: %w", limit, err)
	}
	_ = unix.PtraceDetach(pid) // it fails when the child was killed
	return nil
}

// awaitTrap waits until a traced child stops, and returns false if it ends instead.
func awaitTrap(pid int) bool {
	var info unix.Siginfo
	err := uninterrupted(func() error {
		return unix.Waitid(unix.P_PID, pid, &info, unix.WSTOPPED|unix.WEXITED|unix.WNOWAIT, nil)
	})
	return err == nil && info.Code == cldTrapped
}
