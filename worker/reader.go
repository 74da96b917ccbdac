package worker

import (
	"errors"
	"fmt"
	"io"
	"time"

	"go.uber.org/zap"

	"fwatchdog/internal/life"
	"fwatchdog/internal/process"
	"fwatchdog/protocol"
)

// What a worker may not do, beside what package protocol finds in a frame alone.
var (
	errNotOpen    = errors.New("the stream is not open")
	errTwice      = errors.New("a second RESP on the stream")
	errDataFirst  = errors.New("DATA before RESP")
	errOverWindow = errors.New("more DATA than the window allows")
	errPong       = errors.New("a PONG to a PING that was not sent")
)

// What a worker did that lives on without a pipe.
var (
	errClosed = errors.New("it closed the pipe that its frames come from")
	errDeaf   = errors.New("it closed its stdin")
)

// read decodes all that the worker writes, for as long as it writes. It ends with the pipe or with a violation, which
// costs the worker its life.
func (f *Framed) read() {
	r := protocol.NewReader(&source{f: f, tail: process.Tail{Pipe: f.out}}, protocol.Worker, f.talk.limit(f.cfg.Command.FD3))
	r.Stray = f.stray
	err := f.readFrames(r)
	f.cutter.Flush()
	switch {
	case errors.As(err, new(*protocol.Violation)):
		f.violated(err)
	case errors.Is(err, io.EOF):
		f.outputEnded(errClosed)
	case errors.Is(err, io.ErrUnexpectedEOF):
		f.outputEnded(fmt.Errorf("%w, inside a frame", errClosed))
	default:
		f.log.Debug("worker's frames could not be read", zap.Error(err))
	}
}

// outputEnded gives no more streams to a worker that can answer none.
func (f *Framed) outputEnded(err error) {
	f.mu.Lock()
	f.mute = true
	f.mu.Unlock()
	f.severed <- err
}

// source is what the worker writes. Before it is read, and may have to be waited for, all leaves that the ends of streams made
// the reader send, the REQs of those who waited for the places: in one write for all frames that have come together.
type source struct {
	f    *Framed
	tail process.Tail
}

func (s *source) Read(b []byte) (int, error) {
	s.f.uncork()
	return s.tail.Read(b)
}

// readFrames acts on frames until one is wrong or there are no more.
func (f *Framed) readFrames(r *protocol.Reader) error {
	for {
		h, payload, err := r.Next()
		if err != nil {
			return err
		}
		if err := f.handle(r, h, payload); err != nil {
			return r.Violation(err)
		}
	}
}

// handle acts on one frame. What it returns is a violation of the protocol.
func (f *Framed) handle(r *protocol.Reader, h protocol.Header, payload []byte) error {
	switch {
	case h.Type == protocol.TypeHello:
		err := f.talk.onHello(payload)
		r.Limit(f.talk.limit(f.cfg.Command.FD3))
		return err
	case !f.talk.greeted:
		return errNoHello
	case h.Type == protocol.TypeLog:
		f.uncork() // as before a read: whoever takes the log may keep us waiting
		return f.onLog(h.Stream, payload)
	case h.Stream == 0:
		return f.onControl(h.Type, payload)
	}
	return f.onStream(h, payload)
}

// onControl acts on a frame of stream 0.
func (f *Framed) onControl(t protocol.Type, payload []byte) error {
	switch t {
	case protocol.TypeReady:
		return f.talk.onReady(payload)
	case protocol.TypePong:
		return f.onPong(payload)
	case protocol.TypeGoAway:
		f.wishes.ask(life.GoAway)
		return nil
	}
	return f.onControlError(payload)
}

func (f *Framed) onPong(payload []byte) error {
	nonce, err := protocol.ParseNonce(payload)
	if err != nil {
		return err
	}
	last := f.pings.Load()
	if nonce == 0 || nonce > last {
		return errPong
	}
	if nonce == last {
		f.pingTook.Store(int64(time.Since(f.started)) - f.pinged.Load())
	}
	f.pongs.Store(max(nonce, f.pongs.Load())) // nobody else stores it
	return nil
}

// onControlError acts on an ERROR that belongs to no request: the function could not be loaded.
func (f *Framed) onControlError(payload []byte) error {
	code, text, err := protocol.ParseError(payload)
	if err != nil {
		return err
	}
	if code == protocol.CodeInit && f.talk.fail(&initError{text: string(text)}) {
		return nil
	}
	if !f.flood.pass(f.log, len(text)) {
		return nil
	}
	f.uncork() // as in handle: the log is next
	f.log.Error("worker reported an error", zap.Int("code", int(code)), zap.String("text", string(text)))
	return nil
}

// find returns the stream that a frame names, if the worker can know that it is open, and whether it ever was.
func (f *Framed) find(id uint32) (s *stream, known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s = f.streams[id]
	if s != nil && s.start >= f.queued { // its REQ is not on its way yet: somebody guesses
		return nil, false
	}
	return s, id <= f.stream
}

// onStream acts on a frame of a request's stream.
func (f *Framed) onStream(h protocol.Header, payload []byte) error {
	s, known := f.find(h.Stream)
	if s == nil {
		if h.Type == protocol.TypeWindow && known {
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
		s.awaitRoom()
	}
	return nil
}
