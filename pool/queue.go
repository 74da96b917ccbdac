package pool

import (
	"context"
	"errors"
	"time"

	"fwatchdog/internal/exchange"
)

// waiter is a request that stands in line. Pool.mu guards it until it has been told.
type waiter struct {
	prev, next *waiter
	x          *exchange.Exchange
	told       chan struct{} // of capacity 1: slot or err is set
	slot       *slot         // a place of it was lent to this waiter
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
func (p *Pool) join(x *exchange.Exchange) (*waiter, error) {
	p.pace.look(time.Now())
	switch {
	case p.closed || p.draining && !p.staffed():
		p.counts.Draining++
		return nil, ErrDraining
	case p.line.len >= p.queueSize():
		p.counts.QueueFull++
		return nil, ErrQueueFull
	}
	w := p.waiters.Get().(*waiter)
	w.x = x
	p.line.push(w)
	return w, nil
}

// queueSize is how many may wait. It is not the places of the moment that count, so that the line does not get shorter
// when workers die. p.mu is held.
func (p *Pool) queueSize() int {
	if p.cfg.QueueSize >= 0 {
		return p.cfg.QueueSize
	}
	return 10 * p.target * p.places
}

// wait stands in line until w has a place, its context ends or the queue timeout passes.
func (p *Pool) wait(ctx context.Context, w *waiter) (*slot, error) {
	start := time.Now()
	w.timer.Reset(p.cfg.QueueTimeout)
	select {
	case <-w.told:
	case <-ctx.Done():
		p.leaveLine(w, ctx.Err())
	case <-w.timer.C:
		p.leaveLine(w, ErrQueueTimeout)
	}
	w.timer.Stop()
	w.x.Waited += time.Since(start)
	s, err := w.slot, w.err
	w.x, w.slot, w.err = nil, nil, nil
	p.waiters.Put(w)
	return s, err
}

// leaveLine takes w out of the line because of err, unless it was told in the meantime: then it keeps what it got.
func (p *Pool) leaveLine(w *waiter, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-w.told:
		return
	default:
	}
	p.line.remove(w)
	w.err = err
	if errors.Is(err, ErrQueueTimeout) {
		p.counts.QueueTimeout++
	}
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
func (p *Pool) staffed() bool { return p.count[Starting]+p.count[Ready] > 0 }
