package pool

import (
	"context"
	"errors"
	"time"

	"fwatchdog/internal/exchange"
)

// waiter is a request that stands in line. Pool.mu guards it until it has a slot or an error; then it is with whoever tells
// it, until he has.
type waiter struct {
	prev, next *waiter
	ctx        context.Context
	x          *exchange.Exchange
	since      time.Time     // when it joined
	told       chan struct{} // of capacity 1: slot and lent, or err, are as they will be
	slot       *slot         // a place of it was lent to this waiter
	lent       lent          // and its exchange begun there, unless that is left to it
	err        error         // or this is why not
	timer      *time.Timer   // of the queue timeout; one for the waiter's whole life
}

func newWaiter() any {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return &waiter{told: make(chan struct{}, 1), timer: timer}
}

// line is the requests that wait, first come first served. Joining and leaving at any point cost O(1).
type line struct {
	ends waiter // before the first and behind the last: they form a ring
	len  int
}

func newLine() *line {
	l := new(line)
	l.ends.prev, l.ends.next = &l.ends, &l.ends
	return l
}

func (l *line) push(w *waiter) {
	w.prev, w.next = l.ends.prev, &l.ends
	w.prev.next, w.next.prev = w, w
	l.len++
}

func (l *line) pop() *waiter {
	w := l.ends.next
	l.remove(w)
	return w
}

func (l *line) remove(w *waiter) {
	w.prev.next, w.next.prev = w.next, w.prev
	w.prev, w.next = nil, nil
	l.len--
}

// join puts x at the end of the line. p.mu is held.
func (p *Pool) join(ctx context.Context, x *exchange.Exchange) (*waiter, error) {
	now := time.Now()
	p.pace.look(now)
	switch {
	case p.closed || p.draining && !p.staffed() && !p.cfg.Once:
		p.counts.Draining++
		return nil, ErrDraining
	case p.line.len >= p.queueSize():
		p.counts.QueueFull++
		return nil, ErrQueueFull
	}
	w := p.waiters.Get().(*waiter)
	w.ctx, w.x, w.since = ctx, x, now
	p.line.push(w)
	p.refill() // where a worker serves once, whoever waits needs one even when the pool drains
	if p.line.len == 1 {
		p.strained()
	}
	return w, nil
}

// queueSize is how many may wait. It is not the places of the moment that count, so that the line does not get shorter
// when workers die, nor is too short for an elastic pool to see that it must grow. p.mu is held.
func (p *Pool) queueSize() int {
	if p.cfg.QueueSize >= 0 {
		return p.cfg.QueueSize
	}
	return 10 * p.most * p.places
}

// wait stands in line until w has a place, its context ends or the queue timeout passes, in which all waits of a request
// count.
func (p *Pool) wait(w *waiter) (lent, error) {
	w.timer.Reset(p.cfg.QueueTimeout - w.x.Waited)
	select {
	case <-w.told:
	case <-w.ctx.Done():
		p.leaveLine(w, w.ctx.Err())
	case <-w.timer.C:
		p.leaveLine(w, ErrQueueTimeout)
	}
	w.timer.Stop()
	w.x.Waited += time.Since(w.since)
	l, err := w.lent, w.err
	if w.slot != nil && l.slot == nil {
		l = begin(w.ctx, w.x, w.slot)
	}
	w.ctx, w.x, w.slot, w.lent, w.err = nil, nil, nil, lent{}, nil
	p.waiters.Put(w)
	return l, err
}

// leaveLine takes w out of the line because of err, unless it was served or refused in the meantime: then it keeps what it got.
func (p *Pool) leaveLine(w *waiter, err error) {
	if !p.leftLine(w, err) {
		<-w.told
	}
}

// leftLine takes w out of the line because of err, and reports whether it was there.
func (p *Pool) leftLine(w *waiter, err error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.slot != nil || w.err != nil {
		return false
	}
	p.line.remove(w)
	switch {
	case errors.Is(err, exchange.ErrHostStops): // no worker got it, so it may come again
		err = ErrDraining
		p.counts.Draining++
	case !errors.Is(err, ErrQueueTimeout):
	case p.count[Ready] == 0:
		err = ErrNotReady
		p.counts.NotReady++
	default:
		p.counts.QueueTimeout++
	}
	w.err = err
	return true
}

// refuseLine ends the waiting of everybody because the pool drains. p.mu is held.
func (p *Pool) refuseLine() {
	for p.line.len > 0 {
		w := p.line.pop()
		w.err = ErrDraining
		p.counts.Draining++
		w.told <- struct{}{}
	}
}

// refuseIfUnstaffed refuses those who wait when no worker will ever come. p.mu is held.
func (p *Pool) refuseIfUnstaffed() {
	if p.draining && !p.staffed() {
		p.refuseLine()
	}
}

// staffed reports whether there is, or will soon be, a worker. p.mu is held.
func (p *Pool) staffed() bool {
	return p.count[Starting]+p.count[Ready] > 0 || p.cfg.Once && p.running() && p.staff > 0
}
