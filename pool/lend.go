package pool

import (
	"context"
	"slices"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/life"
)

// Do lends a place to x, waiting in line when there is none, and runs x on it. When its worker fails, x is given to another
// one where that is safe and Config.Retry allows it. Do returns when x.Response is filled or there will be none; the place
// is given back when the worker says that the stream is over, which may be later.
func (p *Pool) Do(ctx context.Context, x *exchange.Exchange) error {
	l, err := p.lend(ctx, x)
	for spent := false; err == nil; {
		failed := l.wait()
		if failed == nil {
			return nil
		}
		l, err = p.another(ctx, x, l, failed, spent)
		spent = spent || !isUnseen(failed)
	}
	if i := slices.Index(refusals[:], err); i >= 0 {
		p.refused[i].Add(1)
	}
	return err
}

// lent is a place for an exchange that its worker has begun, or why it could not.
type lent struct {
	slot    *slot
	pending exchange.Pending
	failed  error
}

// begin gives x to the worker of s, a place of which was lent to it: that keeps the slot from changing its worker.
func begin(ctx context.Context, x *exchange.Exchange, s *slot) lent {
	pending, failed := s.worker.Begin(ctx, x, s.over)
	return lent{s, pending, failed}
}

// wait returns when the exchange has ended, or will not be. When it could not be begun the place is the caller's still.
func (l lent) wait() error {
	if l.failed != nil {
		return l.failed
	}
	return l.pending.Wait()
}

// lend has x begun on a place that is free now, or on the one that it gets in line.
func (p *Pool) lend(ctx context.Context, x *exchange.Exchange) (lent, error) {
	s, w, err := p.takeOrJoin(ctx, x)
	switch {
	case err != nil:
		return lent{}, err
	case w != nil:
		return p.wait(w)
	}
	return begin(ctx, x, s), nil
}

// takeOrJoin returns a slot with a place for x; else x stands in line from now on, or is refused.
func (p *Pool) takeOrJoin(ctx context.Context, x *exchange.Exchange) (*slot, *waiter, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.best(nil); s != nil {
		p.take(s, x)
		return s, nil, nil
	}
	w, err := p.join(ctx, x)
	return nil, w, err
}

// takeElsewhere returns a slot other than not with a place for x, or nil.
func (p *Pool) takeElsewhere(x *exchange.Exchange, not *slot) *slot {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.best(not)
	if s != nil {
		p.take(s, x)
	}
	return s
}

// best returns the slot that the next request should go to, of those that have a place. p.mu is held.
func (p *Pool) best(not *slot) *slot {
	if p.free == 0 { // the usual case under load needs no scan
		return nil
	}
	var best *slot
	for _, s := range p.slots {
		if s.free() <= 0 || s == not {
			continue
		}
		if best == nil || s.before(best, p.pack) {
			best = s
		}
	}
	return best
}

// before reports whether a request should go to s rather than to other: to the fullest of those with less than pack in
// flight; when there is none, to the one with the fewest; of equals to the one that was used last, so that surplus workers
// go idle and warm ones stay warm.
func (s *slot) before(other *slot, pack int) bool {
	fills := s.inflight < pack
	switch {
	case fills != (other.inflight < pack):
		return fills
	case s.inflight != other.inflight:
		return (s.inflight > other.inflight) == fills
	}
	return s.used > other.used
}

// Pack says how many requests a worker should have in flight before an idle one is woken; 1, with which a pool begins,
// shares them out. More is for functions that take less time than it takes to wake a process.
func (p *Pool) Pack(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pack = n
}

// take lends a place of s to x. p.mu is held.
func (p *Pool) take(s *slot, x *exchange.Exchange) {
	p.lends++
	s.used = p.lends
	s.served++
	s.inflight++
	p.free--
	if p.free < p.cfg.Spare*p.places {
		p.strained()
	}
	x.Worker = s.id
	switch {
	case p.cfg.Once:
		p.drain(s, life.MaxRequests) // the slot stays staff: its next worker is the successor, unless that is needed sooner
		p.succeedIfSpent()
	case s.served == s.maxServed: // it serves this one as any other, and more until there is a successor
		p.replace(s, life.MaxRequests)
	}
}

// giveBack returns a place of s, and lends it to whoever has waited longest, whose exchange is begun here and now: to wake
// him for that would leave the place idle meanwhile.
func (p *Pool) giveBack(s *slot) {
	w := p.putBack(s)
	if w == nil {
		return
	}
	if w.lent = begin(w.ctx, w.x, w.slot); w.lent.failed != nil {
		w.x.Wake() // no worker will
	}
	w.mu.Unlock()
}

// putBack returns a place of s, and lends it to the waiter that it returns with its mu held, if there is one.
func (p *Pool) putBack(s *slot) *waiter {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.inflight == 0 {
		panic("pool: a place was given back that nobody had")
	}
	s.inflight--
	p.pace.given++
	if s.state == Ready {
		p.free++
		return p.serveFirst()
	}
	if s.inflight == 0 {
		close(s.idle)
	}
	return nil
}

// serveLine lends places to those who wait, as long as there are both. p.mu is held.
func (p *Pool) serveLine() {
	for w := p.serveFirst(); w != nil; w = p.serveFirst() {
		w.tell()
	}
}

// serveFirst lends a place to whoever has waited longest, and returns that with its mu held, if there are both. p.mu is held.
func (p *Pool) serveFirst() *waiter {
	if p.line.len == 0 {
		return nil
	}
	s := p.best(nil)
	if s == nil {
		return nil
	}
	w := p.line.first()
	p.takeOut(w)
	w.slot = s
	p.take(s, w.x)
	return w
}
