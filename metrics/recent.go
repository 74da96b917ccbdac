package metrics

import (
	"sync"
	"time"
)

// recent counts events of the last second, to a tenth of a second.
type recent struct {
	mu     sync.Mutex // guards tenths
	tenths [10]tenth
}

// tenth is how many events there were in one tenth of a second, counted since 1970.
type tenth struct {
	number int64
	events uint64
}

func numberOf(now time.Time) int64 { return now.UnixMilli() / 100 }

// add counts an event.
func (r *recent) add(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	number := numberOf(now)
	t := &r.tenths[number%int64(len(r.tenths))]
	if t.number != number {
		*t = tenth{number: number}
	}
	t.events++
}

// count is how many events there were in the last second.
func (r *recent) count(now time.Time) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	oldest := numberOf(now) - int64(len(r.tenths)) + 1
	var n uint64
	for _, t := range r.tenths {
		if t.number >= oldest {
			n += t.events
		}
	}
	return n
}
