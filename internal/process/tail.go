package process

import (
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Grace is how long what a dead process has written is waited for when something else holds its pipe.
const Grace = 100 * time.Millisecond

// maxPipe is the most that a pipe holds, in bytes, unless the system's administrator allows more.
const maxPipe = 1 << 20

// EndReading makes whoever reads from the process, which has ended, come to an end: something that has left its group may
// hold a pipe for ever.
func (p *Process) EndReading() {
	deadline := time.Now().Add(Grace)
	for _, pipe := range []*os.File{p.Stdout, p.Stderr, p.FD3} {
		_ = pipe.SetReadDeadline(deadline) // it fails for a pipe that there is not, or that nobody reads any more
	}
}

// Tail reads a pipe of a process to its end. When the Grace of EndReading is over it takes what there is and waits for no
// more, and takes no more than a pipe can hold: a reader that is slow gets all that the process has written, and nothing for ever.
type Tail struct {
	Pipe *os.File

	late  bool // the deadline of EndReading has passed
	taken int  // bytes read since
}

// Read is part of io.Reader.
func (t *Tail) Read(p []byte) (int, error) {
	if !t.late {
		n, err := t.Pipe.Read(p)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		t.late = true
	}
	if t.taken >= maxPipe {
		return 0, io.EOF
	}
	n, err := readNow(t.Pipe, p)
	t.taken += n
	return n, err
}

// readNow reads what a pipe holds. Where that is nothing it returns io.EOF.
func readNow(pipe *os.File, p []byte) (n int, err error) {
	_ = pipe.SetReadDeadline(time.Time{}) // it fails when the pipe is closed, and so does what follows
	raw, err := pipe.SyscallConn()
	if err != nil {
		return 0, err
	}
	closed := raw.Read(func(fd uintptr) bool {
		n, err = unix.Read(int(fd), p)
		return true
	})
	switch {
	case closed != nil:
		return 0, closed
	case errors.Is(err, unix.EAGAIN), err == nil && n == 0:
		return 0, io.EOF
	}
	return max(n, 0), err
}
