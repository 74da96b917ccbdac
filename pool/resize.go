package pool

import "fwatchdog/internal/life"

// Resize sets how many workers are wanted; fewer than one becomes one. New ones are started at once. When there are too
// many, starts are called off first; then the workers that were used least recently finish what they have, and leave.
func (p *Pool) Resize(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = max(1, n)
	p.shrink(life.Resize)
	p.refill()
	p.trim()
	p.endReloadIfDone()
}

// shrink relieves slots that are too many, because of why. p.mu is held.
func (p *Pool) shrink(why life.Reason) {
	for p.staff > p.target {
		p.relieve(p.leastNeeded(), why)
	}
}

// relieve makes s staff no more because of why: its start is called off, or its worker yields. p.mu is held.
func (p *Pool) relieve(s *slot, why life.Reason) {
	p.dismiss(s)
	switch s.state {
	case Starting:
		s.why = why
		s.kill()
	case Ready:
		s.why = why
	}
}

// leastNeeded returns the slot of the staff that the pool can do without most easily. p.mu is held.
func (p *Pool) leastNeeded() *slot {
	var least *slot
	for _, s := range p.slots {
		if s.staff && (least == nil || s.neededLess(least)) {
			least = s
		}
	}
	return least
}

// neededLess reports whether the pool can do without s rather than without other: without one that has no worker, of
// these without the one that failed most; else without the one that was used less recently, or is younger.
func (s *slot) neededLess(other *slot) bool {
	switch {
	case (s.state == Ready) != (other.state == Ready):
		return other.state == Ready
	case s.state == Ready && s.used == other.used:
		return s.id.Serial > other.id.Serial
	case s.state == Ready:
		return s.used < other.used
	}
	return s.failures > other.failures
}
