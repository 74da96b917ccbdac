package supervisor

import (
	"time"

	"fwatchdog/pool"
)

const (
	// slow is how long a request may wait before an elastic pool should grow.
	slow = 20 * time.Millisecond
	// crowded is the part of the processors over which more workers would only slow one another.
	crowded = 0.8
)

// growth is how many workers a pool should start now: as many as give places to those who wait too long, and to whoever
// may come next, but for those that start already. No more start at once than there are processors to boot them. Until a
// worker is ready nobody knows how many places one has, and there is nothing to measure.
func growth(l pool.Load, processors int) int {
	if l.Ready == 0 {
		return 0
	}
	missing := max(0, l.Spare-l.Free)
	if l.Oldest >= slow {
		missing += l.Waiting
	}
	coming := max(0, l.Wanted-l.Ready)
	need := (missing + l.Places - 1) / l.Places
	return max(0, min(need-coming, processors-max(coming, l.Starting), l.Max-l.Wanted))
}

// again is when to look at a pool next that may have to grow; 0 is not before it is strained anew.
func again(l pool.Load) time.Duration {
	switch {
	case l.Wanted >= l.Max:
		return 0
	case l.Waiting > 0 && l.Oldest < slow:
		return slow - l.Oldest
	case l.Waiting > 0 || l.Free < l.Spare:
		return slow
	}
	return 0
}
