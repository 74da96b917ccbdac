package pool

import (
	"testing"
)

// census is what the slots add up to.
type census struct {
	count                                   [Draining + 1]int
	staff, capacity, free, inflight, yields int
}

func (p *Pool) takeCensus() census {
	var c census
	for _, s := range p.slots {
		c.count[s.state]++
		c.capacity += s.limit * b2i(s.state == Ready)
		c.free += s.free()
		c.inflight += s.inflight
		c.staff += b2i(s.staff)
		c.yields += b2i(s.yields())
	}
	return c
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// check demands what is true whenever nobody holds the lock.
func (r *rig) check() {
	r.t.Helper()
	p := r.Pool
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.takeCensus()
	same(r.t, "slots by state", p.count, c.count)
	same(r.t, "slots", sum(p.count[:]), len(p.slots))
	same(r.t, "capacity", p.capacity, c.capacity)
	same(r.t, "free places", p.free, c.free)
	same(r.t, "free and lent places of ready slots", p.free+p.lentByReady(), p.capacity)
	same(r.t, "staff", p.staff, c.staff)
	same(r.t, "length of the line", p.line.len, p.line.walk(r.t))
	holds(r.t, "the line is empty whenever a place is free", p.free == 0 || p.line.len == 0)
	holds(r.t, "nobody waits in a pool that is closed", !p.closed || p.line.len == 0)
	holds(r.t, "the size is within its bounds", p.least <= p.target && p.target <= p.most)
	if p.running() {
		same(r.t, "staff and workers that are wanted", p.staff, p.target)
		holds(r.t, "no more workers are ready than wanted", p.count[Ready] <= p.target)
	}
	holds(r.t, "no more than two generations are in service", len(p.generations()) <= 2)
	holds(r.t, "a pool that drains does not reload", p.reload == nil || !p.draining)
	holds(r.t, "the worker whose turn it is yields", p.retiring == nil || p.retiring.yields())
	for _, s := range p.slots {
		s.check(r.t)
		holds(r.t, "no worker of a generation that is not ready is in service", s.state != Ready || s.id.Generation <= p.gen)
	}
}

// check demands what is true of every slot. Pool.mu is held.
func (s *slot) check(t *testing.T) {
	t.Helper()
	holds(t, "a slot lends no more than its limit", s.inflight >= 0 && s.inflight <= s.limit)
	holds(t, "a slot that is used has somebody who cares for it", s.tended || s.state == Vacant)
	holds(t, "staff has somebody who cares for it", s.tended || !s.staff)
	holds(t, "who has a worker is ready or draining", (s.worker != nil) == (s.state == Ready || s.state == Draining))
	holds(t, "places are lent by who has a worker", s.inflight == 0 || s.worker != nil)
	holds(t, "who yields knows why", !s.yields() || s.why != "")
	if s.worker != nil {
		holds(t, "who leaves has been told", isClosed(s.leave) == (s.state == Draining))
		holds(t, "idle is told once nothing is in flight", isClosed(s.idle) == (s.state == Draining && s.inflight == 0))
	}
}

// checkQuiet demands what is true when nobody has anything to do.
func (r *rig) checkQuiet() {
	r.t.Helper()
	open := 0
	r.mu.Lock()
	for _, f := range r.workers {
		open += f.inflight()
	}
	r.mu.Unlock()
	same(r.t, "places lent and requests in flight", r.Snapshot().Inflight, open)
}

// checkFull demands that the pool is what it should be in peace.
func (r *rig) checkFull() {
	r.t.Helper()
	p := r.Pool
	p.mu.Lock()
	defer p.mu.Unlock()
	same(r.t, "ready workers", p.count[Ready], p.target)
	same(r.t, "slots in use that are not ready", p.count[Starting]+p.count[Draining], 0)
	same(r.t, "staff", p.staff, p.target)
	tended := 0
	for _, s := range p.slots {
		tended += b2i(s.tended)
		if s.state == Ready {
			select {
			case <-s.worker.Done():
				r.t.Fatalf("slot %d is ready with a dead worker", s.number)
			default:
			}
		}
	}
	same(r.t, "slots that are cared for", tended, p.target)
	holds(r.t, "nobody waits for a turn to be replaced", p.retiring == nil)
	same(r.t, "generations in service", len(p.generations()), 1)
}

// checkEmpty demands that Run has left nothing behind.
func (r *rig) checkEmpty() {
	r.t.Helper()
	p := r.Pool
	p.mu.Lock()
	defer p.mu.Unlock()
	same(r.t, "vacant slots", p.count[Vacant], len(p.slots))
	var exits uint64
	for _, n := range p.counts.Exits {
		exits += n
	}
	same(r.t, "exits and starts", exits, p.counts.Starts)
	for _, f := range r.workers {
		holds(r.t, "every worker has gone", f.dead)
	}
}

// generations returns those of the ready workers.
func (p *Pool) generations() map[int]bool {
	found := map[int]bool{}
	for _, s := range p.slots {
		if s.state == Ready {
			found[s.id.Generation] = true
		}
	}
	return found
}

// lentByReady is how many places the ready slots have lent.
func (p *Pool) lentByReady() int {
	n := 0
	for _, s := range p.slots {
		n += s.inflight * b2i(s.state == Ready)
	}
	return n
}

// walk counts the line from both ends.
func (l *line) walk(t *testing.T) int {
	t.Helper()
	there, back := 0, 0
	for w := l.ends.next; w != &l.ends; w = w.next {
		there++
	}
	for w := l.ends.prev; w != &l.ends; w = w.prev {
		back++
	}
	same(t, "the line from both ends", there, back)
	return there
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func sum(ns []int) int {
	total := 0
	for _, n := range ns {
		total += n
	}
	return total
}

func same[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func holds(t *testing.T, what string, is bool) {
	t.Helper()
	if !is {
		t.Fatalf("broken: %s", what)
	}
}
