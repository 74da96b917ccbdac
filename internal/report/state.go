// Package report is what an instance tells people about itself: State is one moment of it, and the Recorder keeps a
// sample of every second for a quarter of an hour. The control socket and the page show the same. It decides nothing,
// and whoever reads it waits for nobody.
package report

import (
	"math"
	"time"

	"fwatchdog/internal/life"
	"fwatchdog/pool"
)

// State is an instance at one moment.
type State struct {
	Version string    `json:"version"`
	Mode    string    `json:"mode"`
	Phase   string    `json:"phase"` // starting, ready, unready or draining
	Time    time.Time `json:"time"`
	// UptimeSeconds is the time since the start of the instance.
	UptimeSeconds float64 `json:"uptime_seconds"`
	// ReloadError is why the last reload failed; "" when it did not.
	ReloadError string   `json:"reload_error,omitempty"`
	Pool        Pool     `json:"pool"`
	Last        Sample   `json:"last_second"`
	Workers     []Worker `json:"workers"`
}

// Pool is what all workers add up to.
type Pool struct {
	Target     int  `json:"target"` // workers that are kept
	Min        int  `json:"min"`    // bounds of Target; equal when the pool is not elastic
	Max        int  `json:"max"`
	ByHand     bool `json:"by_hand"` // Target was set while the instance runs
	OwnMin     int  `json:"own_min"` // the bounds that the settings say
	OwnMax     int  `json:"own_max"`
	Capacity   int  `json:"capacity"`
	Inflight   int  `json:"inflight"`
	Queue      int  `json:"queue"`
	Generation int  `json:"generation"`
	Reloading  bool `json:"reloading"`
	// Starts, Retries and Exits count since the start of the instance; Exits by reason, those that never occurred left out.
	Starts  uint64                 `json:"starts"`
	Retries uint64                 `json:"retries"`
	Exits   map[life.Reason]uint64 `json:"exits"`
	// Soft and Hard are the memory limits of a worker in bytes; 0 is none.
	Soft int64 `json:"memory_soft_bytes"`
	Hard int64 `json:"memory_hard_bytes"`
}

// Worker is one slot and the worker in it. Serial is that of the last worker when the slot is vacant.
type Worker struct {
	Slot       int         `json:"slot"`
	Serial     uint64      `json:"serial"`
	Generation int         `json:"generation"`
	Pid        int         `json:"pid"` // 0 when there is none
	State      string      `json:"state"`
	Inflight   int         `json:"inflight"`
	Places     int         `json:"places"`
	Requests   uint64      `json:"requests"`
	Memory     int64       `json:"memory_bytes"` // of its process group; 0 until measured
	CPU        float64     `json:"cpu"`          // of one processor, 1 is all of it
	AgeSeconds float64     `json:"age_seconds"`
	Reason     life.Reason `json:"reason"`      // why it leaves, "" when it stays
	LastReason life.Reason `json:"last_reason"` // why its predecessor left
}

// Source is where the parts of a State come from.
type Source interface {
	Snapshot() pool.Snapshot
	// Usage is what each worker takes, by serial.
	Usage() map[uint64]life.Usage
	// MemoryLimits are those of a worker in bytes; 0 is none.
	MemoryLimits() (soft, hard int64)
	// Totals are of all requests since the start.
	Totals() Totals
	// Draining reports whether the instance is about to end.
	Draining() bool
	// ReloadError is why the last reload failed; "" when it did not.
	ReloadError() string
}

// describe makes a State of what source says now.
func describe(source Source) State {
	snap, usage := source.Snapshot(), source.Usage()
	s := State{Time: time.Now(), Phase: phase(snap, source.Draining()), ReloadError: source.ReloadError()}
	s.Pool = Pool{
		Target: snap.Target, Min: snap.Min, Max: snap.Max, ByHand: snap.ByHand, OwnMin: snap.OwnMin, OwnMax: snap.OwnMax, Capacity: snap.Capacity, Inflight: snap.Inflight, Queue: snap.Queue,
		Generation: snap.Generation, Reloading: snap.Reloading,
		Starts: snap.Counts.Starts, Retries: snap.Counts.Retries, Exits: snap.Counts.Exits,
	}
	s.Pool.Soft, s.Pool.Hard = source.MemoryLimits()
	s.Workers = make([]Worker, 0, len(snap.Slots))
	missing := snap.Target
	for _, slot := range snap.Slots {
		if slot.State != pool.Vacant {
			missing--
		}
	}
	for _, slot := range snap.Slots {
		if slot.State == pool.Vacant {
			if missing <= 0 { // it was for a successor, or a larger pool: nobody misses a worker there
				continue
			}
			missing--
		}
		s.Workers = append(s.Workers, describeSlot(slot, usage[slot.ID.Serial]))
	}
	return s
}

func describeSlot(slot pool.SlotInfo, usage life.Usage) Worker {
	w := Worker{
		Slot: slot.ID.Slot, Serial: slot.ID.Serial, Generation: slot.ID.Generation, Pid: slot.Vitals.Pid,
		State: slot.State.String(), Inflight: slot.Inflight, Places: slot.Limit, Requests: slot.Served,
		AgeSeconds: round(slot.Age.Seconds()), Reason: slot.Why, LastReason: slot.Last,
	}
	if slot.State != pool.Vacant {
		w.Memory, w.CPU = usage.Memory, round(usage.CPU)
	}
	return w
}

// phase sums up how an instance does.
func phase(snap pool.Snapshot, draining bool) string {
	served := false
	for _, slot := range snap.Slots {
		if slot.State == pool.Ready {
			served = true
		}
	}
	switch {
	case draining:
		return "draining"
	case served || len(snap.Slots) == 0: // a mode without workers
		return "ready"
	case snap.Counts.Starts <= uint64(len(snap.Slots)) && len(snap.Counts.Exits) == 0:
		return "starting"
	}
	return "unready"
}

// round keeps what a person can use of a number, so that documents stay short.
func round(x float64) float64 { return math.Round(x*1e6) / 1e6 }
