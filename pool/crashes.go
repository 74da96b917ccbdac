package pool

import "time"

// crashWindow is how far back crashes are counted.
const crashWindow = time.Minute

// crashes is when workers crashed, the oldest first. Back-off keeps it short.
type crashes []time.Time

// recent returns those within the window that ends now.
func (c crashes) recent(now time.Time) crashes {
	for len(c) > 0 && now.Sub(c[0]) >= crashWindow {
		c = c[1:]
	}
	return c
}

// crashed notes that a worker ended by itself, and not well. p.mu is held.
func (p *Pool) crashed() {
	now := time.Now()
	p.crashes = append(p.crashes.recent(now), now)
}
