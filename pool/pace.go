package pool

import (
	"math"
	"time"
)

const (
	paceWindow = 10 * time.Second // how far back the pace is measured; at most twice as far
	paceTold   = time.Second      // sooner than this a pace tells nothing
	// The least and the most that RetryAfter says, in seconds.
	retrySoon, retryLate = 1, 60
)

// pace is how fast places become free, looked at only when somebody has to wait. It costs a request that does not a
// single addition.
type pace struct {
	given  uint64  // places ever given back
	before [2]mark // the older one is where the measuring begins
}

// mark is how many places had been given back at a moment.
type mark struct {
	at    time.Time
	given uint64
}

// look moves the marks on. Marks from before a long silence say nothing about now: the measuring begins anew.
func (c *pace) look(now time.Time) {
	age, here := now.Sub(c.before[1].at), mark{at: now, given: c.given}
	switch {
	case age >= 2*paceWindow:
		c.before = [2]mark{here, here}
	case age >= paceWindow:
		c.before = [2]mark{c.before[1], here}
	}
}

// RetryAfter is when a request that was refused should come again, in whole seconds from 1 to 60: when those who wait
// will have been served and one place more is free, if it goes on as in the last seconds.
func (p *Pool) RetryAfter() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.pace.look(now)
	from := p.pace.before[0]
	seconds := now.Sub(from.at).Seconds()
	if p.free > 0 || p.count[Ready] == 0 || seconds < paceTold.Seconds() {
		return retrySoon // there is a place, or no way to tell
	}
	each := seconds / float64(max(1, p.pace.given-from.given))
	return int(min(max(math.Ceil(float64(p.line.len+1)*each), retrySoon), retryLate))
}
