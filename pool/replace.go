package pool

import (
	"cmp"
	"context"
	"math"
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

// running reports whether workers are started. Where each serves once, those that wait get theirs in a pool that drains,
// too. p.mu is held.
func (p *Pool) running() bool {
	wanted := !p.draining || p.cfg.Once && !p.closed && p.line.len > 0
	return wanted && p.starts != nil && p.starts.Err() == nil
}

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
		if worker, err := p.spawn(s.until, s.id); err != nil {
			p.startFailed(s, err)
		} else {
			p.began(s, worker)
			p.attend(s, worker)
			p.vacate(s, worker.Ended())
		}
		<-s.until.Done() // the rest before the next start
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
	if s.kill != nil {
		s.kill() // only frees the context of its rest
	}
	s.until, s.kill = context.WithCancel(p.starts)
	p.move(s, Starting)
	return true
}

// startFailed notes that no worker could be started, and lets the slot rest before the next try.
func (p *Pool) startFailed(s *slot, cause error) {
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
	p.backOff(s)
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
	if p.cfg.Once { // the oldest first: it is the warmest
		s.used = math.MaxUint64 - s.id.Serial
	}
	s.leave, s.idle = make(chan struct{}), make(chan struct{})
	s.kill() // only frees the context of its start
	s.until, s.kill = context.WithCancel(p.hurry)
	s.maxServed, s.maxAge = p.cfg.drawLimits()
	p.ready, p.places = p.ready || !p.cfg.Once, limit
	p.move(s, Ready)
	if p.closed {
		p.drain(s, life.Stop)
		return
	}
	switch {
	case s.id.Generation > p.gen:
		p.promote(s)
	case p.cfg.Exclusive && s.id.Generation < p.gen: // its start was called off too late
		p.drain(s, life.Reload)
		return
	}
	p.trim()
	p.grant() // somebody may wait for the pool to be full
	p.serveLine()
	p.endReloadIfDone()
}

// vacate notes that the worker has gone, and lets its slot rest before it gets another.
func (p *Pool) vacate(s *slot, why life.Reason) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.kill() // only frees the context
	p.move(s, Vacant)
	p.counts.Exits[why]++
	if why == life.Crash {
		p.crashed()
	}
	s.worker, s.last = nil, why
	p.vacatedUnused(s, why)
	if why.Planned() || time.Since(s.ready) >= settled {
		s.failures = 0
		s.pause.Reset()
		p.restFor(s, 0)
		return
	}
	p.backOff(s)
}

// vacatedUnused judges, where a worker serves once, by the one that has gone whether workers can be started at all. p.mu
// is held.
func (p *Pool) vacatedUnused(s *slot, why life.Reason) {
	switch {
	case !p.cfg.Once:
	case s.served > 0:
		p.ready = true
	case !why.Planned():
		s.failures++
		p.giveUp(ErrUnused)
		p.endReloadIfFailed(s, ErrUnused)
	}
}

// backOff lets s rest before its next start, if there is to be one. p.mu is held.
func (p *Pool) backOff(s *slot) {
	pause := time.Duration(0)
	if s.staff {
		pause = s.pause.NextBackOff()
	}
	p.restFor(s, pause)
}

// restFor begins a rest, which ends early when the slot is not wanted any more, or nothing is started. p.mu is held.
func (p *Pool) restFor(s *slot, pause time.Duration) {
	s.until, s.kill = context.WithTimeout(p.starts, pause)
}
