package pool

import (
	"cmp"
	"time"

	"fwatchdog/internal/life"
)

// bounds are the fewest and the most workers.
func (c Config) bounds() (least, most int) { return cmp.Or(c.Min, c.Size), cmp.Or(c.Max, c.Size) }

// Load is what the right size of an elastic pool depends on, at one moment.
type Load struct {
	Min, Max int           // bounds of Wanted
	Wanted   int           // workers that are kept, those included that start or rest after a failed start
	Ready    int           // workers that take requests
	Starting int           // workers that boot; some may be successors
	Places   int           // of one worker
	Free     int           // places that are not lent
	Spare    int           // places that should not be
	Waiting  int           // requests that stand in line
	Oldest   time.Duration // how long the first of these has waited in all
}

// Load returns what is asked of the pool now. It costs no more than the lock.
func (p *Pool) Load() Load {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := Load{
		Min: p.least, Max: p.most, Wanted: p.target, Ready: p.count[Ready], Starting: p.count[Starting],
		Places: p.places, Free: p.free, Spare: p.cfg.Spare * p.places, Waiting: p.line.len,
	}
	if p.line.len > 0 {
		l.Oldest = p.cfg.QueueTimeout - time.Until(p.line.first().until)
	}
	return l
}

// Strained tells one reader that more workers may be needed: a request had to wait where none did, or fewer places are
// free than should be. It tells of no second time before the first was read, and nothing when the pool cannot grow.
func (p *Pool) Strained() <-chan struct{} { return p.strain }

// strained makes Strained tell. p.mu is held.
func (p *Pool) strained() {
	if p.target == p.most {
		return
	}
	select {
	case p.strain <- struct{}{}:
	default: // it has not been read
	}
}

// Grow keeps n workers more, or fewer where the upper bound is nearer, starts them, and returns how many these are: none
// where there is no memory for more.
func (p *Pool) Grow(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.running() || p.tight {
		return 0
	}
	more := max(0, min(n, p.most-p.target))
	p.target += more
	p.refill()
	return more
}

// letGo keeps one worker less, and lets that of s leave, or what was to become its worker, because nobody needs it. It
// reports false when somebody does, or the pool would be too small. p.mu is held.
func (p *Pool) letGo(s *slot) bool {
	if !s.staff || s.inflight > 0 || p.line.len > 0 || p.target == p.least {
		return false
	}
	p.target--
	p.relieve(s, life.Idle)
	p.trim()
	p.endReloadIfDone()
	return true
}
