package worker

import (
	"context"
	"errors"
	"sync"
	"time"

	"fwatchdog/internal/exchange"
	"fwatchdog/protocol"
)

// What a worker may not do on a stream.
var (
	errNotOpen     = errors.New("the stream is not open")
	errTwice       = errors.New("a second RESP on the stream")
	errDataFirst   = errors.New("DATA before RESP")
	errOverWindow  = errors.New("more DATA than the window allows")
	errWindowWraps = errors.New("WINDOW beyond 2^31-1 bytes")
)

// stream is one exchange on the wire. Two hold it: the caller of Do, until it has returned or the response's body was
// closed, and the wire, until the worker's terminal frame. When both have let go it serves another exchange.
type stream struct {
	f      *Framed
	wake   chan struct{} // of capacity 1: something has changed that the caller waits for
	more   chan struct{} // of capacity 1: the upload may go on
	timer  *time.Timer   // of the exchange's timeout
	callID []byte        // a copy: the exchange may be gone before the last log line

	mu    sync.Mutex // guards turn, but for its first fields
	body  []byte     // what has come of a streamed body and was not taken
	spare []byte     // the buffer that body takes turns with
	turn
}

// turn is what a stream is during one exchange.
type turn struct {
	// Set by open, constant from then on.
	id       uint32
	start    uint64 // where its REQ begins among all bytes to the worker
	x        *exchange.Exchange
	ctx      context.Context // of Do: the exchange ends with it
	over     func()
	uploaded chan struct{} // closed when the upload has stopped; nil without one

	holders   int   // 2, 1, 0
	responded bool  // RESP has come
	ended     bool  // the worker's terminal frame has come, or the worker has gone
	gone      bool  // the caller wants no more: x is not touched
	err       error // why there is no (whole) response
	inline    int   // bytes at the front of body that came with RESP and do not count for the window
	credit    int   // DATA bytes that the worker may still send
	consumed  int   // DATA bytes that the client took and that were not granted anew
	allowance int   // DATA bytes that we may still send
	grace     *time.Timer
}

// Do runs one exchange. See pool.Worker.
func (f *Framed) Do(ctx context.Context, x *exchange.Exchange, over func()) error {
	s, err := f.open(ctx, x, over)
	if err != nil {
		over()
		return err
	}
	if x.Request.Stream != nil {
		s.uploaded = make(chan struct{})
		go s.upload(s.uploaded)
	}
	return s.answer()
}

// open gives the exchange a stream and sends its REQ.
func (f *Framed) open(ctx context.Context, x *exchange.Exchange, over func()) (*stream, error) {
	f.mu.Lock()
	if f.dead || f.leaving {
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
	s := f.newStream()
	s.start = start
	s.x, s.ctx, s.over = x, ctx, over
	s.callID = append(s.callID[:0], x.Request.CallID...)
	f.pending = frames
	f.streams[s.id] = s
	f.unlockAndFlush()
	return s, nil
}

// newStream returns a stream with the next number. f.mu is held.
func (f *Framed) newStream() *stream {
	f.stream++
	var s *stream
	if n := len(f.idle); n > 0 {
		s = f.idle[n-1]
		f.idle = f.idle[:n-1]
	} else {
		timer := time.NewTimer(time.Hour)
		timer.Stop()
		s = &stream{f: f, wake: make(chan struct{}, 1), more: make(chan struct{}, 1), timer: timer}
	}
	s.id = f.stream
	s.holders = 2
	s.credit, s.allowance = protocol.DefaultWindow, protocol.DefaultWindow
	return s
}

// appendRequest appends the REQ, and DATA when the whole body is at hand but does not fit. f.mu is held.
func (f *Framed) appendRequest(r *exchange.Request) ([]byte, error) {
	b := protocol.BeginRequest(f.pending, f.stream+1, millis(r.Timeout), r.Method, r.Target)
	for _, h := range r.Header {
		b.Pair(h.Key, h.Value)
	}
	if r.Stream != nil || b.Room() < len(r.Body) {
		frames, err := b.End(nil, false)
		if err != nil {
			return nil, exchange.ErrHeadTooLarge
		}
		if r.Stream == nil {
			frames = protocol.AppendData(frames, f.stream+1, r.Body, true)
		}
		return frames, nil
	}
	frames, err := b.End(r.Body, true)
	if err != nil {
		return nil, exchange.ErrHeadTooLarge
	}
	return frames, nil
}

// millis is a timeout on the wire, where 0 is none.
func millis(d time.Duration) uint32 {
	if d <= 0 {
		return 0
	}
	return uint32(min(max(d.Milliseconds(), 1), 1<<32-1))
}

// answer waits for the response, or for why there is none.
func (s *stream) answer() error {
	if d := s.x.Request.Timeout; d > 0 {
		s.timer.Reset(d)
	}
	for {
		s.await()
		s.mu.Lock()
		err, whole, begun := s.err, s.ended, s.responded
		if err == nil && whole && len(s.body) > 0 { // it came in pieces, all of them at once
			s.body, s.x.Response.Body = s.x.Response.Body, s.body
		}
		s.mu.Unlock()
		if err != nil || whole {
			s.leave()
			return err
		}
		if begun {
			s.x.Response.Stream = s
			return nil
		}
	}
}

// await returns when something has changed, gives up included.
func (s *stream) await() {
	select {
	case <-s.wake:
	case <-s.timer.C:
		s.giveUp(protocol.CancelDeadline, exchange.ErrDeadline)
	case <-s.ctx.Done():
		reason := protocol.CancelClientGone
		if errors.Is(s.ctx.Err(), exchange.ErrHostStops) {
			reason = protocol.CancelHostStops
		}
		s.giveUp(reason, s.ctx.Err())
	}
}

// giveUp cancels the exchange because of err, unless it is over. The place stays taken until the worker's terminal
// frame; a worker that sends none within the grace is poisoned.
func (s *stream) giveUp(reason protocol.CancelReason, err error) {
	s.mu.Lock()
	over := s.ended || s.err != nil
	if !over {
		s.gone, s.err = true, err
		id := s.id
		s.grace = time.AfterFunc(s.f.cfg.CancelGrace, func() { s.f.poisoned(s, id) })
	}
	id := s.id
	s.mu.Unlock()
	if over {
		return
	}
	s.f.counts.Cancelled[reason].Add(1)
	s.f.mu.Lock()
	s.f.pending = protocol.AppendCancel(s.f.pending, id, reason)
	s.f.unlockAndFlush()
}

// leave is the caller's end of the exchange: nothing of it is touched any more when leave has returned.
func (s *stream) leave() {
	s.timer.Stop()
	s.mu.Lock()
	s.gone = true
	s.mu.Unlock()
	signal(s.f.room)
	if s.uploaded != nil {
		signal(s.more)
		_ = s.x.Request.Stream.Close() // only makes a waiting Read return
		<-s.uploaded
	}
	s.mu.Lock()
	s.release()
}

// release gives up one of the two holds. s.mu is held; it is released.
func (s *stream) release() {
	s.holders--
	last := s.holders == 0
	s.mu.Unlock()
	if last {
		s.f.recycle(s)
	}
}

// keepBuffer is the largest buffer of a stream that is kept for its next exchange, in bytes.
const keepBuffer = 16 << 10

// recycle makes s ready for another exchange.
func (f *Framed) recycle(s *stream) {
	for _, c := range []chan struct{}{s.wake, s.more} {
		select {
		case <-c:
		default:
		}
	}
	s.body, s.spare = keep(s.body), keep(s.spare)
	s.turn = turn{}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.idle = append(f.idle, s)
}

// keep empties a buffer, and drops it when it has grown large.
func keep(buf []byte) []byte {
	if cap(buf) > keepBuffer {
		return nil
	}
	return buf[:0]
}
