package worker

import (
	"io"
	"sync"

	"fwatchdog/internal/exchange"
	"fwatchdog/protocol"
)

// window is a buffer for all of a body that can have come and not been taken: a window of it, and the piece that came with
// RESP.
type window [protocol.DefaultWindow + protocol.MaxPayload]byte

// windows are those that no stream needs at the moment. Buffers grown anew for each large body were a quarter of its time,
// most of it the collector's.
var windows = sync.Pool{New: func() any { return new(window) }}

// appendBody appends a piece to what has come of a body.
func appendBody(buf, piece []byte) []byte {
	if n := len(buf) + len(piece); n > cap(buf) && n > keepBuffer {
		buf = append(windows.Get().(*window)[:0], buf...)
	}
	return append(buf, piece...)
}

// emptyBody returns the buffer for the next body, without memory where that was larger than most need.
func emptyBody(buf []byte) []byte {
	if cap(buf) == len(window{}) {
		windows.Put((*window)(buf[:cap(buf)]))
	}
	return keep(buf, keepBuffer)
}

// body is a response that comes piece by piece. It is beside stream so that it can be closed twice: by then the stream
// may serve another exchange.
type body struct{ s *stream }

var _ exchange.Stream = (*body)(nil)

// WriteTo writes the body, each piece as soon as it comes.
func (b *body) WriteTo(w io.Writer) (int64, error) {
	var total int64
	if b.s == nil {
		return 0, io.ErrClosedPipe
	}
	for {
		piece, err := b.s.next()
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
		b.s.grant(len(piece))
	}
}

// Close says that the rest of the body is not wanted; a function that still writes it is told so.
func (b *body) Close() error {
	if s := b.s; s != nil {
		b.s = nil
		s.mu.Lock()
		s.giveUp(protocol.CancelClientGone, exchange.ErrClientGone)
		s.leave()
	}
	return nil
}

// next waits for the next piece of the body. It is valid until next is called again. The end of ctx is noticed between
// two pieces, also when there is always another.
func (s *stream) next() ([]byte, error) {
	select {
	case <-s.ctx.Done():
		s.abandon()
	default:
	}
	for {
		piece, err := s.take()
		if piece != nil || err != nil {
			return piece, err
		}
		s.await()
	}
}

// take returns what has come of the body, or why no more will; nil when there is nothing yet.
func (s *stream) take() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.err != nil:
		return nil, s.err
	case len(s.body) > 0:
		piece := s.body
		s.body, s.spare = s.spare[:0], piece
		s.lent = len(piece)
		return piece, nil
	case s.ended:
		return nil, io.EOF
	}
	return nil, nil
}

// grant allows the worker to send as much again as the client took.
func (s *stream) grant(taken int) {
	step := s.consume(taken)
	signal(s.f.room)
	if step == 0 {
		return
	}
	s.f.mu.Lock()
	s.f.pending = protocol.AppendWindow(s.f.pending, s.id, uint32(step))
	s.f.unlockAndFlush()
}

// consume counts what the client took, and returns how much is to be granted now: in steps of half a window, and nothing
// to a worker that knows none.
func (s *stream) consume(taken int) (step int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lent = 0
	inline := min(taken, s.inline)
	s.inline -= inline
	s.consumed += taken - inline
	if s.consumed < protocol.DefaultWindow/2 || s.ended || s.gone || !s.f.talk.window {
		return 0
	}
	step, s.consumed = s.consumed, 0
	s.credit += step
	return step
}
