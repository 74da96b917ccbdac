package pool

import (
	"context"
	"errors"
	"sync"
	"time"

	"fwatchdog/internal/exchange"
)

// waiter is a request that stands in line until it gets a slot, or an error.
type waiter struct {
	prev, next *waiter // guarded by Pool.mu
	ctx        context.Context
	x          *exchange.Exchange
	since      time.Time // when it joined
	until      time.Time // when it will have waited for as long as a request may

	// mu guards what follows; slot and err are set under Pool.mu, too, which is enough to read them. Whoever takes the waiter out
	// of the line locks it while he holds Pool.mu, and keeps it until an exchange that he begins has begun.
	mu   sync.Mutex
	slot *slot // a place of it was lent to this waiter
	lent lent  // and its exchange begun there, unless that is left to it
	err  error // or this is why not
}

// tell wakes w, whose mu is held.
func (w *waiter) tell() {
	w.x.Wake()
	w.mu.Unlock()
}

// stands reports whether w is in line still. When it is not, nobody else has it any more.
func (w *waiter) stands() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.slot == nil && w.err == nil
}

// line is the requests that wait, first come first served; who has waited before, for a worker that was lost, stands where
// that puts him. Joining and leaving at any point cost O(1), but for those.
type line struct {
	ends  waiter // before the first and behind the last: they form a ring
	len   int
	late  *time.Timer // for the first; one for all: most get a place long before
	armed time.Time   // when it fires, not after the first has waited too long; zero when it will not
}

func newLine(late func()) *line {
	l := &line{late: time.AfterFunc(time.Hour, late)}
	l.late.Stop()
	l.ends.prev, l.ends.next = &l.ends, &l.ends
	return l
}

func (l *line) push(w *waiter) {
	before := l.ends.prev
	for before != &l.ends && before.until.After(w.until) {
		before = before.prev
	}
	w.prev, w.next = before, before.next
	w.prev.next, w.next.prev = w, w
	l.len++
	l.watch()
}

// first is who has waited longest; only of a line that is not empty.
func (l *line) first() *waiter { return l.ends.next }

func (l *line) remove(w *waiter) {
	w.prev.next, w.next.prev = w.next, w.prev
	w.prev, w.next = nil, nil
	l.len--
}

// watch arms the timer, unless it fires soon enough.
func (l *line) watch() {
	if l.len == 0 {
		return
	}
	if until := l.first().until; l.armed.IsZero() || until.Before(l.armed) {
		l.armed = until
		l.late.Reset(time.Until(until))
	}
}

// join puts x in line: at the end, unless it has waited before. p.mu is held.
func (p *Pool) join(ctx context.Context, x *exchange.Exchange) (*waiter, error) {
	now := time.Now()
	p.pace.look(now)
	switch {
	case p.closed || p.draining && !p.staffed() && !p.cfg.Once:
		return nil, ErrDraining
	case p.line.len >= p.queueSize():
		return nil, ErrQueueFull
	}
	x.Woken() // it is made before anybody else may wake
	w := p.waiters.Get().(*waiter)
	w.ctx, w.x, w.since, w.until = ctx, x, now, now.Add(p.cfg.QueueTimeout-x.Waited)
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

// wait stands in line until w has a place and something is to be done there, its context ends or the queue timeout passes,
// in which all waits of a request count. Whose exchange was begun by another sleeps on until its worker wakes it: twice would
// cost as much again.
func (p *Pool) wait(w *waiter) (lent, error) {
	for w.stands() {
		select {
		case <-w.x.Woken():
		case <-w.ctx.Done():
			p.leaveLine(w, w.ctx.Err())
		}
	}
	l, err := w.lent, w.err
	if w.slot != nil && l.slot == nil {
		l = begin(w.ctx, w.x, w.slot)
	}
	w.ctx, w.x, w.slot, w.lent, w.err = nil, nil, nil, lent{}, nil
	p.waiters.Put(w)
	return l, err
}

// takeOut takes w out of the line and locks its mu: the caller gives it a slot or an error. p.mu is held.
func (p *Pool) takeOut(w *waiter) {
	p.line.remove(w)
	w.mu.Lock()
	w.x.Waited += time.Since(w.since)
}

// leaveLine takes w out of the line because its context has ended so, unless it got something in the meantime: then it keeps
// that.
func (p *Pool) leaveLine(w *waiter, cause error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.slot != nil || w.err != nil {
		return
	}
	if errors.Is(cause, exchange.ErrHostStops) { // no worker got it, so it may come again
		cause = ErrDraining
	}
	p.refuse(w, cause)
}

// refuseOverdue ends the waiting of those who have waited for as long as a request may.
func (p *Pool) refuseOverdue() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.line.armed = time.Time{}
	now := time.Now()
	for p.line.len > 0 && !p.line.first().until.After(now) {
		why := ErrQueueTimeout
		if p.count[Ready] == 0 {
			why = ErrNotReady
		}
		p.refuse(p.line.first(), why)
	}
	p.line.watch()
}

// refuseLine ends the waiting of everybody because the pool drains. p.mu is held.
func (p *Pool) refuseLine() {
	for p.line.len > 0 {
		p.refuse(p.line.first(), ErrDraining)
	}
}

// refuse ends the waiting of one in line. p.mu is held.
func (p *Pool) refuse(w *waiter, why error) {
	p.takeOut(w)
	w.err = why
	w.tell()
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
