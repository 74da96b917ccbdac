package worker

import (
	"fmt"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/process"
	"fwatchdog/protocol"
)

// onResponse takes the head of the response, and the part of the body that came with it.
func (s *stream) onResponse(payload []byte, whole bool) error {
	resp, err := protocol.ParseResponse(payload)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.streamed {
		return errTwice
	}
	s.streamed = !whole // a whole one has come when the stream has ended, which is next: until then there is nothing to take
	if s.gone {
		return nil
	}
	to := &s.x.Response
	to.Begin(resp.Status, len(payload)-len(resp.Body))
	for key, value := range resp.Headers.All() {
		to.Add(key, value)
	}
	if whole {
		to.Body = append(to.Body, resp.Body...)
	} else {
		s.body = appendBody(s.body, resp.Body)
		s.inline = len(resp.Body)
	}
	return nil
}

// onData takes a piece of the body. Nothing is kept of what nobody wants any more.
func (s *stream) onData(piece []byte) error {
	if len(piece) > keepBuffer && s.f.talk.window { // without a window it is the pipe that holds the worker back
		s.f.wideOut.Do(func() { process.Widen(s.f.out) })
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.streamed {
		return errDataFirst
	}
	if s.f.talk.window {
		if s.credit -= len(piece); s.credit < 0 {
			return errOverWindow
		}
	}
	if !s.gone {
		s.body = appendBody(s.body, piece)
	}
	return nil
}

// awaitRoom holds up the reader of a worker that knows no window, and so has this stream only, until less than a
// window is unwritten.
func (s *stream) awaitRoom() {
	if s.f.talk.window {
		return
	}
	for s.full() {
		select {
		case <-s.f.room:
		case <-s.f.proc.Ended():
			return
		}
	}
}

func (s *stream) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.gone && len(s.body)+s.lent >= protocol.DefaultWindow
}

// onWindow takes the leave to send more DATA.
func (s *stream) onWindow(payload []byte) error {
	n, err := protocol.ParseWindow(payload)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.allowance += int64(n)
	s.mu.Unlock()
	signal(s.more)
	return nil
}

// onError takes an ERROR in place of a response, or of the rest of one.
func (s *stream) onError(payload []byte) error {
	code, text, err := protocol.ParseError(payload)
	if err != nil {
		return err
	}
	refused := &exchange.RefusedError{Refusal: exchange.Raised, Text: string(text)} // unknown codes count as this one
	switch code {
	case protocol.CodeCancelled:
		refused.Refusal = exchange.Cancelled
	case protocol.CodeNotStarted:
		refused.Refusal = exchange.NotStarted
	case protocol.CodeBadRequest:
		refused.Refusal = exchange.BadRequest
	case protocol.CodeProtocol:
		refused.Refusal = exchange.Broken
		refused.Text = fmt.Sprintf("the host broke the protocol: %s", text)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = refused
	}
	return nil
}

// finish is the wire's end of the exchange: the worker's terminal frame has come, or, with an error, the worker has
// gone. The place is given back before the caller is woken, so that its next request finds it.
func (s *stream) finish(lost error) {
	f := s.f
	f.mu.Lock()
	delete(f.streams, s.id)
	f.corked = lost == nil
	f.mu.Unlock()
	s.end(lost)
	s.over()
	signal(s.wake)
	s.release()
}

// end notes that no more will come. What comes after the deadline comes too late, also when nobody has noticed yet.
func (s *stream) end(lost error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	late := s.grace != nil
	if lost == nil && !s.gone && s.overdue() {
		s.err, late = exchange.ErrDeadline, true
	}
	if s.err == nil {
		s.err = lost
	}
	if s.grace != nil {
		s.grace.Stop()
	}
	if late && lost == nil {
		s.f.counts.LateResponses.Add(1)
	}
}
