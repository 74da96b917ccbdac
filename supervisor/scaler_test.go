package supervisor

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/life"
	"fwatchdog/pool"
)

// sleeper is a worker without a process: a request takes as long as its timeout says.
type sleeper struct {
	limit int
	done  chan struct{}
	why   life.Reason
	group sync.WaitGroup // of requests
}

// nap is a request.
type nap struct {
	w    *sleeper
	over func()
	end  time.Time
}

func (w *sleeper) Begin(_ context.Context, x *exchange.Exchange, over func()) (exchange.Pending, error) {
	w.group.Add(1)
	x.Wake()
	return nap{w, over, time.Now().Add(x.Request.Timeout)}, nil
}

func (n nap) Wait() error {
	defer n.w.group.Done()
	defer n.over()
	time.Sleep(time.Until(n.end))
	return nil
}

func (w *sleeper) Leave(_ context.Context, why life.Reason) {
	w.group.Wait()
	w.why = why
	close(w.done)
}

func (w *sleeper) Concurrency() int         { return w.limit }
func (w *sleeper) Asks() <-chan life.Reason { return nil }
func (w *sleeper) Done() <-chan struct{}    { return w.done }
func (w *sleeper) Ended() life.Reason       { return w.why }
func (w *sleeper) Ping()                    {}
func (w *sleeper) Vitals() life.Vitals      { return life.Vitals{} }

// stage is a real pool and its scaler, with sleepers, inside a bubble.
type stage struct {
	*pool.Pool
	t     *testing.T
	calls sync.WaitGroup

	mu   sync.Mutex // guards all that follows
	load float64    // of the processors
	boot time.Duration
	fail error
}

func (s *stage) look([]pool.SlotInfo) {}
func (s *stage) forget()              {}
func (s *stage) busy() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.load
}

func (s *stage) set(change func(*stage)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// perform runs act on a stage where idle workers go after a minute.
func perform(t *testing.T, cfg pool.Config, places int, boot time.Duration, act func(*stage)) {
	t.Helper()
	performFor(t, time.Minute, cfg, places, boot, act)
}

// performFor runs act on a stage where a start takes boot and four may be under way, and each worker has so many places.
func performFor(t *testing.T, idle time.Duration, cfg pool.Config, places int, boot time.Duration, act func(*stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &stage{t: t} // the first workers are there at once
		cfg.StopTimeout = time.Minute
		if cfg.QueueTimeout == 0 {
			cfg.QueueTimeout = time.Hour
		}
		s.Pool = pool.New(cfg, func(ctx context.Context, _ life.ID) (pool.Worker, error) {
			s.mu.Lock()
			boot, fail := s.boot, s.fail
			s.mu.Unlock()
			select {
			case <-time.After(boot):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			return &sleeper{limit: places, done: make(chan struct{})}, fail
		})
		scaler := NewScaler(s.Pool, idle, zap.NewNop())
		scaler.processors, scaler.boots = s, func() int { return 4 }
		ctx, stop := context.WithCancel(t.Context())
		var parts sync.WaitGroup
		parts.Go(func() { _ = s.Run(ctx, context.Background()) })
		parts.Go(func() { scaler.Run(ctx) })
		synctest.Wait()
		s.set(func(s *stage) { s.boot = boot })
		act(s)
		s.calls.Wait()
		stop()
		parts.Wait()
	})
}

// send makes n requests that take so long.
func (s *stage) send(n int, took time.Duration) {
	for range n {
		x := &exchange.Exchange{Request: exchange.Request{Timeout: took}}
		s.calls.Go(func() {
			if err := s.Do(s.t.Context(), x); err != nil {
				s.t.Errorf("a request failed: %v", err)
			}
		})
	}
	synctest.Wait()
}

// pass lets time go by and demands how many workers there are then.
func (s *stage) pass(d time.Duration, workers int) {
	s.t.Helper()
	time.Sleep(d)
	synctest.Wait()
	if l := s.Load(); l.Wanted != workers {
		s.t.Errorf("%d workers are wanted, not %d: %+v", l.Wanted, workers, l)
	}
}

func TestPoolGrowsWhenARequestHasWaitedTwentyMilliseconds(t *testing.T) {
	perform(t, pool.Config{Size: 1, Max: 8, QueueSize: 100}, 1, time.Second, func(s *stage) {
		s.send(2, time.Minute)
		s.pass(19*time.Millisecond, 1)
		s.pass(time.Millisecond, 2)
		s.pass(time.Hour, 1)
	})
}

func TestShortWaitsDoNotMakeThePoolGrow(t *testing.T) {
	perform(t, pool.Config{Size: 1, Max: 8, QueueSize: 100}, 1, time.Second, func(s *stage) {
		for range 200 { // there is always somebody in line, and nobody for long
			s.send(2, 8*time.Millisecond)
			time.Sleep(16 * time.Millisecond)
		}
		s.pass(0, 1)
	})
}

func TestNoMoreWorkersBootThanThereAreProcessors(t *testing.T) {
	perform(t, pool.Config{Size: 1, Max: 8, QueueSize: 100}, 1, time.Second, func(s *stage) {
		s.send(50, 10*time.Second)
		s.pass(time.Second, 5)
		s.pass(40*time.Millisecond, 8)
	})
}

func TestPoolDoesNotGrowWhileTheProcessorsAreBusy(t *testing.T) {
	perform(t, pool.Config{Size: 1, Max: 8, QueueSize: 100}, 1, time.Second, func(s *stage) {
		s.set(func(s *stage) { s.load = 0.81 })
		s.send(2, 10*time.Second)
		s.pass(time.Second, 1)
		s.set(func(s *stage) { s.load = 0.8 })
		s.pass(20*time.Millisecond, 2)
	})
}

func TestPoolKeepsSomeToSpare(t *testing.T) {
	perform(t, pool.Config{Size: 1, Max: 8, Spare: 2, QueueSize: 100}, 1, 10*time.Millisecond, func(s *stage) {
		s.pass(100*time.Millisecond, 2)
		s.send(3, 3*time.Minute)
		s.pass(100*time.Millisecond, 5)
		s.pass(time.Hour, 2)
	})
}

func TestIdleWorkersGoOneByOne(t *testing.T) {
	perform(t, pool.Config{Size: 1, Max: 4, QueueSize: 100}, 1, 10*time.Millisecond, func(s *stage) {
		s.send(4, time.Second)
		s.pass(time.Second, 4)
		s.pass(58*time.Second, 4)
		s.pass(10*time.Second, 3)
		s.pass(45*time.Second, 3)
		s.pass(20*time.Second, 2)
		s.pass(time.Hour, 1)
		if got := s.Snapshot().Counts.Exits[life.Idle]; got != 3 {
			s.t.Errorf("%d workers left idle", got)
		}
	})
}

func TestUsedWorkersStay(t *testing.T) {
	perform(t, pool.Config{Size: 1, Max: 4, QueueSize: 100}, 1, 10*time.Millisecond, func(s *stage) {
		s.send(2, time.Second)
		for range 20 {
			s.pass(30*time.Second, 2)
			s.send(2, time.Second)
		}
	})
}

func TestSawtoothLoadDoesNotFlap(t *testing.T) {
	perform(t, pool.Config{Size: 1, Max: 4, QueueSize: 100}, 1, 10*time.Millisecond, func(s *stage) {
		const teeth = 60
		for range teeth { // a tooth lasts longer than a worker may be idle
			s.send(4, 10*time.Second)
			time.Sleep(90 * time.Second)
		}
		if got := s.Snapshot().Counts.Starts; got > 4+teeth/10 {
			s.t.Errorf("%d workers were started in %d teeth", got, teeth)
		}
	})
}

func TestPoolThatCannotStartWorkersGivesUpThoseItDoesNotNeed(t *testing.T) {
	perform(t, pool.Config{Size: 1, Max: 8, QueueSize: 100}, 1, 10*time.Millisecond, func(s *stage) {
		s.set(func(s *stage) { s.fail = errors.New("no memory") })
		s.send(3, time.Second)
		s.pass(time.Minute, 3)
		s.pass(time.Hour, 1)
		starts := s.Snapshot().Counts.Starts
		s.pass(time.Hour, 1)
		if more := s.Snapshot().Counts.Starts - starts; more > 0 {
			s.t.Errorf("%d more starts", more)
		}
	})
}

func TestPoolThatIsNotElasticHasNoScaler(t *testing.T) {
	perform(t, pool.Config{Size: 2, QueueSize: 100}, 1, 0, func(s *stage) {
		s.send(20, time.Second)
		s.pass(time.Hour, 2)
	})
}

func TestScalerLetsAReloadFinish(t *testing.T) {
	perform(t, pool.Config{Size: 4, Min: 1, QueueSize: 100}, 1, 50*time.Second, func(s *stage) {
		var reload sync.WaitGroup
		reload.Go(func() {
			if result, err := s.Reload(s.t.Context()); err != nil || result.New != 4 {
				s.t.Errorf("the reload ended with %+v, %v", result, err)
			}
		})
		s.pass(190*time.Second, 4)
		reload.Wait()
		s.pass(time.Hour, 1)
	})
}

func TestRequestThatMakesThePoolGrowIsServedByWhoeverIsFreeFirst(t *testing.T) {
	for name, test := range map[string]struct {
		before time.Duration // how long the request before it takes
		waited time.Duration
		slot   int
	}{
		"the new worker":           {time.Minute, time.Second + 20*time.Millisecond, 1},
		"the one that was there":   {500 * time.Millisecond, 500 * time.Millisecond, 0},
		"it was free before 20 ms": {10 * time.Millisecond, 10 * time.Millisecond, 0},
	} {
		t.Run(name, func(t *testing.T) {
			perform(t, pool.Config{Size: 1, Max: 8, QueueSize: 100}, 1, time.Second, func(s *stage) {
				s.send(1, test.before)
				x := new(exchange.Exchange)
				if err := s.Do(s.t.Context(), x); err != nil || x.Waited != test.waited || x.Worker.Slot != test.slot {
					s.t.Errorf("slot %d served it after %v: %v", x.Worker.Slot, x.Waited, err)
				}
			})
		})
	}
}

// Whatever came before, whoever has to wait makes the pool grow until nobody does or it is as large as it may be; and when
// it is quiet for long enough the pool is as small as it may be.
func TestScalerMissesNothing(t *testing.T) {
	for seed := range uint64(3) {
		dice := rand.New(rand.NewPCG(seed, seed))
		cfg := pool.Config{Size: 2, Min: 1 + dice.IntN(2), Max: 3 + dice.IntN(10), Spare: dice.IntN(3), QueueSize: 1000}
		boot := time.Duration(1+dice.IntN(300)) * time.Millisecond
		perform(t, cfg, 1+dice.IntN(3), boot, func(s *stage) {
			for range 100 {
				switch dice.IntN(4) {
				case 0: // some short ones
					s.send(dice.IntN(10), time.Duration(dice.IntN(50))*time.Millisecond)
					time.Sleep(time.Duration(dice.IntN(100)) * time.Millisecond)
				case 1: // so many that some must wait for long
					s.send(1+dice.IntN(20), time.Minute)
					time.Sleep(time.Duration(cfg.Max)*(boot+slow) + time.Second)
					if l := s.Load(); l.Waiting > 0 && l.Wanted < l.Max || l.Free < l.Spare && l.Wanted < l.Max {
						s.t.Fatalf("seed %d: the pool did not grow: %+v", seed, l)
					}
				case 2:
					time.Sleep(time.Duration(dice.IntN(300)) * time.Second)
				default:
					s.set(func(s *stage) { s.load = dice.Float64() * 1.2 })
					s.send(dice.IntN(5), time.Second)
					time.Sleep(time.Duration(dice.IntN(2000)) * time.Millisecond)
					s.set(func(s *stage) { s.load = 0 })
				}
			}
			time.Sleep(10 * time.Hour)
			if l := s.Load(); l.Wanted != max(l.Min, cfg.Spare) {
				s.t.Errorf("seed %d: %d workers after a long quiet: %+v", seed, l.Wanted, l)
			}
		})
	}
}
