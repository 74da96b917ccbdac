package worker

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/life"
	"fwatchdog/protocol"
)

// stream is one exchange on the wire. Two hold it: the caller of Wait, until that has returned or the response's body was
// closed, and the wire, until the worker's terminal frame. When both have let go it serves another exchange. Somebody
// who came too late may still signal it: whoever waits looks again at what he waits for.
type stream struct {
	f       *Framed
	more    chan struct{} // of capacity 1: the upload may go on
	timer   *time.Timer   // runs expire
	holders atomic.Int32  // 2, 1, 0
	callID  []byte        // a copy: the exchange may be gone before the last log line

	// Constant from open to recycle.
	id       uint32
	start    uint64    // where its REQ begins among all bytes to the worker
	begun    time.Time // when it was opened, where slow ones are looked for
	x        *exchange.Exchange
	wake     chan struct{}   // of x: something has changed that the caller waits for
	ctx      context.Context // of Begin: the exchange ends with it
	over     func()
	uploaded chan struct{} // closed when the upload has stopped; nil without one

	mu    sync.Mutex // guards all that follows
	body  []byte     // what has come of a streamed body and was not taken
	spare []byte     // the buffer that body takes turns with
	turn
}

// turn is what changes in the course of one exchange.
type turn struct {
	deadline  time.Time // zero: none
	streamed  bool      // RESP has come, and the body comes after it
	ended     bool      // the worker's terminal frame has come, or the worker has gone
	gone      bool      // the caller wants no more: x is not touched
	err       error     // why there is no (whole) response
	lent      int       // bytes in the client's hands: taken from body, not written yet
	inline    int       // bytes at the front of body that came with RESP and do not count for the window
	credit    int       // DATA bytes that the worker may still send
	consumed  int       // DATA bytes that the client took and that were not granted anew
	allowance int64     // DATA bytes that we may still send
	grace     *time.Timer
}

// Begin sends the request. See pool.Worker.
func (f *Framed) Begin(ctx context.Context, x *exchange.Exchange, over func()) (exchange.Pending, error) {
	s, err := f.open(ctx, x, over)
	if err != nil {
		return nil, err
	}
	if x.Request.Stream != nil {
		s.uploaded = make(chan struct{})
		go s.upload()
	}
	return s, nil
}

// open gives the exchange a stream and sends its REQ.
func (f *Framed) open(ctx context.Context, x *exchange.Exchange, over func()) (*stream, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	if f.deaf || f.mute || f.leaving || f.stream == math.MaxUint32 {
		cause := causeOf(f.why)
		f.mu.Unlock()
		return nil, &exchange.LostError{Cause: cause, Unseen: true}
	}
	start := f.queued + uint64(len(f.pending))
	frames, err := f.appendRequest(&x.Request)
	if err != nil {
		f.mu.Unlock()
		return nil, err
	}
	f.pending = frames
	s := f.newStream()
	s.start, s.x, s.wake, s.ctx, s.over = start, x, x.Woken(), ctx, over
	s.callID = append(s.callID[:0], x.Request.CallID...)
	s.setDeadline(x.Request.Timeout)
	f.streams[s.id] = s
	f.mayBeSlow(s)
	spent := f.stream == lastCall
	f.unlockAndFlush()
	if spent {
		f.wishes.ask(life.MaxRequests)
	}
	return s, nil
}

// lastCall is the stream at which a worker asks to be replaced: numbers are not used again, and there are only so many.
const lastCall = math.MaxUint32 - 1<<20

// newStream returns a stream with the next number. f.mu is held.
func (f *Framed) newStream() *stream {
	f.stream++
	var s *stream
	if n := len(f.idle); n > 0 {
		s = f.idle[n-1]
		f.idle = f.idle[:n-1]
	} else {
		s = &stream{f: f, more: make(chan struct{}, 1)}
		s.turn = newTurn()
		s.timer = time.AfterFunc(time.Hour, s.expire)
		s.timer.Stop() // until setDeadline
	}
	s.id = f.stream
	s.holders.Store(2)
	return s
}

func newTurn() turn { return turn{credit: protocol.DefaultWindow, allowance: protocol.DefaultWindow} }

// Wait waits for the response, or for why there is none. See exchange.Pending.
func (s *stream) Wait() error {
	for {
		begun, whole, err := s.progress()
		if err != nil || whole {
			s.leave()
			return err
		}
		if begun {
			s.x.Response.Stream = &body{s: s}
			return nil
		}
		s.await()
	}
}

// progress is how far the response has come. A whole one is in its place, unless it came in pieces and is large.
func (s *stream) progress() (begun, whole bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	whole = s.ended
	if s.err == nil && s.ended && len(s.body) > 0 { // it came in pieces, all of them at once
		if whole = cap(s.body) <= keepBuffer; whole {
			s.body, s.x.Response.Body = s.x.Response.Body, s.body
		}
	}
	return s.streamed, whole, s.err
}

// await returns when something may have changed, also when the caller's context has ended.
func (s *stream) await() {
	select {
	case <-s.wake:
	case <-s.ctx.Done():
		s.abandon()
	}
}

// leave is the caller's end of the exchange: nothing of it is touched any more when leave has returned.
func (s *stream) leave() {
	if s.x.Request.Timeout > 0 {
		s.timer.Stop()
	}
	s.mu.Lock()
	s.gone = true
	s.mu.Unlock()
	signal(s.f.room)
	if s.uploaded != nil {
		signal(s.more)
		_ = s.x.Request.Stream.Close() // only makes a waiting Read return
		<-s.uploaded
	}
	s.release()
}

// release gives up one of the two holds.
func (s *stream) release() {
	if s.holders.Add(-1) == 0 {
		s.f.recycle(s)
	}
}

// keepBuffer is the largest buffer of a stream that is kept for its next exchange, in bytes.
const keepBuffer = 16 << 10

// recycle makes s ready for another exchange.
func (f *Framed) recycle(s *stream) {
	s.mu.Lock()
	s.body, s.spare = emptyBody(s.body), emptyBody(s.spare)
	s.turn = newTurn()
	s.mu.Unlock()
	s.x, s.wake, s.ctx, s.over, s.uploaded = nil, nil, nil, nil, nil
	f.mu.Lock()
	defer f.mu.Unlock()
	f.idle = append(f.idle, s)
}

// keep empties a buffer, and drops it when it has grown larger than most.
func keep(buf []byte, most int) []byte {
	if cap(buf) > most {
		return nil
	}
	return buf[:0]
}

// signal wakes whoever waits on a channel of capacity 1, now or the next time.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
