package pool

import (
	"context"
	"errors"
	"time"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/life"
)

// Do lends a place to x, waiting in line when there is none, and runs x on it. A request that no worker has seen is
// given to another one, once. Do returns when x.Response is filled or there will be none; the place is given back when
// the worker says that the stream is over, which may be later.
func (p *Pool) Do(ctx context.Context, x *exchange.Exchange) error {
	s, err := p.lend(ctx, x)
	if err != nil {
		return err
	}
	err = s.worker.Do(ctx, x, s.over) // the place keeps the slot from changing its worker
	if err == nil || !exchange.MayRetry(err) || x.Request.Stream != nil {
		return err
	}
	return p.retry(ctx, x, s, err)
}

// retry gives x to another worker after s's has failed with err before it saw the request.
func (p *Pool) retry(ctx context.Context, x *exchange.Exchange, s *slot, err error) error {
	var again *slot
	if lost := new(exchange.LostError); errors.As(err, &lost) {
		p.distrust(s, x.Worker.Serial)
		again, err = p.lend(ctx, x)
		if err != nil {
			return err
		}
	} else if again = p.lendNow(x, s); again == nil {
		return err // the worker refuses, and there is no other one
	}
	return again.worker.Do(ctx, x, again.over)
}

// lend returns a slot with a place for x.
func (p *Pool) lend(ctx context.Context, x *exchange.Exchange) (*slot, error) {
	p.mu.Lock()
	s := p.best(nil)
	if s != nil {
		p.take(s, x)
		p.mu.Unlock()
		return s, nil
	}
	w, err := p.join(x)
	p.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return p.wait(ctx, w)
}

// lendNow returns a slot other than not with a place for x, or nil.
func (p *Pool) lendNow(x *exchange.Exchange, not *slot) *slot {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.best(not)
	if s != nil {
		p.counts.Retries++
		p.take(s, x)
	}
	return s
}

// distrust gives nothing more to the worker with this serial: it has gone, though its end is not yet known here.
func (p *Pool) distrust(s *slot, serial uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.Retries++
	if s.id.Serial == serial && s.state == Ready {
		p.drain(s, life.Crash)
	}
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
}

// giveBack returns a place of s, and lends it to whoever has waited longest.
func (p *Pool) giveBack(s *slot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.inflight--
	if s.state == Ready {
		p.free++
		p.serveLine()
	} else if s.inflight == 0 {
		close(s.idle)
	}
}

// serveLine lends places to those who wait, as long as there are both. p.mu is held.
func (p *Pool) serveLine() {
	for p.line.head != nil {
		s := p.best(nil)
		if s == nil {
			return
		}
		w := p.line.head
		p.line.remove(w)
		p.take(s, w.x)
		w.slot = s
		w.told <- struct{}{}
	}
}

// join puts x at the end of the line. p.mu is held.
func (p *Pool) join(x *exchange.Exchange) (*waiter, error) {
	switch {
	case p.closed || p.draining && !p.staffed():
		p.counts.Draining++
		return nil, ErrDraining
	case p.line.len >= p.queueSize():
		p.counts.QueueFull++
		return nil, ErrQueueFull
	}
	w := waiters.Get().(*waiter)
	w.x = x
	p.line.push(w)
	return w, nil
}

// queueSize is how many may wait. Until the first worker has told how many places it has, the wish counts. p.mu is
// held.
func (p *Pool) queueSize() int {
	if p.cfg.QueueSize >= 0 {
		return p.cfg.QueueSize
	}
	if !p.ready {
		return 10 * p.target * max(1, p.cfg.Concurrency)
	}
	return 10 * max(p.capacity, p.target)
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
	w.x.Waited = time.Since(start)
	s, err := w.slot, w.err
	w.x, w.slot, w.err = nil, nil, nil
	waiters.Put(w)
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

// refuseAll ends the waiting of everybody with err. p.mu is held.
func (p *Pool) refuseAll(err error) {
	for p.line.head != nil {
		w := p.line.head
		p.line.remove(w)
		w.err = err
		p.counts.Draining++
		w.told <- struct{}{}
	}
}

// refuseAllIfUnstaffed refuses those who wait when no worker will ever come. p.mu is held.
func (p *Pool) refuseAllIfUnstaffed() {
	if p.draining && !p.staffed() {
		p.refuseAll(ErrDraining)
	}
}

// staffed reports whether there is, or will be, a worker. p.mu is held.
func (p *Pool) staffed() bool { return p.count[Starting]+p.count[Ready] > 0 }
