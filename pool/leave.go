package pool

import (
	"context"
	"time"

	"fwatchdog/internal/life"
)

// attend waits for the end of the worker in s, and sees it off when it is to leave.
func (p *Pool) attend(s *slot, worker Worker) {
	ripe := alarm(p.cfg.MinAge)
	for gone := false; !gone; {
		select {
		case <-ripe:
			p.ripened()
		case <-worker.Done():
			p.asked(s, life.Crash) // unless it was to leave anyway
			gone = true
		case why := <-worker.Asks():
			p.asked(s, why)
		case <-s.leave:
			p.seeOff(s, worker)
			gone = true
		}
	}
	<-s.idle // a dead worker gives its places back by itself
}

// ripened gives a worker its turn to be replaced that was due before it was old enough.
func (p *Pool) ripened() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.grant()
}

// asked does what a worker wishes, or what its end demands.
func (p *Pool) asked(s *slot, why life.Reason) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retire(s, why)
}

// drain takes the worker of a ready slot out of service, for which there is no way back. p.mu is held.
func (p *Pool) drain(s *slot, why life.Reason) {
	p.move(s, Draining)
	s.why = why
	if hopeless(why) {
		s.kill()
	}
	close(s.leave)
	if s.inflight == 0 {
		close(s.idle)
	}
	if p.retiring == s {
		p.retiring = nil
	}
	p.grant()
	p.refuseIfUnstaffed()
}

// hopeless reports whether a worker that leaves for this reason is not waited for. One that a request has poisoned may
// still answer others.
func hopeless(why life.Reason) bool { return !why.Planned() && why != life.Timeout }

// seeOff lets the worker finish what it has in flight, where it still can, and go.
func (p *Pool) seeOff(s *slot, worker Worker) {
	if p.reasonOf(s).Planned() {
		p.finish(s, worker)
	}
	ctx, cancel := context.WithTimeout(s.until, p.cfg.StopTimeout)
	defer cancel()
	worker.Leave(ctx, p.reasonOf(s))
}

// reasonOf is why the worker in s leaves; a graver reason may still come.
func (p *Pool) reasonOf(s *slot) life.Reason {
	p.mu.Lock()
	defer p.mu.Unlock()
	return s.why
}

// finish waits until nothing is in flight on s, which is also so when the worker dies, until the worker is beyond hope,
// or has had the time for it.
func (p *Pool) finish(s *slot, worker Worker) {
	late := alarm(p.cfg.DrainTimeout)
	var slow <-chan time.Time
	if p.cfg.Once {
		slow = alarm(quick)
	}
	for {
		select {
		case <-slow:
			p.succeed(s)
			continue
		case why := <-worker.Asks():
			p.asked(s, why)
			if why.Planned() {
				continue
			}
		case <-s.idle:
		case <-s.until.Done():
		case <-late:
		}
		return
	}
}

// alarm rings once, after d; where that is 0, which is no limit, never. Nobody need stop it.
func alarm(d time.Duration) <-chan time.Time {
	if d == 0 {
		return nil
	}
	return time.After(d)
}

// quick is how long a worker that serves once may take before its successor is started beside it. One that takes less is
// not slowed by that start.
const quick = 50 * time.Millisecond

// succeed starts the successor of a worker that serves once and is not over yet.
func (p *Pool) succeed(s *slot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dismiss(s)
	p.refill()
}

// succeedIfSpent does so for all of them when no worker is left for the next request; an elastic pool keeps one more from
// then on. p.mu is held.
func (p *Pool) succeedIfSpent() {
	if p.count[Ready] > 0 {
		return
	}
	for _, s := range p.slots {
		if s.state == Draining {
			p.dismiss(s)
		}
	}
	if p.target < p.most && p.running() && !p.tight {
		p.target++
	}
	p.refill()
}
