package pool

import "fwatchdog/internal/life"

// Resize sets how many workers are wanted; fewer than one becomes one, and where Config.Exclusive is set one stays one.
// It is for a person who has decided: both bounds become that number, so that an elastic pool is one no more until Restore.
// New workers are started at once. When there are too many, starts are called off first; then the workers that were used least
// recently finish what they have, and leave.
func (p *Pool) Resize(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cfg.Exclusive {
		return // there can only be one
	}
	n = max(1, n)
	p.byHand = true
	p.resize(n, n, n)
}

// Restore takes back what Resize has set: Config says again how many workers are wanted. An elastic pool goes on from the
// size that it has, or the nearest that it may have.
func (p *Pool) Restore() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.byHand {
		return
	}
	p.byHand = false
	least, most := p.cfg.bounds()
	p.resize(min(max(p.target, least), most), least, most)
	p.strained() // whoever grows the pool has not looked for a while
}

// resize keeps n workers from now on, within these bounds. p.mu is held.
func (p *Pool) resize(n, least, most int) {
	p.target, p.least, p.most = n, least, most
	p.shrink(life.Resize)
	p.grant() // the pool may be full now
	p.trim()
	p.endReloadIfDone()
}

// shrink relieves slots that are too many, because of why. p.mu is held.
func (p *Pool) shrink(why life.Reason) {
	for p.staff > p.target {
		p.relieve(p.leastNeeded(), why)
	}
}

// relieve makes s staff no more because of why: its start is called off, its worker yields, or its rest ends. p.mu is held.
func (p *Pool) relieve(s *slot, why life.Reason) {
	p.dismiss(s)
	switch s.state {
	case Starting:
		s.why = why
		s.kill()
	case Ready:
		s.why = why
	case Vacant:
		if s.kill != nil { // it rests, or has not begun
			s.kill()
		}
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
