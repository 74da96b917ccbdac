package pool

import (
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

// staffSlot gives the slot a goroutine that cares for it. p.mu is held.
func (p *Pool) staffSlot(s *slot) {
	s.tended = true
	p.tending.Add(1)
	go p.tend(s)
}

// staff counts the slots, not aside, that have or will have a worker which stays: of a worker and its successor only
// the successor. p.mu is held.
func (p *Pool) staff(not *slot) int {
	n := 0
	for _, s := range p.slots {
		if s != not && s.tended && s.state != Draining && s.successor == nil {
			n++
		}
	}
	return n
}

// refill staffs slots until there are as many as wanted. p.mu is held.
func (p *Pool) refill() {
	for !p.draining && p.staff(nil) < p.target {
		p.staffSlot(p.vacantSlot())
	}
}

// tend keeps slot s staffed for as long as the pool needs it. It is the slot's only goroutine, and the pool's Run waits
// for it.
func (p *Pool) tend(s *slot) {
	defer p.tending.Done()
	for p.engage(s) {
		worker, err := p.spawn(p.starts, s.id)
		if err != nil {
			if !p.rest(p.startFailed(s, err)) {
				break
			}
			continue
		}
		p.began(s, worker)
		p.attend(s, worker)
		if !p.rest(p.vacate(s, worker.Ended())) {
			break
		}
	}
	p.abandon(s)
}

// engage moves s to starting, or reports that there is enough without it.
func (p *Pool) engage(s *slot) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.draining || p.staff(s) >= p.target {
		return false
	}
	p.serial++
	p.counts.Starts++
	s.id = life.ID{Slot: s.number, Serial: p.serial, Generation: p.gen}
	p.move(s, Starting)
	return true
}

// predecessor returns the ready slot whose worker leaves once that of s is ready, or nil. p.mu is held.
func (p *Pool) predecessor(s *slot) *slot {
	for _, other := range p.slots {
		if other.successor == s && other.state == Ready {
			return other
		}
	}
	return nil
}

// startFailed notes that no worker could be started, and returns how long to wait before the next try.
func (p *Pool) startFailed(s *slot, cause error) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.move(s, Vacant)
	p.counts.Exits[life.StartFailed]++
	s.last = life.StartFailed
	s.failures++
	p.giveUp(cause)
	p.refuseAllIfUnstaffed()
	return s.pause.NextBackOff()
}

// giveUp ends Run when no worker was ever ready and every slot has tried often enough. p.mu is held.
func (p *Pool) giveUp(cause error) {
	if p.ready || p.closed {
		return
	}
	for _, s := range p.slots {
		if s.tended && s.failures < firstTries {
			return
		}
	}
	select {
	case p.failed <- cause:
	default: // somebody else has said it
	}
}

// began makes the worker's places available, and lets the one that it replaces leave.
func (p *Pool) began(s *slot, worker Worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.worker, s.inflight, s.served, s.ready = worker, 0, 0, time.Now()
	s.why, s.due, s.successor = "", false, nil
	s.leave, s.idle = make(chan struct{}), make(chan struct{})
	s.limit = worker.Concurrency()
	if p.cfg.Concurrency > 0 {
		s.limit = min(s.limit, p.cfg.Concurrency)
	}
	old := p.predecessor(s)
	p.move(s, Ready)
	p.ready = true
	if old != nil {
		p.drain(old, old.why)
	}
	if p.closed {
		p.drain(s, life.Stop)
		return
	}
	p.serveLine()
}

// attend waits for the end of the worker in s, and sees it off when it is to leave.
func (p *Pool) attend(s *slot, worker Worker) {
	for left := false; !left; {
		select {
		case <-worker.Done():
			left = true
		case why := <-worker.Asks():
			p.asked(s, why)
		case <-s.leave:
			p.seeOff(s, worker)
			left = true
		}
	}
	p.mu.Lock()
	if s.state == Ready { // it died
		p.drain(s, life.Crash)
	}
	p.mu.Unlock()
	<-s.idle // a dead worker gives its places back by itself
}

// asked does what a worker wishes: one that can still work is replaced first, any other gets nothing more.
func (p *Pool) asked(s *slot, why life.Reason) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case s.state != Ready:
	case why == life.GoAway:
		p.replace(s, why)
	case why == life.Timeout: // it may linger with what else it has in flight: another slot is staffed meanwhile
		p.drain(s, why)
		p.refill()
	default:
		p.drain(s, why)
	}
}

// drain takes the worker of a ready slot out of service, for which there is no way back. p.mu is held.
func (p *Pool) drain(s *slot, why life.Reason) {
	p.move(s, Draining)
	s.why = why
	close(s.leave)
	if s.inflight == 0 {
		close(s.idle)
	}
	if p.retiring == s {
		p.retiring = nil
		p.nextReplacement()
	}
}

// seeOff lets the worker finish what it has in flight, where it still can, and go.
func (p *Pool) seeOff(s *slot, worker Worker) {
	p.mu.Lock()
	why := s.why
	p.mu.Unlock()
	patience := p.cfg.StopTimeout
	switch {
	case finishes(why):
		p.finish(s, worker)
	case why != life.Timeout: // one that a request has poisoned may still answer others; the rest is beyond hope
		patience = 0
	}
	ctx, cancel := context.WithTimeout(p.hurry, patience)
	defer cancel()
	worker.Leave(ctx, why)
}

// finishes reports whether a worker that leaves for this reason may first finish what it has in flight.
func finishes(why life.Reason) bool {
	switch why {
	case life.MemoryHard, life.Timeout, life.Heartbeat, life.Crash, life.Protocol:
		return false
	}
	return true
}

// finish waits until nothing is in flight on s, the worker dies, or it has had the time for it.
func (p *Pool) finish(s *slot, worker Worker) {
	var late <-chan time.Time
	if p.cfg.DrainTimeout > 0 {
		timer := time.NewTimer(p.cfg.DrainTimeout)
		defer timer.Stop()
		late = timer.C
	}
	for {
		select {
		case <-s.idle:
		case <-worker.Done():
		case <-late:
		case <-p.hurry.Done():
		case why := <-worker.Asks():
			if finishes(why) {
				continue
			}
		}
		return
	}
}

// vacate notes that the worker has gone, and returns how long to wait before its slot gets another.
func (p *Pool) vacate(s *slot, why life.Reason) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.move(s, Vacant)
	p.counts.Exits[why]++
	s.worker, s.successor, s.last = nil, nil, why
	p.refuseAllIfUnstaffed()
	if planned(why) || time.Since(s.ready) >= settled {
		s.failures = 0
		s.pause.Reset()
		return 0
	}
	return s.pause.NextBackOff()
}

// planned reports whether a worker that left for this reason was sent, and not lost.
func planned(why life.Reason) bool {
	switch why {
	case life.MaxRequests, life.MaxAge, life.Idle, life.MemorySoft, life.GoAway, life.Reload, life.Resize, life.Stop:
		return true
	}
	return false
}

// rest waits before the next start, and reports whether there will be one.
func (p *Pool) rest(pause time.Duration) bool {
	if pause <= 0 {
		return true
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.starts.Done():
		return false
	}
}

// abandon leaves s to whoever needs a slot next.
func (p *Pool) abandon(s *slot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.tended = false
	p.refuseAllIfUnstaffed()
}
