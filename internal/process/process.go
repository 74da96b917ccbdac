package process

import (
	"errors"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Process is a process in a group of its own, with our ends of its pipes. The pipes are closed by Close alone: a reader
// of them may run while Reap does.
type Process struct {
	Stdin  *os.File // our write end
	Stdout *os.File // our read end
	Stderr *os.File // our read end; nil with Command.CombineOutput
	FD3    *os.File // our read end; nil without Command.FD3

	starter *Starter
	pid     int
	pidfd   *os.File      // watch's; nil where the platform has none
	ended   chan struct{} // closed by watch

	mu     sync.Mutex // held while the pid is used: only as long as it is this process's
	reaped bool       // guarded by mu; changed by take alone

	reap sync.Once
	exit Exit // read it only after reap
}

// Pid returns the number of the process, and of its group. After Reap it may be another process's.
func (p *Process) Pid() int { return p.pid }

// Ended is closed when the process has ended. Until Reap it stays a zombie, and its pid and its group are its own.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Signal sends sig to the whole group. Once the process is reaped it does nothing and returns os.ErrProcessDone.
func (p *Process) Signal(sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return os.ErrProcessDone
	}
	err := unix.Kill(-p.pid, sig)
	if errors.Is(err, unix.ESRCH) {
		err = unix.Kill(p.pid, sig) // it has moved to another group
	}
	return err
}

// Kill sends SIGKILL to the whole group. Once the process is reaped it does nothing.
func (p *Process) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		p.killGroup()
	}
}

// killGroup kills the group, and the process also when it has moved to another one. p.mu is held, p is not reaped. The
// errors are that nobody is there, or nobody whom we may kill.
func (p *Process) killGroup() {
	_ = unix.Kill(-p.pid, unix.SIGKILL)
	_ = unix.Kill(p.pid, unix.SIGKILL)
}

// Reap waits until the process has ended, kills what is left of its group, takes its status, and gives its pid back. It
// does not close the pipes. Every process must be reaped; another call returns the same again.
func (p *Process) Reap() Exit {
	<-p.ended
	p.reap.Do(func() {
		p.starter.pids.Take(p.pid, p.take)
		p.starter.alive.Done()
	})
	return p.exit
}

// take is the only place where a process becomes reaped.
func (p *Process) take() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killGroup()
	p.exit = takeStatus(p.pid)
	p.reaped = true
}

// Close closes our ends of the pipes. It may be called at any time, more than once.
func (p *Process) Close() {
	for _, end := range []*os.File{p.Stdin, p.Stdout, p.Stderr, p.FD3} {
		_ = end.Close() // it is nil, or closed already: what matters is that it is closed
	}
}
