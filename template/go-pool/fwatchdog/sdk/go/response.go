package fwatchdog

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"fwatchdog/protocol"
)

// ResponseWriter takes the response. A body that fits one frame leaves when the handler returns, in one piece and with its
// length known; Flush, and a larger body, make it a stream. Several goroutines may use it.
type ResponseWriter struct {
	stream *stream

	// mu guards what follows. It is held while a frame waits for the host to take it: what is written meanwhile must
	// not overtake that.
	mu      sync.Mutex
	status  int // 0 until it is set
	headers []header
	few     [2]header     // what headers holds at first
	body    *bytes.Buffer // what was written and has not left; nil when nothing was
	begun   bool          // the head has left
	over    bool          // the handler has returned
	lost    error         // why something that was written did not leave
}

type header struct{ name, value string }

// buffers are those of bodies. They go round: no handler ever sees one.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// SetHeader sets a header in place of all that have its name.
func (w *ResponseWriter) SetHeader(name, value string) { w.setHeader(name, value, true) }

// AddHeader adds a header beside those that have its name.
func (w *ResponseWriter) AddHeader(name, value string) { w.setHeader(name, value, false) }

func (w *ResponseWriter) setHeader(name, value string, alone bool) {
	if !w.storeHeader(name, value, alone) {
		w.stream.log(Warn, "header "+name+" was set after the head had left")
	}
}

func (w *ResponseWriter) storeHeader(name, value string, alone bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.begun || w.over {
		return false
	}
	if alone {
		w.headers = slices.DeleteFunc(w.headers, func(h header) bool { return strings.EqualFold(h.name, name) })
	}
	w.headers = append(w.headers, header{name, value})
	return true
}

// WriteHeader sets the status: 200 to 999, 200 unless it is set. It counts once.
func (w *ResponseWriter) WriteHeader(status int) {
	if status < 200 || status > 999 {
		panic(fmt.Sprintf("fwatchdog: status %d is not in 200 to 999", status))
	}
	if !w.storeStatus(status) {
		w.stream.log(Warn, fmt.Sprintf("status %d was set after there was one", status))
	}
}

func (w *ResponseWriter) storeStatus(status int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.status != 0 || w.over {
		return false
	}
	w.status = status
	return true
}

// Write adds to the body. It waits while the client takes no more, and fails once the host does not.
func (w *ResponseWriter) Write(b []byte) (int, error) {
	err := w.write(b)
	if err == errOver {
		w.stream.log(Warn, "a response was written to after its handler had returned")
	}
	if err != nil {
		return 0, err
	}
	return len(b), nil
}

func (w *ResponseWriter) write(b []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return errOver
	}
	if n := len(w.unsent()); n > 0 && n+len(b) > w.stream.w.limit {
		if err := w.sendUnsent(false); err != nil {
			return err
		}
	}
	if len(b) > w.stream.w.limit {
		return w.send(b, false)
	}
	if w.body == nil {
		w.body = buffers.Get().(*bytes.Buffer)
	}
	w.body.Write(b)
	return nil
}

// Flush sends what was written so far, and the head before it.
func (w *ResponseWriter) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return errOver
	}
	return w.sendUnsent(false)
}

// finish ends the stream with what is left, or with an error.
func (w *ResponseWriter) finish(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	if err == nil {
		err = w.sendUnsent(true)
	}
	if err != nil {
		w.fail(err)
	}
	if w.body != nil {
		w.body.Reset()
		buffers.Put(w.body)
		w.body = nil
	}
}

func (w *ResponseWriter) fail(err error) {
	s := w.stream
	code := protocol.CodeRaised
	if errors.Is(err, ErrAbort) || s.cancelled() {
		code = protocol.CodeCancelled
	}
	_ = s.w.out.send(func(dst []byte) ([]byte, error) { // who is to be told of a broken pipe is at its other end
		s.end(true)
		return protocol.AppendError(dst, s.id, code, err.Error(), s.w.limit), nil
	})
}

func (w *ResponseWriter) unsent() []byte {
	if w.body == nil {
		return nil
	}
	return w.body.Bytes()
}

// sendUnsent sends what was written, if only the head. w.mu is held, as below.
func (w *ResponseWriter) sendUnsent(last bool) error {
	err := w.send(w.unsent(), last)
	if w.body != nil {
		w.body.Reset()
	}
	return err
}

// send sends the head, unless it has left, and the body. last says that nothing will follow.
func (w *ResponseWriter) send(body []byte, last bool) error {
	if w.lost == nil && !w.begun {
		w.begun = true
		body, w.lost = w.sendHead(body, last)
	}
	for w.lost == nil && len(body) > 0 {
		body, w.lost = w.sendData(body, last)
	}
	if w.lost == nil && last && !w.stream.ended {
		_, w.lost = w.sendData(nil, true)
	}
	return w.lost
}

// sendHead sends RESP with as much of the body as fits, and returns the rest.
func (w *ResponseWriter) sendHead(body []byte, last bool) (rest []byte, err error) {
	s := w.stream
	err = s.w.out.send(func(dst []byte) ([]byte, error) {
		b := protocol.BeginResponse(dst, s.id, cmp.Or(w.status, 200), s.w.limit)
		for _, h := range w.headers {
			b.Pair([]byte(h.name), []byte(h.value))
		}
		n := max(0, min(b.Room(), len(body)))
		rest = body[n:]
		end := last && len(rest) == 0
		dst, err := b.End(body[:n], end)
		s.end(end && err == nil)
		return dst, err
	})
	if errors.Is(err, protocol.ErrHeadTooLarge) {
		return nil, fmt.Errorf("response headers too large: %w", err)
	}
	return rest, err
}

// sendData sends as much of the body as the host takes at once, waiting until that is something, and returns the rest.
func (w *ResponseWriter) sendData(body []byte, last bool) (rest []byte, err error) {
	s := w.stream
	n := 0
	if len(body) > 0 {
		if n, err = s.reserve(min(len(body), s.w.limit)); err != nil {
			return body, err
		}
	}
	end := last && n == len(body)
	err = s.w.out.send(func(dst []byte) ([]byte, error) {
		s.end(end)
		return protocol.AppendData(dst, s.id, body[:n], end), nil
	})
	return body[n:], err
}
