package fwatchdog

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"fwatchdog/protocol"
)

// read takes frames until the pipe ends, and tells run the exit code. It waits for nothing but the pipe, and for handlers that
// take no time: when one does, another goroutine reads on, and this one ends with its handler.
func (w *worker) read() {
	for {
		h, payload, err := w.in.Next()
		if err == nil {
			err = w.receive(h, payload)
		}
		if v, ok := errors.AsType[*protocol.Violation](err); ok {
			w.end(complain(exitProtocol, fmt.Sprintf("%v\n%s", v, protocol.HexDump(v.Dump))))
			return
		}
		if err != nil { // the host is gone, be it in the middle of a frame
			w.hangUp()
			w.end(exitFine)
			return
		}
		if w.own != nil && !w.answerHere() {
			return
		}
	}
}

// end is the end of reading.
func (w *worker) end(code int) {
	w.out.release() // what the last requests are answered is written by those who answer
	w.ended <- code
}

// receive acts on a frame. Every error is a violation.
func (w *worker) receive(h protocol.Header, payload []byte) error {
	err := w.act(h, payload)
	if err != nil {
		return w.in.Violation(err)
	}
	return nil
}

func (w *worker) act(h protocol.Header, payload []byte) error {
	if w.greeted != (h.Type != protocol.TypeHello) {
		return fmt.Errorf("%w: HELLO is the first frame and no other", protocol.ErrType)
	}
	switch h.Type {
	case protocol.TypeHello:
		return w.greet(payload)
	case protocol.TypePing:
		return w.pong(payload)
	case protocol.TypeGoAway:
		w.leave()
		return nil
	case protocol.TypeRequest:
		return w.open(h, payload)
	}
	return w.pass(h, payload)
}

// greet takes what the host's HELLO says.
func (w *worker) greet(payload []byte) error {
	hello, err := protocol.ParseHello(payload)
	if err != nil {
		return err
	}
	if _, err := hello.Common(); err != nil {
		return err
	}
	w.greeted = true
	w.limit = int(number(hello, "max_frame", protocol.MaxPayload))
	w.limit = min(max(w.limit, protocol.MaxSharedPayload), protocol.MaxPayload)
	w.window = number(hello, "window", protocol.DefaultWindow)
	if features, _ := hello.Pairs.Get("features"); !slices.Contains(strings.Fields(features), "window") {
		w.window = math.MaxInt64 / 2 // nobody counts
	}
	return nil
}

// number returns what HELLO says under a key, or otherwise when it says no number.
func number(hello protocol.Hello, key string, otherwise int64) int64 {
	text, _ := hello.Pairs.Get(key)
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return otherwise
	}
	return int64(n)
}

func (w *worker) pong(payload []byte) error {
	nonce, err := protocol.ParseNonce(payload)
	if err != nil {
		return err
	}
	w.out.add(func(dst []byte) []byte { return protocol.AppendPong(dst, nonce) })
	return nil
}

// open starts the handler of a request.
func (w *worker) open(h protocol.Header, payload []byte) error {
	request, err := protocol.ParseRequest(bytes.Clone(payload)) // it outlives the frame: the handler has views of it
	if err != nil {
		return err
	}
	s := newStream(w, h, request)
	started, err := w.admit(s)
	switch {
	case err != nil:
		return err
	case !started:
		w.out.add(func(dst []byte) []byte {
			return protocol.AppendError(dst, s.id, protocol.CodeNotStarted, "the worker takes no more requests", w.limit)
		})
		return nil
	}
	if w.isOwn(h) {
		w.own = s
		return nil
	}
	select {
	case w.idle <- s:
	default:
		go w.serve(s)
	}
	return nil
}

// isOwn reports whether the reader is to answer the request that it has just read: one that has all of its body, and no other
// beside it or behind it.
func (w *worker) isOwn(h protocol.Header) bool {
	if !h.End || w.in.Buffered() || w.taken.Load() > 1 {
		w.alone.notAlone()
		return false
	}
	return w.alone.next(w.out.lastRead())
}

// serve answers one request and all those that it is handed later. It ends when there are no more.
func (w *worker) serve(s *stream) {
	for ok := true; ok; s, ok = <-w.idle {
		s.answer(w.handler)
	}
}

// admit enters a stream among those that are open, unless the worker is leaving or has its hands full.
func (w *worker) admit(s *stream) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ready || s.id <= w.newest {
		return false, fmt.Errorf("%w: REQ before READY, or on a stream that is not above %d", protocol.ErrStream, w.newest)
	}
	w.newest = s.id
	if w.leaving || w.taken.Load() >= w.places {
		return false, nil
	}
	w.taken.Add(1)
	w.streams[s.id] = s
	w.running.Add(1)
	return true, nil
}

// remove takes a stream out of those that are open: what still comes for it is thrown away.
func (w *worker) remove(s *stream) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.streams, s.id)
}

// pass hands a frame to its stream. One that has ended is not there: its frame crossed the last one of the answer.
func (w *worker) pass(h protocol.Header, payload []byte) error {
	s := w.find(h.Stream)
	switch h.Type {
	case protocol.TypeData:
		if s != nil {
			return s.receive(payload, h.End)
		}
	case protocol.TypeWindow:
		more, err := protocol.ParseWindow(payload)
		if err != nil {
			return err
		}
		if s != nil {
			s.allow(int64(more))
		}
	case protocol.TypeCancel:
		reason, err := protocol.ParseCancel(payload)
		if err != nil {
			return err
		}
		if s != nil {
			s.cancel(reason)
		}
	}
	return nil
}

func (w *worker) find(id uint32) *stream {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.streams[id]
}

func (w *worker) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.leaving = true
}

// hangUp tells all streams that nothing more will come, and their handlers that it is time to go.
func (w *worker) hangUp() {
	w.mu.Lock()
	open := slices.Collect(maps.Values(w.streams))
	w.mu.Unlock()
	for _, s := range open {
		s.hangUp()
		s.stopContext()
	}
}
