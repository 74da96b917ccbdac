// Package supervisor judges workers by measurement and asks the pool to retire those that fail. It changes no state of
// its own accord: it may be late, wrong or absent, and no request notices.
package supervisor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"fwatchdog/internal/life"
	"fwatchdog/pool"
)

// Config says how closely workers are watched.
type Config struct {
	// PingInterval is how often a worker is asked for a sign of life; 0 turns the heartbeat off.
	PingInterval time.Duration
	// PingMisses is after how many intervals without an answer a worker is taken for dead; at least 1.
	PingMisses int
}

// Validate reports every field that is out of range.
func (c Config) Validate() error {
	var errs []error
	bad := func(is bool, name string, value any, must string) {
		if is {
			errs = append(errs, fmt.Errorf("%s is %v: it must be %s", name, value, must))
		}
	}
	bad(c.PingInterval < 0, "ping_interval", c.PingInterval, "0, which turns the heartbeat off, or more")
	bad(c.PingMisses < 1, "ping_misses", c.PingMisses, "at least 1")
	return errors.Join(errs...)
}

// Pool is what the supervisor reads and asks.
type Pool interface {
	Snapshot() pool.Snapshot
	Ping(serial uint64)
	Retire(serial uint64, why life.Reason) bool
}

// Supervisor watches the workers of one pool.
type Supervisor struct {
	cfg    Config
	pool   Pool
	log    *zap.Logger
	hearts map[uint64]heart // by serial
}

// New returns a supervisor of the pool.
func New(cfg Config, pool Pool, log *zap.Logger) *Supervisor {
	return &Supervisor{cfg: cfg, pool: pool, log: log, hearts: map[uint64]heart{}}
}

// Run watches until ctx ends.
func (s *Supervisor) Run(ctx context.Context) {
	if s.cfg.PingInterval == 0 {
		return
	}
	tick := time.NewTicker(s.cfg.PingInterval)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		s.round(now.Sub(last))
		last = now
	}
}

// round looks at every worker once and waits for none. since is the time since the last round: when it is far too long
// the machine stood still, and nobody is to blame for a missing answer.
func (s *Supervisor) round(since time.Duration) {
	late := since > 3*s.cfg.PingInterval // two intervals late
	if late {
		s.log.Warn("clock had a gap", zap.Duration("gap", since-s.cfg.PingInterval))
	}
	hearts := make(map[uint64]heart, len(s.hearts))
	for _, slot := range s.pool.Snapshot().Slots {
		if slot.State != pool.Ready {
			continue
		}
		h, alive := s.hearts[slot.ID.Serial].beat(slot, late, s.cfg.PingMisses)
		hearts[slot.ID.Serial] = h
		if !alive {
			s.pool.Retire(slot.ID.Serial, life.Heartbeat)
		} else if slot.Vitals.Pings == slot.Vitals.Pongs {
			s.pool.Ping(slot.ID.Serial)
		}
	}
	s.hearts = hearts
}

// heart is what is remembered of one worker from round to round.
type heart struct {
	misses int    // rounds without an answer that was due
	served uint64 // requests it had got by the last round
}

// beat judges one worker. A miss is counted per round, not per second. A worker whose handlers may hold up the answer is
// judged only if it was idle since the last round.
func (h heart) beat(slot pool.SlotInfo, late bool, most int) (next heart, alive bool) {
	next = heart{misses: h.misses, served: slot.Served}
	idle := slot.Inflight == 0 && slot.Served == h.served
	switch {
	case slot.Vitals.Pings == slot.Vitals.Pongs:
		next.misses = 0
	case late || !idle && !slot.Vitals.PingBusy:
	default:
		next.misses++
	}
	return next, next.misses < most
}
