package pool

import (
	"context"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/life"
)

// Do lends a place to x, waiting in line when there is none, and runs x on it. When its worker fails, x is given to
// another one, once, where Config.Retry allows that. Do returns when x.Response is filled or there will be none; the place is given back when
// the worker says that the stream is over, which may be later.
func (p *Pool) Do(ctx context.Context, x *exchange.Exchange) error {
	s, err := p.lend(ctx, x)
	if err != nil {
		return err
	}
	err = s.worker.Do(ctx, x, s.over) // the place keeps the slot from changing its worker
	if err == nil {
		return nil
	}
	return p.retry(ctx, x, s, err)
}

// lend returns a slot with a place for x.
func (p *Pool) lend(ctx context.Context, x *exchange.Exchange) (*slot, error) {
	s, w, err := p.takeOrJoin(x)
	if w != nil {
		return p.wait(ctx, w)
	}
	return s, err
}

// takeOrJoin returns a slot with a place for x; else x stands in line from now on, or is refused.
func (p *Pool) takeOrJoin(x *exchange.Exchange) (*slot, *waiter, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.best(nil); s != nil {
		p.take(s, x)
		return s, nil, nil
	}
	w, err := p.join(x)
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

// best returns the slot with the fewest in flight among those that have a place; of equals the one that was used last,
// so that surplus workers go idle and warm ones stay warm. p.mu is held.
func (p *Pool) best(not *slot) *slot {
	if p.free == 0 { // the usual case under load needs no scan
		return nil
	}
	var best *slot
	for _, s := range p.slots {
		if s.free() <= 0 || s == not {
			continue
		}
		if best == nil || s.inflight < best.inflight || s.inflight == best.inflight && s.used > best.used {
			best = s
		}
	}
	return best
}

// take lends a place of s to x. p.mu is held.
func (p *Pool) take(s *slot, x *exchange.Exchange) {
	p.lends++
	s.used = p.lends
	s.served++
	s.inflight++
	p.free--
	x.Worker = s.id
	if s.served == s.maxServed { // it serves this one as any other, and more until there is a successor
		p.replace(s, life.MaxRequests)
	}
}

// giveBack returns a place of s, and lends it to whoever has waited longest.
func (p *Pool) giveBack(s *slot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.inflight == 0 {
		panic("pool: a place was given back that nobody had")
	}
	s.inflight--
	p.pace.given++
	if s.state == Ready {
		p.free++
		p.serveLine()
	} else if s.inflight == 0 {
		close(s.idle)
	}
}

// serveLine lends places to those who wait, as long as there are both. p.mu is held.
func (p *Pool) serveLine() {
	for p.line.len > 0 {
		s := p.best(nil)
		if s == nil {
			return
		}
		w := p.line.pop()
		p.take(s, w.x)
		w.slot = s
		w.told <- struct{}{}
	}
}
