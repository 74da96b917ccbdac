// Package supervisor judges workers by measurement, memory, age and heartbeat, and asks the pool to retire those that fail. Its
// Scaler judges how many there should be. Neither changes a state of its own accord: they may be late, wrong or absent, and
// no request notices.
package supervisor

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"fwatchdog/internal/bounds"
	"fwatchdog/internal/life"
	"fwatchdog/pool"
)

// Config says how closely workers are watched.
type Config struct {
	// PingInterval is how often a worker is asked for a sign of life; 0 turns the heartbeat off.
	PingInterval time.Duration
	// PingMisses is after how many intervals without an answer a worker is taken for dead; at least 1.
	PingMisses int
	// MemoryInterval is how often memory is measured, and age looked at; 0 leaves it at age.
	MemoryInterval time.Duration
	// MemorySoft and MemoryHard are limits for one worker in bytes, or Auto, or Off.
	MemorySoft, MemoryHard int64
	// MemoryMetric is one of Metrics.
	MemoryMetric string
	// MinAge is how long a worker lives at least, but for the hard limit.
	MinAge time.Duration
	// Workers is how many workers there may be; it divides the container's memory.
	Workers int
	// IdleTimeout is after how long without a request an elastic pool lets a worker go; 0 is never.
	IdleTimeout time.Duration
}

// Validate reports every field that is out of range.
func (c Config) Validate() error {
	var check bounds.Check
	bad := check.Bad
	bad(c.PingInterval < 0, "ping_interval", c.PingInterval, "0, which turns the heartbeat off, or more")
	bad(c.PingMisses < 1, "ping_misses", c.PingMisses, "at least 1")
	bad(c.MemoryInterval < 0, "memory_interval", c.MemoryInterval, "0, which turns it off, or more")
	bad(c.MemorySoft < Auto, "worker_memory_soft", c.MemorySoft, "a size, auto or off")
	bad(c.MemoryHard < Auto, "worker_memory_hard", c.MemoryHard, "a size, auto or off")
	bad(c.MemorySoft > 0 && c.MemoryHard > 0 && c.MemorySoft > c.MemoryHard, "worker_memory_soft", c.MemorySoft,
		fmt.Sprintf("at most worker_memory_hard, which is %d", c.MemoryHard))
	bad(!slices.Contains(Metrics, c.MemoryMetric), "memory_metric", c.MemoryMetric, "one of "+strings.Join(Metrics, ", "))
	bad(c.MinAge < 0, "worker_min_age", c.MinAge, "0 or more")
	bad(c.IdleTimeout < 0, "worker_idle_timeout", c.IdleTimeout, "0, which is never, or more")
	return check.Err()
}

// Pool is what the supervisor reads and asks.
type Pool interface {
	Snapshot() pool.Snapshot
	Ping(serial uint64)
	Retire(serial uint64, why life.Reason) bool
	Tighten(tight bool)
	Pack(n int)
}

// Observer is told of every answered PING.
type Observer interface {
	Ponged(took time.Duration)
}

// Supervisor watches the workers of one pool.
type Supervisor struct {
	cfg     Config
	pool    Pool
	watch   Observer
	log     *zap.Logger
	cgroup  cgroup
	machine int64            // its memory, in bytes
	hearts  map[uint64]heart // by serial

	first    first
	crashing bool // it was said that most workers crash
	pack     int  // what the pool was told last

	before  map[uint64]sample // by serial
	sampled time.Time

	mu     sync.Mutex // guards all that follows against others; Run alone writes
	limits Limits
	usage  map[uint64]life.Usage
}

// New returns a supervisor of the pool. It looks up the container's memory and says which limits follow from it.
func New(cfg Config, pool Pool, watch Observer, log *zap.Logger) (*Supervisor, error) {
	s := &Supervisor{cfg: cfg, pool: pool, watch: watch, log: log, hearts: map[uint64]heart{}, pack: 1, cgroup: findCgroup(filesystem())}
	var err error
	if s.machine, err = physical(); err != nil {
		return nil, err
	}
	s.limits = cfg.resolve(s.cgroup.budget(filesystem(), s.machine), ownMemory())
	return s, nil
}

// Memory returns what this container may take, in bytes: its limit, or the machine's memory where there is none.
func Memory() (int64, error) {
	machine, err := physical()
	return findCgroup(filesystem()).budget(filesystem(), machine), err
}

// ownMemory is what we take, in bytes.
func ownMemory() int64 { return memory(int32(os.Getpid()), false) }

// WorkerMemory returns what one worker may take, in bytes: its hard limit, or its share of the container's memory when that
// is off.
func (c Config) WorkerMemory() (int64, error) {
	budget, err := Memory()
	l := c.resolve(budget, ownMemory())
	if l.Hard == Off {
		return l.Share, err
	}
	return l.Hard, err
}

// follow takes over the container's memory, in bytes: it may be resized while it runs.
func (s *Supervisor) follow(budget int64) {
	if budget == s.limits.Budget {
		return
	}
	s.mu.Lock()
	s.limits = s.cfg.resolve(budget, s.limits.Own)
	s.mu.Unlock()
	s.sayLimits()
}

// Limits are those in force.
func (s *Supervisor) Limits() Limits {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limits
}

// Usage returns what each worker took when it was measured last, by serial. It is not changed any more.
func (s *Supervisor) Usage() map[uint64]life.Usage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.usage
}

// Run watches until ctx ends.
func (s *Supervisor) Run(ctx context.Context) {
	s.sayLimits()
	pings, stopPings := ticker(s.cfg.PingInterval)
	defer stopPings()
	looks, stopLooks := ticker(cmp.Or(s.cfg.MemoryInterval, time.Second))
	defer stopLooks()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-pings:
			s.listen(time.Since(last))
			last = now
		case <-looks:
			s.look()
		}
	}
}

// ticker ticks every interval, or never when that is 0.
func ticker(interval time.Duration) (<-chan time.Time, func()) {
	if interval == 0 {
		return nil, func() {}
	}
	t := time.NewTicker(interval)
	return t.C, t.Stop
}

func (s *Supervisor) sayLimits() {
	l := s.limits
	if s.cfg.MemoryInterval == 0 || l.Soft == Off && l.Hard == Off {
		return
	}
	fields := []zap.Field{zap.Int64("soft_bytes", l.Soft), zap.Int64("hard_bytes", l.Hard), zap.Int64("budget_bytes", l.Budget),
		zap.Int64("own_bytes", l.Own), zap.Int64("share_bytes", l.Share), zap.Int("workers", s.cfg.Workers)}
	if l.Share < small {
		s.log.Warn("memory limits are very small", fields...)
		return
	}
	s.log.Info("memory limits of a worker", fields...)
}

// listen looks for every worker's sign of life and asks for the next. since is the time since the last round.
func (s *Supervisor) listen(since time.Duration) {
	late := since > 3*s.cfg.PingInterval // two intervals too late
	if late {
		s.log.Warn("clock had a gap", zap.Duration("gap", since-s.cfg.PingInterval))
	}
	hearts := make(map[uint64]heart, len(s.hearts))
	for _, slot := range s.pool.Snapshot().Slots {
		if slot.State != pool.Ready && !finishes(slot) {
			continue
		}
		before := s.hearts[slot.ID.Serial]
		h, alive := before.beat(slot, late, s.cfg.PingMisses)
		hearts[slot.ID.Serial] = h
		if h.pongs > before.pongs {
			s.watch.Ponged(slot.Vitals.PingTook)
		}
		if !alive {
			s.pool.Retire(slot.ID.Serial, life.Heartbeat)
		} else if slot.Vitals.Pings == slot.Vitals.Pongs {
			s.pool.Ping(slot.ID.Serial)
		}
	}
	s.hearts = hearts
}

// finishes reports whether a worker that leaves has requests left, so that it still hears us.
func finishes(slot pool.SlotInfo) bool { return slot.State == pool.Draining && slot.Inflight > 0 }
