package process

import (
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// ends are the process's ends of its pipes, in the order in which it will see them. They are blocking, as programs
// expect.
type ends []uintptr

// widened is the size of a pipe that large bodies go through, in bytes.
const widened = 256 << 10

// Widen lets a pipe hold more than the 64 KiB that it is made with. That gains nothing for small messages and a fifth of
// all processor time for a body of a megabyte: writer and reader wake each other less often. But all processes of a user
// share 64 MiB of pipes, on the whole machine, and whoever is over gets new ones of two pages: so it is for a pipe through
// which a large body goes, and done once. Where it is not allowed the pipe stays as it is.
func Widen(pipe *os.File) {
	raw, err := pipe.SyscallConn()
	if err != nil {
		return // it is closed
	}
	_ = raw.Control(func(fd uintptr) {
		_, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, widened) // only a faster way
	})
}

// openPipes opens the pipes that c asks for.
func (p *Process) openPipes(c *Command) (theirs ends, err error) {
	defer func() {
		if err != nil {
			theirs.close()
			p.Close()
		}
	}()
	if p.Stdin, err = theirs.pipeTo("stdin"); err != nil {
		return theirs, err
	}
	if p.Stdout, err = theirs.pipeFrom("stdout"); err != nil {
		return theirs, err
	}
	if !c.CombineOutput {
		if p.Stderr, err = theirs.pipeFrom("stderr"); err != nil {
			return theirs, err
		}
	}
	if c.FD3 {
		p.FD3, err = theirs.pipeFrom("fd 3")
	}
	return theirs, err
}

// pipeTo adds the end at which the process will read, and returns the one at which we write.
func (e *ends) pipeTo(name string) (*os.File, error) {
	r, w, err := pipe(name)
	if err != nil {
		return nil, err
	}
	*e = append(*e, uintptr(r))
	return ourEnd(w, name)
}

// pipeFrom adds the end at which the process will write, and returns the one at which we read.
func (e *ends) pipeFrom(name string) (*os.File, error) {
	r, w, err := pipe(name)
	if err != nil {
		return nil, err
	}
	*e = append(*e, uintptr(w))
	return ourEnd(r, name)
}

// files returns the descriptors 0, 1, 2 and so on of a process that is given e.
func (e ends) files(combineOutput bool) []uintptr {
	if combineOutput {
		return slices.Insert(slices.Clone(e), 2, e[1])
	}
	return e
}

// giveTo makes the pipes u's, who may then open them by name, as /dev/stderr or /proc/self/fd/3.
func (e ends) giveTo(u *User) {
	for _, fd := range e {
		_ = unix.Fchown(int(fd), int(u.Uid), int(u.Gid)) // without the capability CHOWN what it has inherited must do
	}
}

func (e ends) close() {
	for _, fd := range e {
		_ = unix.Close(int(fd)) // nothing was written through it
	}
}

// pipe opens a pipe that no process inherits, also one that somebody else starts at this moment.
func pipe(name string) (r, w int, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return 0, 0, fmt.Errorf("pipe for %s: %w", name, err)
	}
	return fds[0], fds[1], nil
}

// ourEnd hands fd to Go's poller, so that Close and deadlines wake whoever waits on it.
func ourEnd(fd int, name string) (*os.File, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd) // nothing was written through it
		return nil, fmt.Errorf("pipe for %s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}
