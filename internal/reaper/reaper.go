package reaper

import (
	"context"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// interval is how often the Reaper looks without being woken.
const interval = time.Second

// Reaper takes the status of orphans. A program has at most one.
type Reaper struct {
	pids   *Pids
	taken  <-chan struct{}
	reaped atomic.Uint64
}

// New returns a Reaper that spares the processes in pids.
func New(pids *Pids) *Reaper {
	return &Reaper{pids: pids, taken: pids.tell()}
}

// Needed reports whether orphans become our children: whether we are PID 1 or a child subreaper.
func Needed() bool {
	if os.Getpid() == 1 {
		return true
	}
	var subreaper int32
	_, _, errno := syscall.Syscall(unix.SYS_PRCTL, unix.PR_GET_CHILD_SUBREAPER, uintptr(unsafe.Pointer(&subreaper)), 0)
	return errno == 0 && subreaper != 0
}

// Reaped returns how many orphans have been reaped.
func (r *Reaper) Reaped() uint64 { return r.reaped.Load() }

// Run reaps orphans until ctx ends. It takes SIGCHLD, a signal that no other part of the program wants.
//
// The kernel shows one dead child, always the same, and that may be one that waits for its owner, who reads its last
// words first. Run sleeps until the owner has taken it: looking again every half millisecond would burn a processor.
// An owner who takes his time holds up nobody: the orphans behind are found in /proc, once a second.
func (r *Reaper) Run(ctx context.Context) error {
	died := make(chan os.Signal, 1) // one is enough: signals merge, and every look is at all
	signal.Notify(died, unix.SIGCHLD)
	defer signal.Stop(died)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		stuck := r.sweep()
		select {
		case <-died:
		case <-r.taken:
		case <-tick.C:
			if stuck {
				r.sweepBehind()
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// sweep reaps orphans until none is in front, and reports whether a dead child with an owner is.
func (r *Reaper) sweep() (stuck bool) {
	for {
		pid, reaped := r.reapFirst()
		if !reaped {
			return pid != 0
		}
	}
}

// sweepBehind reaps the orphans that stand behind a dead child with an owner.
func (r *Reaper) sweepBehind() {
	for _, pid := range zombies() {
		r.reapOnly(pid)
	}
}

// reapFirst looks at the first dead child and reaps it unless it has an owner. pid is 0 when no child is dead.
func (r *Reaper) reapFirst() (pid int, reaped bool) {
	r.pids.look.Lock()
	defer r.pids.look.Unlock()
	pid = firstDead()
	return pid, pid != 0 && r.reap(pid)
}

// reapOnly reaps pid if it is dead and has no owner.
func (r *Reaper) reapOnly(pid int) {
	r.pids.look.Lock()
	defer r.pids.look.Unlock()
	r.reap(pid)
}

// reap takes the status of pid unless it has an owner, lives, or is no child of ours. r.pids.look is held for writing.
func (r *Reaper) reap(pid int) bool {
	if r.pids.Own(pid) {
		return false
	}
	got, err := unix.Wait4(pid, nil, unix.WNOHANG, nil)
	if err != nil || got != pid {
		return false
	}
	r.reaped.Add(1)
	return true
}

// pidOffset is where waitid writes the pid into siginfo_t, of which the unix package names the first three fields only.
// A union with pointers in it follows them, and begins with the pid.
const pidOffset = (3*4 + unsafe.Sizeof(uintptr(0)) - 1) &^ (unsafe.Sizeof(uintptr(0)) - 1)

// firstDead returns the pid of a child that is dead and leaves it a zombie. It returns 0 when there is none.
func firstDead() int {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	if err != nil {
		return 0 // ECHILD: no children at all
	}
	return int(*(*int32)(unsafe.Add(unsafe.Pointer(&info), pidOffset)))
}
