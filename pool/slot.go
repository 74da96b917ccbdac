package pool

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"

	"fwatchdog/internal/life"
)

// State is what a slot is doing.
type State uint8

// The states of a slot. Busy is none of them: it is inflight == limit.
const (
	Vacant State = iota
	Starting
	Ready
	Draining
)

// States is every State there is.
var States = []State{Vacant, Starting, Ready, Draining}

// String returns the state's name in logs and metrics.
func (s State) String() string { return [...]string{"vacant", "starting", "ready", "draining"}[s] }

// follows lists every move that a slot can make.
var follows = [...][]State{
	Vacant:   {Starting},
	Starting: {Ready, Vacant},
	Ready:    {Draining},
	Draining: {Vacant},
}

// slot is a numbered place for a worker. Pool.mu guards every field but number and over, which never change. Only tend
// sets until, leave and idle, and reads them without it.
type slot struct {
	number int
	over   func() // gives back a place of this slot

	state  State
	tended bool // a goroutine cares for the slot
	staff  bool // it counts as one of the workers that are kept; a ready slot that does not yields
	id     life.ID

	// Of the present worker, from the beginning of its start.
	why   life.Reason     // why it is not wanted any more, or will not be: a label, not a state
	until context.Context // ends when its start is called off, then when it is to be killed, then when its rest is over
	kill  context.CancelFunc

	// Of the present worker, from ready to vacant.
	worker   Worker
	inflight int    // places lent
	limit    int    // the slot has limit - inflight places
	used     uint64 // when a place was lent last, by Pool.lends; with Once by age
	served   uint64 // requests that it got
	ready    time.Time
	leave    chan struct{} // closed once it drains
	idle     chan struct{} // closed once it drains and nothing is in flight

	// What the present worker's life is limited to; 0 is no limit.
	maxServed uint64
	maxAge    time.Duration

	// Of its predecessors.
	last     life.Reason // why the previous one left
	failures int         // starts that failed since one was ready for a while
	pause    *backoff.ExponentialBackOff
}

// free returns how many places the slot can still lend.
func (s *slot) free() int {
	if s.state != Ready {
		return 0
	}
	return s.limit - s.inflight
}

// yields reports whether the slot's worker serves only until the pool is full without it.
func (s *slot) yields() bool { return s.state == Ready && !s.staff }

// move is the only place where a slot's state changes. p.mu is held.
func (p *Pool) move(s *slot, to State) {
	if !slices.Contains(follows[s.state], to) {
		panic(fmt.Sprintf("pool: slot moved from %s to %s", s.state, to))
	}
	if s.state == Ready {
		p.capacity -= s.limit
		p.free -= s.limit - s.inflight
	}
	if to == Ready {
		p.capacity += s.limit
		p.free += s.limit - s.inflight
	}
	p.count[s.state]--
	p.count[to]++
	s.state = to
}

// enlist makes s count as one of the workers that are kept. p.mu is held.
func (p *Pool) enlist(s *slot) {
	if !s.staff {
		s.staff = true
		p.staff++
	}
}

// dismiss makes s count no more: another slot is staffed in its place, or none. p.mu is held.
func (p *Pool) dismiss(s *slot) {
	if s.staff {
		s.staff = false
		p.staff--
	}
}

// vacantSlot returns a slot that nobody cares for, the lowest number first. p.mu is held.
func (p *Pool) vacantSlot() *slot {
	for _, s := range p.slots {
		if !s.tended {
			return s
		}
	}
	s := &slot{number: len(p.slots), pause: newPause()}
	s.over = func() { p.giveBack(s) }
	p.slots = append(p.slots, s)
	p.count[Vacant]++
	return s
}
