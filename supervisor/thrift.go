package supervisor

import (
	"cmp"
	"slices"
	"time"

	"fwatchdog/pool"
)

const (
	// regret is how soon after a worker was let go a new one says that this was too early.
	regret = time.Minute
	// dearest is by how much the time of idleness is multiplied at most.
	dearest = 8
	// forgiven is after how many such times without regret it is halved again.
	forgiven = 10
)

// thrift decides when an elastic pool lets a worker go: one that has been idle for a while, and one in such a while. When
// that turns out to be too early the while doubles, so that a load that comes and goes does not start workers each time.
type thrift struct {
	base   time.Duration // the while as it is set
	while  time.Duration // as it is now
	raised time.Time     // when it was changed last
	let    time.Time     // when a worker was let go
	rued   bool          // that one has been regretted
	seen   []sighting    // by slot
}

// sighting is since when a slot has been of no use.
type sighting struct {
	state  pool.State
	serial uint64
	used   uint64
	since  time.Time
}

func newThrift(idle time.Duration) *thrift { return &thrift{base: idle, while: idle} }

// every is how often to look; 0 is never.
func (t *thrift) every() time.Duration {
	if t.base == 0 {
		return 0
	}
	return min(max(t.base/8, 10*time.Millisecond), 5*time.Second)
}

// grew notes that workers were started because they were needed.
func (t *thrift) grew(now time.Time) {
	if t.let.IsZero() || t.rued || now.Sub(t.let) >= regret {
		return
	}
	t.rued, t.raised = true, now
	t.while = min(2*t.while, dearest*t.base)
}

// surplus names workers of which one may be let go, the best first: what has failed to start, then those used least
// recently, of equals the youngest.
func (t *thrift) surplus(slots []pool.SlotInfo, l pool.Load, now time.Time) []uint64 {
	t.look(slots, now)
	if t.while > t.base && now.Sub(t.raised) >= forgiven*t.while {
		t.while, t.raised = t.while/2, now
	}
	if l.Wanted <= l.Min || l.Waiting > 0 || now.Sub(t.let) < t.while {
		return nil
	}
	var idle []pool.SlotInfo
	for i, slot := range slots {
		useless := slot.State == pool.Vacant || slot.State == pool.Ready && l.Free-slot.Limit >= l.Spare
		if useless && now.Sub(t.seen[i].since) >= t.while {
			idle = append(idle, slot)
		}
	}
	slices.SortFunc(idle, dispensable)
	serials := make([]uint64, len(idle))
	for i, slot := range idle {
		serials[i] = slot.ID.Serial
	}
	return serials
}

// look notes since when each slot has been of no use: a worker since it had a request, another slot since it had a worker.
func (t *thrift) look(slots []pool.SlotInfo, now time.Time) {
	for len(t.seen) < len(slots) {
		t.seen = append(t.seen, sighting{since: now})
	}
	for i, slot := range slots {
		before := t.seen[i]
		next := sighting{slot.State, slot.ID.Serial, slot.Used, before.since}
		switch slot.State {
		case pool.Ready:
			if slot.Inflight > 0 || before.state != pool.Ready || before.serial != next.serial || before.used != next.used {
				next.since = now
			}
		case pool.Draining:
			next.since = now
		}
		t.seen[i] = next
	}
}

// dispensable compares idle slots: the one that can be done without most easily comes first.
func dispensable(a, b pool.SlotInfo) int {
	switch {
	case (a.State == pool.Vacant) != (b.State == pool.Vacant):
		if a.State == pool.Vacant {
			return -1
		}
		return 1
	case a.Used != b.Used:
		return cmp.Compare(a.Used, b.Used)
	}
	return cmp.Compare(b.ID.Serial, a.ID.Serial)
}
