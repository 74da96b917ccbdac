package process

import (
	"errors"
	"io"
	"os"
	"time"
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

// Tail reads a pipe of a process to its end. After EndReading it waits no longer than Grace for more, and takes no more than
// a pipe can hold: a reader that is slow gets all that the process has written, and nothing for ever.
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
	_ = t.Pipe.SetReadDeadline(time.Now().Add(Grace)) // it fails when the pipe is closed, and so does Read
	n, err := t.Pipe.Read(p)
	t.taken += n
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = io.EOF
	}
	return n, err
}
