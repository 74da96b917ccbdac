package pool

import (
	"time"

	"fwatchdog/internal/life"
)

// Retire asks that the worker with this serial number leaves; a serial whose worker has gone names nobody, so that a
// stale verdict cannot hit a successor. Hard reasons (a memory limit, a heartbeat) take effect at once, also on a worker
// that is leaving already. For all others the worker serves until there is a successor, and one worker is replaced at a
// time: whoever is due later, or is younger than Config.MinAge, waits for its turn; but for one that asks to go, and has served
// a request: it knows. An idle worker is not replaced: the pool is smaller without it, unless somebody needs it by now or the
// pool would be too small. Retire reports whether there was such a worker in service, which leaves or will.
func (p *Pool) Retire(serial uint64, why life.Reason) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.slots {
		if s.id.Serial == serial {
			return p.retire(s, why)
		}
	}
	return false
}

// retire does with the worker of s what the reason demands, and reports whether there was one in service. p.mu is held.
func (p *Pool) retire(s *slot, why life.Reason) bool {
	switch {
	case why == life.Idle:
		return p.letGo(s)
	case s.state == Ready && why.Planned():
		p.replace(s, why)
	case s.state == Ready:
		if !hopeless(why) && !p.cfg.Exclusive { // it lingers with what else it has in flight: another slot is staffed meanwhile
			p.dismiss(s)
		}
		p.drain(s, why)
	case s.state == Draining && hopeless(why) && !hopeless(s.why):
		s.why = why
		s.kill()
	default:
		return false
	}
	return true
}

// replace marks the worker of a ready slot as due, unless it is; its turn may be now. p.mu is held.
func (p *Pool) replace(s *slot, why life.Reason) {
	if s.why == "" || why == life.GoAway { // which need not wait
		s.why = why
		p.grant()
	}
}

// grant lets the worker yield that is due, old enough and has been there longest, unless another one yields; and those
// whose turn it is in a reload. p.mu is held.
func (p *Pool) grant() {
	due := p.oldest(func(s *slot) bool {
		return s.why != "" && (time.Since(s.ready) >= p.cfg.MinAge || s.why == life.GoAway && s.served > 0)
	})
	switch {
	case due == nil || p.retiring != nil:
	case !p.tight && !p.cfg.Exclusive:
		p.retiring = due
		p.dismiss(due)
	case p.count[Ready] >= p.target: // so that one goes at a time
		p.drain(due, due.why) // the slot stays staff: its next worker is the successor
	}
	p.grantReload()
	p.refill()
}

// Tighten says whether there is no memory for one worker more than there are. Then a worker that is due leaves before its
// successor is started, and not after.
func (p *Pool) Tighten(tight bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tight != tight {
		p.tight = tight
		p.grant()
	}
}

// oldest returns the worker with the lowest serial among those that are staff, ready and asked for, or nil. p.mu is
// held.
func (p *Pool) oldest(is func(*slot) bool) *slot {
	var oldest *slot
	for _, s := range p.slots {
		if s.state == Ready && s.staff && is(s) && (oldest == nil || s.id.Serial < oldest.id.Serial) {
			oldest = s
		}
	}
	return oldest
}

// trim lets workers leave that yield, while more are ready than wanted. p.mu is held.
func (p *Pool) trim() {
	for _, s := range p.slots {
		if p.count[Ready] > p.target && s.yields() {
			p.drain(s, s.why)
		}
	}
}
