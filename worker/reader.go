package worker

import (
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/life"
	"fwatchdog/protocol"
)

// read decodes all that the worker writes, for as long as it writes. It ends with the pipe or with a violation, which
// costs the worker its life.
func (f *Framed) read() {
	defer f.readers.Done()
	r := protocol.NewReader(f.out, protocol.Worker, f.talk.limit(f.cfg.Command.FD3))
	r.Stray = f.stray
	for {
		h, payload, err := r.Next()
		if err == nil {
			err = f.handle(r, h, payload)
			if err == nil {
				continue
			}
			err = r.Violation(err)
		}
		f.cutter.Flush()
		f.readFailed(err)
		return
	}
}

// readFailed sends a worker away that can no longer be heard.
func (f *Framed) readFailed(err error) {
	if v := new(protocol.Violation); errors.As(err, &v) {
		f.counts.ProtocolErrors.Add(1)
		f.said.violation(v)
		f.talk.fail(v)
		f.condemn(life.Protocol)
		return
	}
	select { // the end of the pipe is usually the end of the process
	case <-f.proc.Ended():
	case <-time.After(reapPatience):
		f.mu.Lock()
		leaving := f.leaving
		f.mu.Unlock()
		if leaving {
			return // it may take the time that stop_timeout gives
		}
		f.talk.fail(errClosed)
		f.condemn(life.Protocol)
	}
}

// errClosed is what a worker did that lives on without an output.
var errClosed = errors.New("the worker closed the pipe that its frames come from")

// handle acts on one frame. What it returns is a violation of the protocol.
func (f *Framed) handle(r *protocol.Reader, h protocol.Header, payload []byte) error {
	if h.Type == protocol.TypeHello {
		err := f.talk.hello(payload)
		r.Limit(f.talk.limit(f.cfg.Command.FD3))
		return err
	}
	if !f.talk.greeted {
		return errNoHello
	}
	switch h.Type {
	case protocol.TypeReady:
		return f.talk.becomeReady(payload)
	case protocol.TypePong:
		nonce, err := protocol.ParseNonce(payload)
		if nonce == f.pings.Load() {
			f.pingTook.Store(int64(time.Since(f.started)) - f.pinged.Load())
		}
		f.pongs.Store(nonce)
		return err
	case protocol.TypeGoAway:
		f.ask(life.GoAway)
		return nil
	case protocol.TypeLog:
		return f.logFrame(h.Stream, payload)
	case protocol.TypeError:
		if h.Stream == 0 {
			return f.controlError(payload)
		}
	}
	return f.handleStream(h, payload)
}

// controlError acts on an ERROR that belongs to no request: the function could not be loaded.
func (f *Framed) controlError(payload []byte) error {
	code, text, err := protocol.ParseError(payload)
	if err != nil {
		return err
	}
	if code == protocol.CodeInit && f.talk.fail(&initError{text: string(text)}) {
		return nil
	}
	f.log.Error("worker reported an error", zap.Int("code", int(code)), zap.ByteString("text", text))
	return nil
}

// handleStream acts on a frame of a request's stream.
func (f *Framed) handleStream(h protocol.Header, payload []byte) error {
	f.mu.Lock()
	s, last := f.streams[h.Stream], f.stream
	f.mu.Unlock()
	if s == nil {
		if h.Type == protocol.TypeWindow && h.Stream <= last {
			return nil // it crossed the end of the stream
		}
		return errNotOpen
	}
	end := h.End
	var err error
	switch h.Type {
	case protocol.TypeResponse:
		err = s.onResponse(payload, end)
	case protocol.TypeData:
		err = s.onData(payload)
	case protocol.TypeWindow:
		return s.onWindow(payload)
	case protocol.TypeError:
		end = true
		err = s.onError(payload)
	}
	switch {
	case err != nil:
		return err
	case end:
		s.finish(nil)
	default:
		signal(s.wake)
	}
	return nil
}

// onResponse takes the head of the response, and the part of the body that came with it.
func (s *stream) onResponse(payload []byte, whole bool) error {
	resp, err := protocol.ParseResponse(payload)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.responded {
		return errTwice
	}
	s.responded = true
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
		s.body = append(s.body, resp.Body...)
		s.inline = len(resp.Body)
	}
	return nil
}

// onData takes a piece of the body. Nothing is kept of what nobody wants any more.
func (s *stream) onData(piece []byte) error {
	s.mu.Lock()
	if !s.responded {
		s.mu.Unlock()
		return errDataFirst
	}
	windowed := s.f.talk.window
	if windowed {
		s.credit -= len(piece)
	}
	over := s.credit < 0
	if !s.gone && !over {
		s.body = append(s.body, piece...)
	}
	full := !windowed && len(s.body) >= protocol.DefaultWindow
	s.mu.Unlock()
	if over {
		return errOverWindow
	}
	if full {
		s.waitForRoom()
	}
	return nil
}

// waitForRoom holds up the reader of a worker that knows no window, and so has this stream only, until the client has
// taken what came.
func (s *stream) waitForRoom() {
	signal(s.wake)
	for {
		s.mu.Lock()
		full := !s.gone && len(s.body) >= protocol.DefaultWindow
		s.mu.Unlock()
		if !full {
			return
		}
		select {
		case <-s.f.room:
		case <-s.f.proc.Ended():
			return
		}
	}
}

func (s *stream) onWindow(payload []byte) error {
	n, err := protocol.ParseWindow(payload)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if int64(s.allowance)+int64(n) > 1<<31-1 {
		return errWindowWraps
	}
	s.allowance += int(n)
	signal(s.more)
	return nil
}

func (s *stream) onError(payload []byte) error {
	code, text, err := protocol.ParseError(payload)
	if err != nil {
		return err
	}
	refusal := map[protocol.ErrorCode]exchange.Refusal{
		protocol.CodeCancelled:  exchange.Cancelled,
		protocol.CodeRaised:     exchange.Raised,
		protocol.CodeNotStarted: exchange.NotStarted,
		protocol.CodeBadRequest: exchange.BadRequest,
	}[code]
	if refusal == 0 {
		refusal = exchange.Broken
		text = fmt.Appendf(nil, "error code %d: %s", code, text)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = &exchange.RefusedError{Refusal: refusal, Text: string(text)}
	}
	return nil
}

// finish is the wire's end of the exchange: the worker's terminal frame has come, or, with an error, the worker has
// gone. The place is given back before the caller is woken, so that its next request finds it.
func (s *stream) finish(lost error) {
	s.f.mu.Lock()
	delete(s.f.streams, s.id)
	idle := s.f.leaving && len(s.f.streams) == 0
	s.f.mu.Unlock()
	s.mu.Lock()
	s.ended = true
	if s.err == nil {
		s.err = lost
	}
	if s.grace != nil {
		s.grace.Stop()
		if lost == nil {
			s.f.counts.LateResponses.Add(1)
		}
	}
	s.mu.Unlock()
	s.over()
	signal(s.more)
	signal(s.wake)
	f := s.f
	s.mu.Lock()
	s.release()
	if idle {
		f.mu.Lock()
		f.unlockAndFlush() // closes stdin once all is written
	}
}

// poisoned is called when a cancelled stream has not ended within its grace. A worker that serves others too is
// replaced; one that serves nobody else is killed.
func (f *Framed) poisoned(s *stream, id uint32) {
	f.mu.Lock()
	stuck := f.streams[id] == s
	others := false
	for _, other := range f.streams {
		others = others || other.wanted()
	}
	f.mu.Unlock()
	if !stuck {
		return
	}
	f.ask(life.Timeout)
	if !others {
		f.condemn(life.Timeout)
	}
}

// wanted reports whether somebody still waits for the response.
func (s *stream) wanted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.gone
}

// failAll tells every exchange that the worker has gone. unread is how many bytes it had not read.
func (f *Framed) failAll(unread uint64) {
	f.mu.Lock()
	seen := f.stdin.taken.Load() - unread
	cause := causeOf(f.why)
	var lost []*stream
	for _, s := range f.streams {
		lost = append(lost, s)
	}
	f.mu.Unlock()
	for _, s := range lost {
		s.finish(&exchange.LostError{Cause: cause, Unseen: s.start >= seen})
	}
}
