package worker

import (
	"sync/atomic"
	"syscall"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"fwatchdog/internal/life"
)

// pipe is our end of the worker's stdin, written without waiting. Whoever holds Framed.writing owns it.
type pipe struct {
	conn  syscall.RawConn
	taken atomic.Uint64 // bytes that the pipe took, ever

	once func(fd uintptr) bool // write, made once: a closure a call would be garbage a request
	buf  []byte
	n    int
	err  error
}

func newPipe(conn syscall.RawConn) *pipe {
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
	if closed != nil {
		return buf, closed
	}
	if p.err == unix.EAGAIN || p.err == unix.EINTR {
		return buf, nil
	}
	if p.err != nil {
		return buf, p.err
	}
	p.taken.Add(uint64(p.n))
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

// unlockAndFlush releases f.mu, which is held, after something was appended to pending, and writes it out unless
// somebody else does already. It never waits for the worker: what a full pipe does not take is left to a goroutine.
func (f *Framed) unlockAndFlush() {
	busy := f.writing
	f.writing = true
	f.mu.Unlock()
	if busy {
		return
	}
	for buf := f.takePending(); buf != nil; buf = f.takePending() {
		rest, err := f.stdin.write(buf)
		if err != nil {
			f.stdinBroke(err)
			return
		}
		if len(rest) > 0 {
			f.writers.Add(1)
			go f.writeSlowly(rest)
			return
		}
	}
}

// takePending returns what is to be written next; nil ends the caller's turn as the writer.
func (f *Framed) takePending() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.pending) > 0 {
		buf := f.pending
		f.pending, f.spare = f.spare[:0], buf
		f.queued += uint64(len(buf))
		return buf
	}
	f.writing = false
	select {
	case f.drained <- struct{}{}:
	default:
	}
	if f.leaving && len(f.streams) == 0 {
		_ = f.proc.Stdin.Close() // a second close is no harm
	}
	return nil
}

// writeSlowly writes rest, and all that comes in the meantime, as fast as the worker reads. It ends when nothing is left
// or the pipe is closed: by reap at the latest, which waits for it.
func (f *Framed) writeSlowly(rest []byte) {
	defer f.writers.Done()
	for rest != nil {
		n, err := f.proc.Stdin.Write(rest)
		f.stdin.taken.Add(uint64(n))
		if err != nil {
			f.stdinBroke(err)
			return
		}
		rest = f.takePending()
	}
}

// stdinBroke is called by the writer, whose turn never ends, when the worker can no longer be reached: it has ended, or
// has closed its stdin.
func (f *Framed) stdinBroke(err error) {
	f.mu.Lock()
	f.dead = true
	f.mu.Unlock()
	f.log.Debug("worker's stdin could not be written", zap.Error(err))
	f.ask(life.Crash)
}
