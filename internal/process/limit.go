package process

import (
	"cmp"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// cldTrapped is the code by which waitid tells a traced child that has stopped from one that has ended.
const cldTrapped = 4

// limitDescriptors sets the soft and the hard descriptor limit of a child that was started with Ptrace, and lets it go.
// Such a child stops before the first instruction of its program, so it never sees another limit. (Refused: to set the
// limit of a child that runs, which may have read it by then; to lower our own while it starts, as it is that of all
// our connections.) The thread that started the child must call this. When it fails the child is gone.
func limitDescriptors(pid int, limit uint64, owner *syscall.Credential) error {
	if !awaitTrap(pid) {
		return nil // it was killed: that will be noticed like any other end
	}
	err := asUser(owner, func() error {
		return unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: limit, Max: limit}, nil)
	})
	if err != nil {
		_ = unix.Kill(pid, unix.SIGKILL) // it is our child and not reaped: this cannot fail
		takeStatus(pid)
		return fmt.Errorf("descriptor limit %d: a hard limit above ours needs the capability SYS_RESOURCE: %w", limit, err)
	}
	_ = unix.PtraceDetach(pid) // it fails when the child was killed
	return nil
}

// asUser runs f while the real user and group of this thread are the owner's, if there is one: that is by which the kernel
// tells whose limits one may set without the capability SYS_RESOURCE, which containers rarely have. The effective user,
// and with it what this thread may do, stays the same.
func asUser(owner *syscall.Credential, f func() error) error {
	if owner == nil {
		return f()
	}
	uid, gid := os.Getuid(), os.Getgid()
	err := beReally(int(owner.Uid), int(owner.Gid))
	if err == nil {
		err = f()
	}
	return cmp.Or(err, beReally(uid, gid))
}

// same leaves one of a thread's users or groups as it is.
const same = ^uintptr(0)

// beReally sets the real user and group of this thread alone: what package syscall offers sets those of all threads.
func beReally(uid, gid int) error {
	if _, _, errno := syscall.RawSyscall(unix.SYS_SETRESGID, uintptr(gid), same, same); errno != 0 {
		return errno
	}
	if _, _, errno := syscall.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), same, same); errno != 0 {
		return errno
	}
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
