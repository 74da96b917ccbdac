package worker

import (
	"fmt"
	"io"
	"sync"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/process"
	"fwatchdog/protocol"
)

// pieceSize is how much of a client's body is read at once, in bytes.
const pieceSize = protocol.MaxPayload

var pieces = sync.Pool{New: func() any { return new([pieceSize]byte) }}

// upload sends the request's body as the worker grants it. It ends with the body, with the exchange, or when the
// exchange's owner closes the body; leave waits for it.
func (s *stream) upload() {
	defer close(s.uploaded)
	if s.f.talk.window {
		s.f.wideIn.Do(func() { process.Widen(s.f.proc.Stdin) })
	}
	buf := pieces.Get().(*[pieceSize]byte)
	defer pieces.Put(buf)
	for {
		room := s.awaitAllowance()
		if room == 0 {
			return
		}
		n, err := s.x.Request.Stream.Read(buf[:min(room, pieceSize)])
		last := err == io.EOF
		if n > 0 || last {
			s.sendData(buf[:n], last)
		}
		if last {
			return
		}
		if err != nil {
			s.mu.Lock()
			s.giveUp(protocol.CancelClientGone, fmt.Errorf("%w: %w", exchange.ErrBody, err))
			return
		}
	}
}

// awaitAllowance waits until DATA may be sent and returns for how many bytes; 0 when the exchange is over. A worker that
// knows no window grants nothing: it gets a piece when it has taken the one before.
func (s *stream) awaitAllowance() int {
	for {
		if room, over := s.allowed(); room > 0 || over {
			return room
		}
		<-s.more // a WINDOW, room, or the end
	}
}

// allowed is how many bytes of DATA may be sent now, and whether the exchange is over, so that none may.
func (s *stream) allowed() (room int, over bool) {
	open := s.f.takesData(s)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended || s.gone:
		return 0, true
	case !open:
		return 0, false
	case s.f.talk.window:
		return int(min(s.allowance, pieceSize)), false
	}
	return pieceSize, false
}

// backlog is how many bytes may wait to be written before uploads wait, too: what they have read, small requests would
// have to wait behind.
const backlog = 128 << 10

// takesData reports whether DATA may be appended to what is pending; if not, s is told of the moment when it may. A worker
// that knows no window gets a piece when the pipe has taken the one before.
func (f *Framed) takesData(s *stream) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	open := len(f.pending) < backlog
	if !f.talk.window {
		open = !f.writing
	}
	if !open {
		f.stalled = append(f.stalled, s)
	}
	return open
}

// resumeUploads tells those that wait that less is pending, or nothing. f.mu is held.
func (f *Framed) resumeUploads() {
	for _, s := range f.stalled {
		signal(s.more)
	}
	clear(f.stalled)
	f.stalled = f.stalled[:0]
}

// sendData sends a piece of the body, unless the exchange is over: frames that cross on the pipes are the worker's to
// ignore, but there is no need for them.
func (s *stream) sendData(piece []byte, last bool) {
	s.mu.Lock()
	over := s.ended || s.gone
	s.allowance -= int64(len(piece))
	s.mu.Unlock()
	if over {
		return
	}
	s.f.mu.Lock()
	s.f.pending = protocol.AppendData(s.f.pending, s.id, piece, last)
	s.f.unlockAndFlush()
}
