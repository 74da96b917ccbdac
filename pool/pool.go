package pool

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"fwatchdog/internal/bounds"
	"fwatchdog/internal/exchange"
	"fwatchdog/internal/life"
)

// Config is what a pool is told at its start.
type Config struct {
	// Size is how many workers are kept; at least 1. An elastic pool begins with so many.
	Size int
	// Min and Max are the fewest and the most workers of an elastic pool; 0 is Size. Who watches Strained moves the size
	// between them, with Grow and with Retire because of life.Idle.
	Min, Max int
	// Spare is how many workers' places an elastic pool should have free: with fewer it is strained.
	Spare int
	// Concurrency is the most places of one worker; 0 leaves it to the worker.
	Concurrency int
	// QueueSize is how many requests may wait for a place; -1 means ten times the capacity.
	QueueSize int
	// QueueTimeout is the longest that a request waits for a place; more than 0.
	QueueTimeout time.Duration
	// DrainTimeout is how long a worker that is to leave may finish what it has in flight; 0 is no limit.
	DrainTimeout time.Duration
	// StopTimeout is how long a worker may take to leave once it was asked to; then it is killed. More than 0.
	StopTimeout time.Duration
	// Retry says which requests are given to another worker when theirs has failed.
	Retry Retry
	// MaxRequests is after how many requests a worker is replaced; 0 is never.
	MaxRequests uint64
	// MaxAge is after how long a worker should be replaced; 0 is never. The pool draws each worker's own limit, which
	// Snapshot tells; to measure its age is the supervisor's.
	MaxAge time.Duration
	// Jitter is by which part MaxRequests and MaxAge vary from worker to worker, from 0 to 1: 0.1 is a tenth more or
	// less.
	Jitter float64
	// MinAge is how long a worker serves before it is replaced for a soft reason.
	MinAge time.Duration
	// ReloadStep is how many workers a reload replaces at once, at most as many as there are processors; 0 is one.
	ReloadStep int
	// Exclusive says that a worker has what its successor needs, a port: it must have gone before that can be started.
	// Size must be 1. Whoever is due finishes and leaves at once, and requests wait in line meanwhile; a reload has
	// nothing to go back to.
	Exclusive bool
	// Once says that a worker serves one request and goes. Its successor is started when it has gone, or takes long, or
	// when no other is ready; a worker that goes before its request counts as one that could not be started.
	Once bool
}

// MaxSize is the most workers that can be asked for: more are a slip of the finger.
const MaxSize = 4096

// Validate reports every field that is out of range.
func (c Config) Validate() error {
	var check bounds.Check
	bad := check.Bad
	bad(c.Size < 1, "pool_size", c.Size, "at least 1")
	bad(c.Size > MaxSize, "pool_size", c.Size, fmt.Sprintf("at most %d", MaxSize))
	bad(c.Max > MaxSize, "pool_max", c.Max, fmt.Sprintf("at most %d", MaxSize))
	least, most := c.bounds()
	bad(c.Min < 0, "pool_min", c.Min, "at least 1")
	bad(c.Max < 0, "pool_max", c.Max, "at least 1")
	if c.Size > 0 && c.Min >= 0 && c.Max >= 0 {
		bad(least > most, "pool_min", least, fmt.Sprintf("at most pool_max, which is %d (pool_size stands for the one that is not set)", most))
		bad(least <= most && (c.Size < least || c.Size > most), "pool_size", c.Size,
			fmt.Sprintf("from pool_min to pool_max, which are %d and %d, or not be set beside them", least, most))
	}
	bad(c.Spare < 0, "pool_spare", c.Spare, "0 or more")
	bad(most > 0 && c.Spare > most, "pool_spare", c.Spare, fmt.Sprintf("at most pool_max, which is %d", most))
	bad(c.Concurrency < 0, "worker_concurrency", c.Concurrency, "0, which is what the worker says, or more")
	bad(c.QueueSize < -1, "queue_size", c.QueueSize, "0 or more, or -1 for ten times the capacity")
	bad(c.QueueTimeout <= 0, "queue_timeout", c.QueueTimeout, "more than 0")
	bad(c.DrainTimeout < 0, "the drain timeout", c.DrainTimeout, "0, which is no limit, or more")
	bad(c.StopTimeout <= 0, "stop_timeout", c.StopTimeout, "more than 0")
	bad(c.Retry != "" && c.Retry != RetryUnsent && c.Retry != RetryIdempotent && c.Retry != RetryOff,
		"retry", c.Retry, "unsent, idempotent or off")
	bad(c.MaxAge < 0, "worker_max_age", c.MaxAge, "0, which is no limit, or more")
	bad(!(c.Jitter >= 0 && c.Jitter <= 1), "recycle_jitter", c.Jitter, "from 0 to 1") // also when it is no number
	bad(c.MinAge < 0, "worker_min_age", c.MinAge, "0 or more")
	bad(c.Exclusive && c.Size != 1, "pool_size", c.Size, "1, where workers share a port")
	bad(c.Exclusive && c.Size == 1 && most > 1, "pool_max", most, "1, where workers share a port")
	bad(c.ReloadStep < 0, "the step of a reload", c.ReloadStep, "0, which is one worker, or more")
	return check.Err()
}

// Why the pool gave no place to a request. No worker has seen it.
var (
	ErrQueueFull    = errors.New("too many requests wait for a worker")
	ErrQueueTimeout = errors.New("no worker became free in time")
	ErrNotReady     = errors.New("no worker was ready in time") // there is none at all
	ErrDraining     = errors.New("the watchdog is shutting down")
)

// refusals are those, in the order of Pool.refused.
var refusals = [...]error{ErrQueueFull, ErrQueueTimeout, ErrNotReady, ErrDraining}

// ErrNeverReady is what Run returns when no worker of the first generation could be started.
var ErrNeverReady = errors.New("no worker could be started")

// ErrUnused is why a worker counts as not started that was ready: it went before it got a request. See Config.Once.
var ErrUnused = errors.New("the function ended before it got a request")

// Worker is what a pool needs of a function process.
type Worker interface {
	// Begin gives the worker an exchange, on a stream of its own, and waits for nothing; up to Concurrency run at
	// once. It calls over exactly once, when the stream's place is free again, which may be before or after Wait
	// returns, but is before Done is closed; not when Begin fails, as it does with a worker that has gone. An
	// exchange.LostError says that the worker is of no more use. Who waits for the exchange is woken as exchange.Pending says.
	Begin(ctx context.Context, x *exchange.Exchange, over func()) (exchange.Pending, error)
	// Concurrency is how many streams the worker takes.
	Concurrency() int
	// Asks carries the worker's own wish to be replaced: GoAway while it can still work, another reason when it
	// must get nothing new.
	Asks() <-chan life.Reason
	// Leave asks the worker to finish and go, kills it when ctx ends first, and returns once it has gone.
	Leave(ctx context.Context, why life.Reason)
	// Done is closed once the worker has gone for good; only then may Ended be called.
	Done() <-chan struct{}
	// Ended is why the worker has gone.
	Ended() life.Reason
	// Ping asks for a sign of life; it may come when the worker has gone.
	Ping()
	// Vitals is how the worker does; it may be asked when the worker has gone.
	Vitals() life.Vitals
}

// Spawn makes the worker that id names and returns once it is READY. The worker outlives ctx, which ends when a start
// is no longer wanted.
type Spawn func(ctx context.Context, id life.ID) (Worker, error)

// Pool keeps workers and lends their places.
type Pool struct {
	cfg     Config
	spawn   Spawn
	waiters sync.Pool                    // of *waiter
	retries atomic.Uint64                // requests given to another worker
	refused [len(refusals)]atomic.Uint64 // requests that none was given to
	tending sync.WaitGroup               // a tend per slot in use
	failed  chan error                   // of capacity 1: why the first generation could not start
	turn    chan struct{}                // of capacity 1: held by the reload that is under way
	strain  chan struct{}                // of capacity 1: more workers may be needed

	// Set by Run before there is a slot.
	starts context.Context // ends when no start is wanted any more
	hurry  context.Context // ends when nobody is waited for any more

	mu       sync.Mutex // guards all that follows, and the fields of slots
	slots    []*slot
	count    [Draining + 1]int // slots by state
	target   int               // how many workers are wanted
	least    int               // the lower bound of target
	most     int               // and its upper one
	byHand   bool              // Resize has set all three
	staff    int               // slots that count as one of these
	capacity int               // places of all ready slots
	free     int               // of those, not lent
	places   int               // of the worker that was ready last; until there is one, as many as are wished for
	lends    uint64            // places ever lent
	serial   uint64            // of the worker that was started last
	gen      int               // the present generation: what is started
	begun    int               // the generation that a reload has begun last
	line     *line
	pace     pace       // of places that become free
	reload   *reloading // nil when nobody waits for one
	retiring *slot      // whose worker yields for a soft reason: one at a time
	tight    bool       // there is no memory for one worker more
	pack     int        // requests that a worker gets before another is woken
	ready    bool       // a worker has been ready, ever
	draining bool       // no successors any more
	closed   bool       // no places any more
	counts   Counts
	crashes  crashes
}

// New returns a pool that is empty until Run.
func New(cfg Config, spawn Spawn) *Pool {
	least, most := cfg.bounds()
	p := &Pool{
		cfg:     cfg,
		spawn:   spawn,
		waiters: sync.Pool{New: func() any { return new(waiter) }},
		target:  cfg.Size,
		least:   least,
		most:    most,
		places:  max(1, cfg.Concurrency),
		pack:    1,
		gen:     1,
		begun:   1,
		counts:  Counts{Exits: map[life.Reason]uint64{}},
		failed:  make(chan error, 1),
		turn:    make(chan struct{}, 1),
		strain:  make(chan struct{}, 1),
	}
	p.line = newLine(p.refuseOverdue)
	return p
}

// Run staffs the pool until ctx ends, then lets every worker leave and returns once the last has gone. When hurry ends,
// workers that have not left are killed. It returns ErrNeverReady, with the last reason, when the first generation
// fails for good. Call it once.
func (p *Pool) Run(ctx, hurry context.Context) error {
	starts, cancel := context.WithCancel(ctx)
	defer cancel()
	p.begin(starts, hurry)
	var err error
	select {
	case <-ctx.Done():
	case cause := <-p.failed:
		err = fmt.Errorf("%w: %w", ErrNeverReady, cause)
	}
	cancel()
	p.close()
	p.tending.Wait()
	return err
}

// begin staffs as many slots as are wanted.
func (p *Pool) begin(starts, hurry context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.starts, p.hurry = starts, hurry
	p.refill()
}

// Drain starts no successors from now on. Requests are served as long as there are workers.
func (p *Pool) Drain() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.startNoMore()
}

// startNoMore ends what needs workers that do not come any more. p.mu is held.
func (p *Pool) startNoMore() {
	p.draining = true
	if p.reload != nil {
		p.endReload(ErrDraining)
	}
	p.refuseIfUnstaffed()
}

// close refuses whoever waits and lets every worker go.
func (p *Pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.startNoMore()
	p.closed = true
	p.refuseLine()
	for _, s := range p.slots {
		if s.state == Ready {
			p.drain(s, life.Stop)
		}
	}
}
