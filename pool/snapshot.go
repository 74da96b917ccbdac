package pool

import (
	"maps"
	"time"

	"fwatchdog/internal/life"
)

// Counts are events since the pool was made.
type Counts struct {
	Starts, Retries                             uint64
	QueueFull, QueueTimeout, NotReady, Draining uint64 // refusals by reason
	Exits                                       map[life.Reason]uint64
}

// SlotInfo is one slot at one moment.
type SlotInfo struct {
	ID       life.ID // Serial and Generation are those of the last worker when the slot is vacant
	State    State
	Inflight int
	Limit    int           // places of the worker
	Served   uint64        // requests that the worker got
	Used     uint64        // grows with every request: of two workers the one with less was used less recently
	Age      time.Duration // since READY; 0 unless ready or draining
	MaxAge   time.Duration // at which it should be replaced: Config.MaxAge with the jitter of this worker; 0 is never
	Why      life.Reason   // why the worker leaves or is due to; "" when it stays
	Last     life.Reason   // why the previous worker left
	Vitals   life.Vitals
}

// Snapshot is a copy of what the pool is at one moment.
type Snapshot struct {
	Slots    []SlotInfo
	Capacity int // places of all ready workers
	Inflight int // places lent
	Queue    int // requests that wait
	Target   int // workers that are kept
	Min, Max int // bounds of Target; equal when the pool is not elastic
	// ByHand says that Resize has set Target. OwnMin and OwnMax are the bounds to which Restore returns.
	ByHand         bool
	OwnMin, OwnMax int
	// Generation is what is started now, and Reloading says that somebody waits for it, or the next, to take over.
	Generation int
	Reloading  bool
	Counts     Counts
	Crashes    int // workers that crashed in the last minute
	// CrashBudgetExceeded says that these are over half of the workers that are kept: not one bad request, but a
	// function that does not work.
	CrashBudgetExceeded bool
}

// Snapshot returns what the pool is now. Anybody may call it at any time; it waits for nothing but the lock.
func (p *Pool) Snapshot() Snapshot {
	snap, workers := p.copy()
	for i, worker := range workers {
		if worker != nil {
			snap.Slots[i].Vitals = worker.Vitals() // not under the lock: it is the worker's code
		}
	}
	return snap
}

// copy returns the snapshot but for the workers' vitals, and the workers by slot.
func (p *Pool) copy() (Snapshot, []Worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	snap := Snapshot{
		Capacity: p.capacity, Queue: p.line.len, Target: p.target,
		Min: p.least, Max: p.most, ByHand: p.byHand, Generation: p.gen, Reloading: p.reload != nil, Counts: p.counts,
	}
	snap.OwnMin, snap.OwnMax = p.cfg.bounds()
	snap.Counts.Exits = maps.Clone(p.counts.Exits)
	snap.Counts.Retries = p.retries.Load()
	for i, n := range []*uint64{&snap.Counts.QueueFull, &snap.Counts.QueueTimeout, &snap.Counts.NotReady, &snap.Counts.Draining} {
		*n = p.refused[i].Load()
	}
	snap.Crashes = len(p.crashes.recent(time.Now()))
	snap.CrashBudgetExceeded = 2*snap.Crashes > p.target
	snap.Slots = make([]SlotInfo, len(p.slots))
	workers := make([]Worker, len(p.slots))
	for i, s := range p.slots {
		snap.Inflight += s.inflight
		snap.Slots[i], workers[i] = s.info(), s.worker
	}
	return snap, workers
}

// info describes the slot. Pool.mu is held.
func (s *slot) info() SlotInfo {
	info := SlotInfo{ID: s.id, State: s.state, Inflight: s.inflight, Last: s.last}
	info.ID.Slot = s.number
	if s.worker != nil {
		info.Limit, info.Served, info.Used, info.Why = s.limit, s.served, s.used, s.why
		info.Age, info.MaxAge = time.Since(s.ready), s.maxAge
	}
	return info
}

// Ready reports whether requests should be sent here: at least one worker takes them, however busy it is, and the pool
// does not drain.
func (p *Pool) Ready() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count[Ready] > 0 && !p.draining
}

// Ping asks the worker with this serial number for a sign of life; its Vitals tell whether there was one.
func (p *Pool) Ping(serial uint64) {
	if worker := p.find(serial); worker != nil {
		worker.Ping()
	}
}

// find returns the worker with this serial number, or nil when it has gone.
func (p *Pool) find(serial uint64) Worker {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.slots {
		if s.id.Serial == serial {
			return s.worker
		}
	}
	return nil
}
