package worker

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// pipe is our end of the worker's stdin, written without waiting. Whoever has its turn as the writer owns it.
type pipe struct {
	conn  syscall.RawConn
	taken uint64 // bytes that the pipe took, ever

	once func(fd uintptr) bool // write, made once: a closure a call would be garbage a request
	buf  []byte
	n    int
	err  error
}

func newPipe(stdin *os.File) *pipe {
	conn, _ := stdin.SyscallConn() // it fails where there is no file
	p := &pipe{conn: conn}
	p.once = func(fd uintptr) bool {
		p.n, p.err = unix.Write(int(fd), p.buf)
		return true
	}
	return p
}

// write writes what the pipe takes at once, and returns the rest.
func (p *pipe) write(buf []byte) (rest []byte, err error) {
	p.buf = buf
	closed := p.conn.Write(p.once)
	p.buf = nil
	switch {
	case closed != nil:
		return buf, closed
	case errors.Is(p.err, unix.EAGAIN), errors.Is(p.err, unix.EINTR):
		return buf, nil
	case p.err != nil:
		return buf, p.err
	}
	p.taken += uint64(p.n)
	return buf[p.n:], nil
}

// unread is how many bytes lie in the pipe that the worker has not read. It may be asked while the pipe is open, also
// after the worker's death.
func (p *pipe) unread() (bytes uint64) {
	_ = p.conn.Control(func(fd uintptr) { // on a closed pipe nothing is unread
		if n, err := unix.IoctlGetInt(int(fd), unix.TIOCINQ); err == nil {
			bytes = uint64(n)
		}
	})
	return bytes
}

// worthWaiting is up to how many bytes the writer lets others add theirs before it writes.
const worthWaiting = 4 << 10

// unlockAndFlush releases f.mu, which is held, after something was appended to pending, and writes it out unless
// somebody else does already, or will. It never waits for the worker: what a full pipe does not take is left to a goroutine.
func (f *Framed) unlockAndFlush() {
	alone := len(f.streams) < 2 || len(f.pending) > worthWaiting
	if f.corked || !f.takeTurn() {
		f.mu.Unlock()
		return
	}
	f.mu.Unlock()
	if !alone {
		runtime.Gosched() // whoever can run now may have more to send: with 32 callers an exchange takes a third less time
	}
	f.flush()
}

// uncork writes out what was appended since the end of a stream. It is the reader's.
func (f *Framed) uncork() {
	if !f.corked { // nobody else sets it
		return
	}
	f.mu.Lock()
	f.corked = false
	mine := (len(f.pending) > 0 || f.leaving) && f.takeTurn()
	f.mu.Unlock()
	if mine {
		f.flush()
	}
}

// takeTurn makes the caller the writer, unless there is one, or nothing may be written any more. f.mu is held.
func (f *Framed) takeTurn() bool {
	if f.deaf {
		f.pending = f.pending[:0]
	}
	if f.deaf || f.writing {
		return false
	}
	f.writing = true
	f.writers.Add(1) // before deaf is set, after which reap waits
	return true
}

// flush is a writer's turn.
func (f *Framed) flush() {
	for buf := f.takePending(); buf != nil; buf = f.takePending() {
		rest, err := f.stdin.write(buf)
		if err != nil {
			f.stopTurn(err)
			return
		}
		if len(rest) > 0 {
			go f.writeSlowly(rest)
			return
		}
	}
}

// writeSlowly writes rest, and all that comes in the meantime, as fast as the worker reads. It ends when nothing is left
// or the worker has gone, for which reap waits.
func (f *Framed) writeSlowly(rest []byte) {
	for rest != nil {
		n, err := f.proc.Stdin.Write(rest)
		f.stdin.taken += uint64(n)
		if err != nil {
			f.stopTurn(err)
			return
		}
		rest = f.takePending()
	}
}

// keepPending is the largest of the two outgoing buffers that is kept, in bytes.
const keepPending = 1 << 20

// takePending returns what is to be written next; nil ends the caller's turn as the writer.
func (f *Framed) takePending() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.pending) > 0 && !f.deaf {
		buf := f.pending
		f.pending, f.spare = keep(f.spare, keepPending), buf
		f.queued += uint64(len(buf))
		f.resumeUploads()
		return buf
	}
	f.writing = false
	f.writers.Done()
	f.resumeUploads()
	if f.leaving && len(f.streams) == 0 && !f.deaf {
		f.deaf = true
		_ = f.proc.Stdin.Close() // nothing is lost: all was written
	}
	return nil
}

// stopTurn ends the turn of a writer that could not write: the worker has ended, or has closed its stdin.
func (f *Framed) stopTurn(err error) {
	f.deafen()
	f.takePending() // nil: the worker is deaf
	f.severed <- fmt.Errorf("%w: %w", errDeaf, err)
}
