package pool

import (
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

// slot is a numbered place for a worker. Pool.mu guards every field but number and over, which never change.
type slot struct {
	number int
	over   func() // gives back a place of this slot

	state    State
	tended   bool // a goroutine cares for the slot
	id       life.ID
	worker   Worker // nil when vacant or starting
	inflight int    // places lent
	limit    int    // the slot has limit - inflight places
	used     uint64 // when a place was lent last, by Pool.lends
	served   uint64 // requests that its worker got
	ready    time.Time

	why       life.Reason   // why its worker leaves or is due to leave: a label, not a state
	due       bool          // its worker is to be replaced, successor first
	successor *slot         // starts in order to replace this slot's worker
	leave     chan struct{} // closed once it drains
	idle      chan struct{} // closed once it drains and nothing is in flight

	failures int // starts that failed since a worker was ready for a while
	pause    *backoff.ExponentialBackOff
	last     life.Reason // why the previous worker left
}

// free returns how many places the slot can still lend.
func (s *slot) free() int {
	if s.state != Ready {
		return 0
	}
	return s.limit - s.inflight
}

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

// addSlot makes a vacant slot. p.mu is held.
func (p *Pool) addSlot() *slot {
	s := &slot{number: len(p.slots), pause: newPause()}
	s.over = func() { p.giveBack(s) }
	p.slots = append(p.slots, s)
	p.count[Vacant]++
	return s
}

// vacantSlot returns a slot that nobody cares for, the lowest number first. p.mu is held.
func (p *Pool) vacantSlot() *slot {
	for _, s := range p.slots {
		if !s.tended {
			return s
		}
	}
	return p.addSlot()
}
