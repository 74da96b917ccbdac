package supervisor

import (
	"context"
	"time"

	"go.uber.org/zap"

	"fwatchdog/internal/cpus"
	"fwatchdog/internal/life"
	"fwatchdog/pool"
)

// Elastic is a pool whose size can be changed.
type Elastic interface {
	Load() pool.Load
	Snapshot() pool.Snapshot
	Strained() <-chan struct{}
	Grow(n int) int
	Retire(serial uint64, why life.Reason) bool
}

// Scaler keeps the size of an elastic pool where the load needs it. It wakes when a request has to wait, and now and then
// to look for idle workers; requests go on without it.
type Scaler struct {
	pool       Elastic
	thrift     *thrift
	processors gauge
	boots      func() int // how many may be under way at once
	log        *zap.Logger
}

// gauge tells how busy the processors are, from 0 to 1, over the looks since it was made to forget.
type gauge interface {
	look(slots []pool.SlotInfo)
	busy() float64
	forget()
}

// NewScaler returns a scaler that lets a worker go after it has been idle for so long; 0 is never.
func NewScaler(pool Elastic, idle time.Duration, log *zap.Logger) *Scaler {
	return &Scaler{pool: pool, thrift: newThrift(idle), processors: newProcessors(), boots: cpus.Count, log: log}
}

// Run scales until ctx ends. A pool that is not elastic needs none.
func (s *Scaler) Run(ctx context.Context) {
	if l := s.pool.Load(); l.Min == l.Max {
		return
	}
	idle, stop := ticker(s.thrift.every())
	defer stop()
	soon := time.NewTimer(slow) // there may be less to spare than there should be, though no request has come
	defer soon.Stop()
	var strained <-chan struct{} // not listened to while soon runs: then it would tell nothing new
	for {
		select {
		case <-ctx.Done():
			return
		case <-strained:
			strained = nil
			s.processors.look(s.pool.Snapshot().Slots)
			soon.Reset(slow)
		case <-soon.C:
			if wait := s.grow(); wait > 0 {
				soon.Reset(wait)
			} else {
				s.processors.forget()
				strained = s.pool.Strained()
			}
		case now := <-idle:
			s.shrink(now)
		}
	}
}

// grow starts workers where they are needed and would help, and returns when to look again; 0 is not before the pool is
// strained anew.
func (s *Scaler) grow() time.Duration {
	l := s.pool.Load()
	n := growth(l, s.boots())
	if n > 0 {
		s.processors.look(s.pool.Snapshot().Slots)
		busy := s.processors.busy()
		if busy > crowded {
			s.log.Debug("pool did not grow: the processors are busy", zap.Float64("busy", busy))
			return slow
		}
		if n = s.pool.Grow(n); n > 0 {
			s.thrift.grew(time.Now())
			s.log.Debug("pool grew", zap.Int("workers", l.Wanted+n), zap.Int("waiting", l.Waiting), zap.Float64("busy", busy))
		}
	}
	return again(s.pool.Load())
}

// shrink lets one worker go that has been idle for long enough.
func (s *Scaler) shrink(now time.Time) {
	snap := s.pool.Snapshot()
	if snap.Reloading {
		return
	}
	for _, serial := range s.thrift.surplus(snap.Slots, s.pool.Load(), now) {
		if s.pool.Retire(serial, life.Idle) {
			s.thrift.let, s.thrift.rued = now, false
			s.log.Debug("pool shrank", zap.Int("workers", snap.Target-1))
			return
		}
	}
}
