package worker

import (
	"io"

	"fwatchdog/internal/exchange"
	"fwatchdog/protocol"
)

// A stream whose RESP came without END is the body of its response: an exchange.Stream.
var _ exchange.Stream = (*stream)(nil)

// WriteTo writes the body, each piece as soon as it comes.
func (s *stream) WriteTo(w io.Writer) (int64, error) {
	var total int64
	for {
		piece, err := s.next()
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
		n, err := w.Write(piece)
		total += int64(n)
		if err != nil {
			return total, err
		}
		s.grant(len(piece))
	}
}

// next waits for the next piece of the body. It is valid until next is called again.
func (s *stream) next() ([]byte, error) {
	for {
		s.mu.Lock()
		piece, err, ended := s.body, s.err, s.ended
		if len(piece) > 0 && err == nil {
			s.body, s.spare = s.spare[:0], piece
		}
		s.mu.Unlock()
		switch {
		case err != nil:
			return nil, err
		case len(piece) > 0:
			return piece, nil
		case ended:
			return nil, io.EOF
		}
		s.await()
	}
}

// grant allows the worker to send as much again as the client took, in steps of half a window.
func (s *stream) grant(taken int) {
	s.mu.Lock()
	inline := min(taken, s.inline)
	s.inline -= inline
	s.consumed += taken - inline
	step := 0
	if s.consumed >= protocol.DefaultWindow/2 && !s.ended {
		step, s.consumed = s.consumed, 0
		s.credit += step
	}
	id := s.id
	s.mu.Unlock()
	if !s.f.talk.window {
		signal(s.f.room)
	} else if step > 0 {
		s.f.mu.Lock()
		s.f.pending = protocol.AppendWindow(s.f.pending, id, uint32(step))
		s.f.unlockAndFlush()
	}
}

// Close says that the rest of the body is not wanted; a function that still writes it is told so.
func (s *stream) Close() error {
	s.giveUp(protocol.CancelClientGone, exchange.ErrClientGone)
	s.leave()
	return nil
}

// signal wakes whoever waits on a channel of capacity 1, now or the next time.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
