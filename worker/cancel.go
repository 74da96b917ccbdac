package worker

import (
	"errors"
	"time"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/life"
	"fwatchdog/protocol"
)

// setDeadline gives the exchange so long from now on; 0 is no limit. It is called before the request leaves, so that the
// worker's own clock for it runs out later than this one.
func (s *stream) setDeadline(limit time.Duration) {
	if limit <= 0 {
		return
	}
	s.mu.Lock()
	s.deadline = time.Now().Add(limit)
	s.mu.Unlock()
	s.timer.Reset(limit)
}

// expire gives up when the deadline has passed, whatever the caller does. It may run late, when the stream serves
// another exchange already.
func (s *stream) expire() {
	s.mu.Lock()
	if !s.overdue() {
		s.mu.Unlock()
		return
	}
	s.giveUp(protocol.CancelDeadline, exchange.ErrDeadline)
}

// overdue reports whether the deadline has passed. s.mu is held.
func (s *stream) overdue() bool { return !s.deadline.IsZero() && !time.Now().Before(s.deadline) }

// abandon gives up because the caller's context has ended.
func (s *stream) abandon() {
	err, reason := s.ctx.Err(), protocol.CancelClientGone
	if errors.Is(err, exchange.ErrHostStops) {
		reason = protocol.CancelHostStops
	}
	s.mu.Lock()
	s.giveUp(reason, err)
}

// giveUp cancels the exchange because of err, unless it is over. The place stays taken until the worker's terminal
// frame; a worker that sends none within the grace is poisoned. s.mu is held; giveUp releases it.
func (s *stream) giveUp(reason protocol.CancelReason, err error) {
	if s.ended || s.err != nil {
		s.mu.Unlock()
		return
	}
	f, id, wake := s.f, s.id, s.wake
	s.gone, s.err = true, err
	s.grace = time.AfterFunc(f.cfg.CancelGrace, func() { f.poisoned(id) })
	s.mu.Unlock()
	signal(wake)
	signal(f.room)
	f.counts.Cancelled[reason].Add(1)
	f.mu.Lock()
	f.pending = protocol.AppendCancel(f.pending, id, reason)
	f.unlockAndFlush()
}

// poisoned is called when a cancelled stream has had its grace. When it has not ended, a worker that serves others too
// is replaced, and one that serves nobody else is killed.
func (f *Framed) poisoned(id uint32) {
	f.mu.Lock()
	stuck, others := f.whoWaits(id)
	if stuck && !others { // what began from now on would be killed with it
		f.blame(life.Timeout)
		f.leaving = true
	}
	f.mu.Unlock()
	if !stuck {
		return
	}
	f.wishes.ask(life.Timeout) // it gets nothing new meanwhile
	if !others {
		f.lastStacks(life.Timeout)
		f.condemn(life.Timeout)
	}
}

// whoWaits reports whether a stream is still open, and whether somebody waits for another one. f.mu is held.
func (f *Framed) whoWaits(id uint32) (open, others bool) {
	for _, s := range f.streams {
		others = others || s.wanted()
	}
	return f.streams[id] != nil, others
}

// wanted reports whether somebody still waits for the response.
func (s *stream) wanted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.gone
}
