package worker

import (
	"fmt"
	"io"
	"sync"

	"fwatchdog/internal/exchange"
	"fwatchdog/protocol"
)

// pieceSize is how much of a client's body is read at once, in bytes.
const pieceSize = 32 << 10

var pieces = sync.Pool{New: func() any { return new([pieceSize]byte) }}

// upload sends the request's body under the window the worker grants. It ends with the body, with the exchange, or when
// the exchange's owner closes the body; leave waits for it.
func (s *stream) upload(uploaded chan<- struct{}) {
	defer close(uploaded)
	buf := pieces.Get().(*[pieceSize]byte)
	defer pieces.Put(buf)
	for {
		room := s.allow(pieceSize)
		if room == 0 {
			return
		}
		n, err := s.x.Request.Stream.Read(buf[:room])
		if !s.sendData(buf[:n], room, err == io.EOF) || err == io.EOF {
			return
		}
		if err != nil {
			s.giveUp(protocol.CancelClientGone, fmt.Errorf("%w: %w", exchange.ErrBody, err))
			signal(s.wake)
			return
		}
	}
}

// allow waits until DATA may be sent and returns for how many bytes, at most most; 0 when the exchange is over.
func (s *stream) allow(most int) int {
	for {
		s.mu.Lock()
		over, n := s.ended || s.gone, min(s.allowance, most)
		if !over {
			s.allowance -= n
		}
		s.mu.Unlock()
		if over {
			return 0
		}
		if n > 0 {
			return n
		}
		<-s.more // a WINDOW, or the end
	}
}

// sendData sends a piece of the body for which room bytes were allowed, and reports whether the exchange goes on.
func (s *stream) sendData(piece []byte, room int, last bool) bool {
	s.mu.Lock()
	over := s.ended || s.gone
	s.allowance += room - len(piece)
	id := s.id
	s.mu.Unlock()
	if over {
		return false
	}
	if len(piece) == 0 && !last {
		return true
	}
	s.f.mu.Lock()
	s.f.pending = protocol.AppendData(s.f.pending, id, piece, last)
	s.f.unlockAndFlush()
	if !s.f.talk.window && !last { // no WINDOW will come: the pipe itself is the window
		select {
		case <-s.f.drained:
		case <-s.more: // the end of the exchange
		}
		s.mu.Lock()
		s.allowance += len(piece)
		s.mu.Unlock()
	}
	return true
}
