package fwatchdog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"fwatchdog/protocol"
)

// ErrAbort, returned by a handler, breaks the response off: a client sees that it is not whole. It is no failure of the
// handler's and has no stack.
var ErrAbort = errors.New("fwatchdog: the handler broke the response off")

var (
	errOver = errors.New("fwatchdog: the request is over")
	errLeft = errors.New("fwatchdog: the handler ended its goroutine without an answer")
)

// stream is one request and its response.
type stream struct {
	w        *worker
	id       uint32
	deadline time.Time // zero when there is none
	request  Request
	response ResponseWriter

	// ended says that the last frame has been appended. It is set under response.mu and the lock of w.out, and read under
	// either.
	ended bool

	mu       sync.Mutex // guards what follows
	changed  sync.Cond  // of anything that read and reserve wait for
	body     bytes.Buffer
	inline   int   // bytes of body that came with REQ: they do not count
	whole    bool  // the last byte of the body has come
	incoming int64 // bytes of DATA that the host may still send
	consumed int64 // bytes of DATA that the handler has read and the host was not told of
	credit   int64 // bytes of DATA that the host takes
	broken   error // why no more comes or goes
	gone     bool  // the host says nothing more: what it has allowed may still be sent
	ctx      context.Context
	stop     context.CancelFunc // of ctx
	stopped  bool
}

func newStream(w *worker, h protocol.Header, q protocol.Request) *stream {
	s := &stream{
		w:        w,
		id:       h.Stream,
		body:     *bytes.NewBuffer(q.Body),
		inline:   len(q.Body),
		whole:    h.End,
		incoming: w.window,
		credit:   w.window,
	}
	s.changed.L = &s.mu
	if q.TimeoutMs > 0 {
		s.deadline = time.Now().Add(time.Duration(q.TimeoutMs) * time.Millisecond)
	}
	s.request.from(s, q)
	s.response.stream = s
	s.response.headers = s.response.few[:0]
	return s
}

// answer runs the handler and ends the stream, whatever the handler does.
func (s *stream) answer(handler Handler) {
	err := errLeft // stays when the handler calls runtime.Goexit
	defer func() {
		if v := recover(); v != nil {
			err = raised(v)
		}
		s.response.finish(err)
		s.w.remove(s)
		s.breakOff(errOver)
		s.stopContext()
		s.w.running.Done()
	}()
	err = handler(&s.response, &s.request)
}

// end notes whether the frame that is being appended is the last one. From then on the host may send another request: it
// knows of the free place once it has read that frame.
func (s *stream) end(last bool) {
	if last && !s.ended {
		s.ended = true
		s.w.taken.Add(-1)
	}
}

// receive takes a DATA frame.
func (s *stream) receive(payload []byte, last bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.incoming -= int64(len(payload))
	if s.whole || s.incoming < 0 {
		return fmt.Errorf("%w: DATA after the end or over the window", protocol.ErrStream)
	}
	s.body.Write(payload)
	s.whole = last
	s.changed.Broadcast()
	return nil
}

// read reads from the body, and lets the host send more once half a window was read.
func (s *stream) read(p []byte) (int, error) {
	n, grant, err := s.take(p)
	if grant > 0 {
		_ = s.w.out.send(func(dst []byte) ([]byte, error) { // the bytes are there, whatever becomes of the pipe
			return protocol.AppendWindow(dst, s.id, uint32(grant)), nil
		})
	}
	return n, err
}

func (s *stream) take(p []byte) (n int, grant int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.body.Len() == 0 && !s.whole && s.lost() == nil {
		s.changed.Wait()
	}
	if s.body.Len() == 0 {
		if s.whole {
			return 0, 0, io.EOF
		}
		return 0, 0, s.lost()
	}
	n, _ = s.body.Read(p) // there is something
	inline := min(n, s.inline)
	s.inline -= inline
	s.consumed += int64(n - inline)
	if !s.whole && s.consumed >= s.w.window/2 {
		grant, s.consumed = s.consumed, 0
		s.incoming += grant
	}
	return n, grant, nil
}

// takeWhole returns what is left of the body without copying it, when all of it is there.
func (s *stream) takeWhole() ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.whole {
		return nil, false
	}
	return s.body.Next(s.body.Len()), true
}

// allow takes a WINDOW.
func (s *stream) allow(more int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.credit += more
	s.changed.Broadcast()
}

// reserve waits until DATA may be sent, and returns how many bytes of it, at most n.
func (s *stream) reserve(n int) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.credit == 0 && s.lost() == nil {
		s.changed.Wait()
	}
	if s.broken != nil || s.credit == 0 {
		return 0, s.lost()
	}
	n = int(min(int64(n), s.credit))
	s.credit -= int64(n)
	return n, nil
}

// lost returns why it is no use to wait for the host, nil when it is. s.mu is held.
func (s *stream) lost() error {
	if s.broken == nil && s.gone {
		return io.ErrUnexpectedEOF
	}
	return s.broken
}

// errOf is what a handler sees of a CANCEL.
func errOf(reason protocol.CancelReason) error {
	if reason == protocol.CancelDeadline {
		return context.DeadlineExceeded
	}
	return context.Canceled
}

// soon is how much later than the host's CANCEL the worker's own timer may be.
const soon = 100 * time.Millisecond

// cancel takes a CANCEL.
func (s *stream) cancel(reason protocol.CancelReason) {
	s.breakOff(errOf(reason))
	if reason == protocol.CancelDeadline && !s.deadline.IsZero() && time.Until(s.deadline) < soon {
		return // the context's own timer is about to say so, and says that it was the deadline
	}
	s.stopContext()
}

// breakOff ends all waiting, now and later.
func (s *stream) breakOff(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == nil {
		s.broken = why
	}
	s.changed.Broadcast()
}

// hangUp notes that the host has closed the pipe: the handler may finish with what has come and what it was allowed.
func (s *stream) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = true
	s.changed.Broadcast()
}

// cancelled reports whether the host no longer wants the response.
func (s *stream) cancelled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken == context.Canceled || s.broken == context.DeadlineExceeded
}

// context makes the request's context once somebody asks for it.
func (s *stream) context() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx != nil {
		return s.ctx
	}
	if s.deadline.IsZero() {
		s.ctx, s.stop = context.WithCancel(context.Background())
	} else {
		s.ctx, s.stop = context.WithDeadline(context.Background(), s.deadline)
	}
	if s.stopped {
		s.stop()
	}
	return s.ctx
}

func (s *stream) stopContext() {
	if stop := s.setStopped(); stop != nil {
		stop()
	}
}

func (s *stream) setStopped() context.CancelFunc {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	return s.stop
}
