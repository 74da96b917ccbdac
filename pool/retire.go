package pool

import "fwatchdog/internal/life"

// Retire asks that the worker with this serial number leaves; a serial whose worker has gone names nobody, so that a
// stale verdict cannot hit a successor. Hard reasons (a memory limit, a heartbeat) take effect at once. For all others
// the successor is started first, and one worker at a time: whoever is due later waits for its turn. Retire reports
// whether there was such a worker in service.
func (p *Pool) Retire(serial uint64, why life.Reason) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.slots {
		if s.id.Serial != serial || s.state != Ready {
			continue
		}
		if finishes(why) {
			p.replace(s, why)
		} else {
			p.drain(s, why)
		}
		return true
	}
	return false
}

// replace marks the worker of a ready slot as due; its turn may be now. p.mu is held.
func (p *Pool) replace(s *slot, why life.Reason) {
	if s.due {
		return
	}
	s.due, s.why = true, why
	p.nextReplacement()
}

// nextReplacement starts the successor of the worker that is due and has the lowest serial, unless another
// replacement is under way. p.mu is held.
func (p *Pool) nextReplacement() {
	if p.retiring != nil || p.draining {
		return
	}
	for _, s := range p.slots {
		if s.due && s.state == Ready && (p.retiring == nil || s.id.Serial < p.retiring.id.Serial) {
			p.retiring = s
		}
	}
	if p.retiring != nil {
		p.retiring.successor = p.vacantSlot()
		p.staffSlot(p.retiring.successor)
	}
}
