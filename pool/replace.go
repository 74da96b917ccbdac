package pool

import (
	"cmp"
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"

	"fwatchdog/internal/life"
)

const (
	pauseMin = 100 * time.Millisecond
	pauseMax = 30 * time.Second
	// settled is how long a worker must have been ready before its death is no longer taken for a failed start.
	settled = 10 * time.Second
	// firstTries is how often every slot tries to start a worker before a pool that never had one gives up.
	firstTries = 3
)

// newPause returns the back-off of one slot: 100 ms doubling to 30 s, with jitter.
func newPause() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = pauseMin, pauseMax
	b.Multiplier, b.RandomizationFactor = 2, 0.2
	return b
}

// running reports whether workers are started. p.mu is held.
func (p *Pool) running() bool { return !p.draining && p.starts != nil && p.starts.Err() == nil }

// refill staffs slots until there are as many as wanted. p.mu is held.
func (p *Pool) refill() {
	for p.running() && p.staff < p.target {
		s := p.vacantSlot()
		p.enlist(s)
		p.care(s)
	}
}

// care gives the slot its goroutine. p.mu is held.
func (p *Pool) care(s *slot) {
	s.tended = true
	p.tending.Go(func() { p.tend(s) })
}

// tend keeps slot s staffed for as long as the pool needs it. It is the slot's only goroutine, and the pool's Run waits
// for it.
func (p *Pool) tend(s *slot) {
	for p.engage(s) {
		var pause time.Duration
		if worker, err := p.spawn(s.until, s.id); err != nil {
			pause = p.startFailed(s, err)
		} else {
			p.began(s, worker)
			p.attend(s, worker)
			pause = p.vacate(s, worker.Ended())
		}
		p.rest(pause)
	}
}

// engage moves s to starting, or leaves it to whoever needs a slot next when it is not needed here.
func (p *Pool) engage(s *slot) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !s.staff && !p.isScout(s) || !p.running() {
		p.dismiss(s)
		s.tended = false
		return false
	}
	p.serial++
	p.counts.Starts++
	s.id = life.ID{Slot: s.number, Serial: p.serial, Generation: p.gen}
	if p.isScout(s) {
		s.id.Generation = p.begun
	}
	s.why = ""
	s.until, s.kill = context.WithCancel(p.starts)
	p.move(s, Starting)
	return true
}

// startFailed notes that no worker could be started, and returns how long to wait before the next try.
func (p *Pool) startFailed(s *slot, cause error) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.move(s, Vacant)
	if s.until.Err() != nil { // it was called off
		s.last = cmp.Or(s.why, life.Stop)
	} else {
		s.kill() // only frees the context
		s.last = life.StartFailed
		s.failures++
		p.giveUp(cause)
		p.endReloadIfFailed(s, cause)
	}
	p.endReloadIfDone()
	p.counts.Exits[s.last]++
	p.refuseIfUnstaffed()
	return p.backOff(s)
}

// giveUp ends Run when no worker was ever ready and every slot has tried often enough. p.mu is held.
func (p *Pool) giveUp(cause error) {
	if p.ready || !p.running() {
		return
	}
	for _, s := range p.slots {
		if s.staff && s.failures < firstTries {
			return
		}
	}
	select {
	case p.failed <- cause:
	default: // somebody else has said it
	}
}

// began makes the worker's places available, and lets a worker leave that is not needed any more.
func (p *Pool) began(s *slot, worker Worker) {
	limit := max(1, worker.Concurrency())
	if p.cfg.Concurrency > 0 {
		limit = min(limit, p.cfg.Concurrency)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s.worker, s.limit, s.ready = worker, limit, time.Now()
	s.inflight, s.used, s.served = 0, 0, 0
	s.leave, s.idle = make(chan struct{}), make(chan struct{})
	s.kill() // only frees the context of its start
	s.until, s.kill = context.WithCancel(p.hurry)
	s.maxServed, s.maxAge = p.cfg.drawLimits()
	p.ready, p.places = true, limit
	p.move(s, Ready)
	if p.closed {
		p.drain(s, life.Stop)
		return
	}
	if s.id.Generation > p.gen {
		p.promote(s)
	}
	p.trim()
	p.serveLine()
	p.endReloadIfDone()
}

// vacate notes that the worker has gone, and returns how long to wait before its slot gets another.
func (p *Pool) vacate(s *slot, why life.Reason) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.kill() // only frees the context
	p.move(s, Vacant)
	p.counts.Exits[why]++
	if why == life.Crash {
		p.crashed()
	}
	s.worker, s.last = nil, why
	if why.Planned() || time.Since(s.ready) >= settled {
		s.failures = 0
		s.pause.Reset()
		return 0
	}
	return p.backOff(s)
}

// backOff returns how long s must wait before its next start. p.mu is held.
func (p *Pool) backOff(s *slot) time.Duration {
	if !s.staff { // there will be none
		return 0
	}
	return s.pause.NextBackOff()
}

// rest waits before the next start, or until there will be none.
func (p *Pool) rest(pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.starts.Done():
	}
}
