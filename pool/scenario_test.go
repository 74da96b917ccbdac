package pool

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fwatchdog/internal/life"
)

var seed = flag.Uint64("seed", 0, "what the random scenario is made of; 0 takes one that was not used before")

// The random scenario does thousands of things to a pool, good and bad, in any order, and checks all invariants after
// each of them. Every now and then there is peace for some minutes: then the pool must be whole again.
func TestPoolSurvivesAnythingInAnyOrder(t *testing.T) {
	seeds := []uint64{1, 2, 3, uint64(time.Now().UnixNano())}
	if *seed != 0 {
		seeds = []uint64{*seed}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newScenario(t, seed).play(2000) })
		})
	}
}

// scenario is a pool in which anything may happen.
type scenario struct {
	*rig
	dice   *dice
	calls  []*call
	leaves []context.CancelFunc // of clients that are still there, perhaps

	reloads []*reload
}

// dice is a source of chance for many goroutines.
type dice struct {
	mu  sync.Mutex
	rnd *rand.Rand
}

func (d *dice) below(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rnd.IntN(n)
}

// once reports true once in n times.
func (d *dice) once(n int) bool { return d.below(n) == 0 }

// upTo returns a time of up to limit; most are short.
func (d *dice) upTo(limit time.Duration) time.Duration {
	return limit >> d.below(12)
}

func pick[T any](d *dice, from ...T) T { return from[d.below(len(from))] }

func newScenario(t *testing.T, seed uint64) *scenario {
	d := &dice{rnd: rand.New(rand.NewPCG(seed, seed))}
	s := &scenario{dice: d}
	size := 1 + d.below(6)
	s.rig = newRig(t, Config{
		Size:         size,
		Min:          pick(d, 0, 1, size),
		Max:          pick(d, 0, size, size+3),
		Spare:        pick(d, 0, 0, 1),
		Concurrency:  d.below(4),
		QueueSize:    pick(d, -1, 0, 1, 5, 20),
		QueueTimeout: pick(d, time.Second, 10*time.Second),
		DrainTimeout: pick(d, 0, 5*time.Second),
		StopTimeout:  pick(d, time.Second, 10*time.Second),
		Retry:        pick(d, RetryUnsent, RetryIdempotent, RetryOff),
		MaxRequests:  pick(d, uint64(0), 3, 20),
		Jitter:       0.5,
		MinAge:       pick(d, 0, time.Second),
		ReloadStep:   d.below(3),
	})
	s.dresses(func(f *fake) {
		f.limit = 1 + d.below(4)
		f.slow = d.upTo(3 * time.Second)
		f.deaf = d.once(10)
	})
	return s
}

func (s *scenario) play(steps int) {
	s.run()
	s.boots(s.roughBoot)
	for step := range steps {
		s.act()
		s.settle()
		if step%250 == 249 {
			s.rest()
			s.boots(s.roughBoot)
		}
	}
	if s.dice.once(2) {
		s.Drain()
		s.settle()
	}
	s.stop()
	s.settle()
	s.hurry()
	if err := <-s.ended; err != nil && !errors.Is(err, ErrNeverReady) {
		s.t.Errorf("Run ended with %v", err)
	}
	s.check()
	s.checkEmpty()
	s.checkCalls()
	s.checkReloads()
	s.t.Logf("%d requests; %d reloads, %d generations, %+v",
		len(s.calls), len(s.reloads), s.begun, s.Snapshot().Counts)
}

// roughBoot fails now and then, but not as often as to make a pool give up that never had a worker.
func (s *scenario) roughBoot(id life.ID) (time.Duration, error) {
	if (id.Serial < firstTries || s.wasReady()) && s.dice.once(4) {
		return s.dice.upTo(10 * time.Second), errBoot
	}
	return s.dice.upTo(10 * time.Second), nil
}

func (s *scenario) wasReady() bool {
	s.Pool.mu.Lock()
	defer s.Pool.mu.Unlock()
	return s.ready
}

// rest gives the pool peace, and demands that it is whole after that.
func (s *scenario) rest() {
	s.t.Helper()
	s.boots(nil)
	for _, leave := range s.leaves {
		leave()
	}
	s.leaves = nil
	for range 8 {
		s.settle()
		for _, f := range s.all() {
			f.release()
		}
		s.pass(time.Minute)
	}
	s.checkFull()
	for _, c := range s.calls {
		if !c.over() {
			s.t.Fatalf("a request for %q hangs", c.Request.Target)
		}
	}
}

// all returns the workers that live.
func (s *scenario) all() []*fake {
	s.rig.mu.Lock()
	defer s.rig.mu.Unlock()
	var alive []*fake
	for _, f := range s.workers {
		if !isClosed(f.done) {
			alive = append(alive, f)
		}
	}
	return alive
}

// act does one thing to the pool, or lets time go by.
func (s *scenario) act() {
	d := s.dice
	switch n := d.below(100); {
	case n < 40:
		s.client()
	case n < 45:
		s.leaveSome()
	case n < 70:
		s.pass(d.upTo(4 * time.Second))
	case n < 83:
		s.verdict()
	case n < 84:
		if d.below(3) == 0 {
			s.Restore()
		} else {
			s.Resize(d.below(7))
		}
	case n < 86:
		s.Grow(1 + d.below(3))
	case n < 89:
		s.shrink()
	case n < 91:
		ctx, give := context.WithTimeout(s.t.Context(), d.upTo(30*time.Second))
		s.leaves = append(s.leaves, give)
		s.reloads = append(s.reloads, s.reload(ctx))
	case n < 92:
		s.Tighten(d.once(2))
	case n < 93:
		s.Pack(1 + d.below(5))
	default:
		s.harm()
	}
}

// shrink lets go what has no request, as far as it may be let go.
func (s *scenario) shrink() {
	for _, info := range s.Snapshot().Slots {
		if info.Inflight == 0 && s.dice.once(2) {
			s.Retire(info.ID.Serial, life.Idle)
		}
	}
}

// verdict retires a worker, or one that has long gone.
func (s *scenario) verdict() {
	d, serial := s.dice, uint64(1+s.dice.below(int(s.started())+1))
	if alive := s.all(); len(alive) > 0 && !d.once(4) {
		serial = pick(d, alive...).id.Serial
	}
	s.Retire(serial, pick(d, life.Reasons...))
}

// client sends a request; its client may be an impatient one.
func (s *scenario) client() {
	d := s.dice
	c := newCall(pick(d, "", "10ms", "300ms", "300ms", "3s", "3s", "hold", "hang", "crash", "refuse", "raise"))
	c.Request.Method = []byte(pick(d, "GET", "POST"))
	ctx, leave := context.WithCancel(s.t.Context())
	if d.once(3) {
		ctx, leave = context.WithTimeout(s.t.Context(), d.upTo(5*time.Second))
	}
	s.calls, s.leaves = append(s.calls, c), append(s.leaves, leave)
	s.sendCall(ctx, c)
}

func (s *scenario) leaveSome() {
	for _, leave := range s.leaves {
		if s.dice.once(4) {
			leave()
		}
	}
}

// harm does something to one of the workers.
func (s *scenario) harm() {
	d, alive := s.dice, s.all()
	if len(alive) == 0 {
		return
	}
	f := pick(d, alive...)
	switch d.below(6) {
	case 0:
		f.die(pick(d, life.Crash, life.Exit, life.Protocol), d.once(2))
	case 1:
		f.ask(pick(d, life.GoAway, life.GoAway, life.Timeout, life.Protocol))
	default:
		f.release()
	}
}

// checkCalls demands that every request had one end, and no more workers than it may.
func (s *scenario) checkCalls() {
	s.t.Helper()
	begun := map[any]int{}
	for _, f := range s.workers {
		for _, x := range f.got {
			begun[x]++
		}
	}
	for _, c := range s.calls {
		<-c.done
		n, may := begun[&c.Exchange], 1
		if s.cfg.Retry == RetryIdempotent && idempotent(c.Request.Method) {
			may = 2
		}
		switch {
		case n > may:
			s.t.Errorf("%d workers began with a request for %q", n, c.Request.Target)
		case c.err == nil && n == 0:
			s.t.Errorf("a request for %q was answered, but no worker saw it", c.Request.Target)
		case refusedByPool(c.err) && n != 0:
			s.t.Errorf("a request for %q was refused with %v after a worker had begun", c.Request.Target, c.err)
		}
	}
}

// checkReloads demands that every reload came to an end, and tells the truth about it.
func (s *scenario) checkReloads() {
	s.t.Helper()
	for _, c := range s.reloads {
		<-c.done
		if c.err == nil && c.result.Old != 0 {
			s.t.Errorf("a reload was over with %+v", c.result)
		}
	}
}

func refusedByPool(err error) bool {
	return errors.Is(err, ErrQueueFull) || errors.Is(err, ErrQueueTimeout) || errors.Is(err, ErrDraining)
}
