package pool

import (
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"fwatchdog/internal/life"
)

// The limit of a request: what it takes itself, and 20 ms.
func TestRequestThatFillsTheCountIsNotDelayedByTheWorkersGoing(t *testing.T) {
	for _, clients := range []int{1, 4} {
		bubble(t, Config{Size: 4, MaxRequests: 3, QueueSize: 10}, func(r *rig) {
			r.dresses(func(f *fake) { f.slow = 500 * time.Millisecond })
			r.boots(bootIn(300 * time.Millisecond))
			var all sync.WaitGroup
			for range clients {
				all.Go(func() {
					for range 500 {
						c := newCall("5ms")
						begun := time.Now()
						if err := r.Do(r.t.Context(), &c.Exchange); err != nil {
							t.Errorf("a request failed: %v", err)
						}
						if took := time.Since(begun); took > 25*time.Millisecond {
							t.Errorf("a request took %v", took)
						}
					}
				})
			}
			all.Wait()
			r.pass(10 * time.Second)
			r.checkFull()
			if got := r.Snapshot().Counts.Exits[life.MaxRequests]; got < 5 {
				t.Errorf("only %d workers were replaced", got)
			}
		})
	}
}

func TestWorkerServesUntilItsSuccessorIsReady(t *testing.T) {
	bubble(t, Config{Size: 1, MaxRequests: 3}, func(r *rig) {
		r.boots(bootIn(time.Second))
		old := r.worker(0)
		for range 2 {
			r.ask("")
		}
		if why := r.Snapshot().Slots[0].Why; why != "" {
			t.Errorf("it is due because of %q before its count is full", why)
		}
		r.ask("")
		if why := r.Snapshot().Slots[0].Why; why != life.MaxRequests {
			t.Errorf("it is due because of %q", why)
		}
		r.ask("")
		if got := old.saw(); got != 4 {
			t.Errorf("it got %d requests, want 4: there was no other", got)
		}
		r.pass(time.Second)
		r.checkFull()
		if !isClosed(old.done) || old.told() != life.MaxRequests {
			t.Errorf("it was told to leave because of %q", old.told())
		}
	})
}

func TestOnlyRequestsAreCounted(t *testing.T) {
	bubble(t, Config{Size: 1, MaxRequests: 3}, func(r *rig) {
		for range 10 {
			r.Ping(1)
			r.Ready()
			r.Snapshot()
		}
		if info := r.Snapshot().Slots[0]; info.Served != 0 {
			t.Errorf("%d requests were counted", info.Served)
		}
	})
}

func TestNoCountMeansNoLimit(t *testing.T) {
	bubble(t, Config{Size: 1, Jitter: 1}, func(r *rig) {
		for range 1000 {
			r.ask("")
		}
		if info := r.Snapshot().Slots[0]; info.Served != 1000 || info.MaxAge != 0 {
			t.Errorf("%d served, oldest age %v", info.Served, info.MaxAge)
		}
	})
}

func TestLimitsVaryFromWorkerToWorker(t *testing.T) {
	cfg := Config{MaxRequests: 1000, MaxAge: time.Hour, Jitter: 0.1}
	var requests []uint64
	var ages []time.Duration
	for range 1000 {
		n, age := cfg.drawLimits()
		requests, ages = append(requests, n), append(ages, age)
	}
	if low, high := slices.Min(requests), slices.Max(requests); low < 900 || low > 910 || high < 1090 || high > 1100 {
		t.Errorf("from %d to %d requests, want 900 to 1100", low, high)
	}
	if low, high := slices.Min(ages), slices.Max(ages); low < 54*time.Minute || low > 55*time.Minute ||
		high < 65*time.Minute || high > 66*time.Minute {
		t.Errorf("from %v to %v, want 54 to 66 minutes", low, high)
	}
}

func TestLimitsWithoutJitterAreExact(t *testing.T) {
	for _, test := range []Config{
		{},
		{MaxRequests: 1},
		{MaxRequests: 12345, MaxAge: 77 * time.Hour},
	} {
		if n, age := test.drawLimits(); n != test.MaxRequests || age != test.MaxAge {
			t.Errorf("got %d and %v, want %d and %v", n, age, test.MaxRequests, test.MaxAge)
		}
	}
}

func TestCountThatIsLimitedIsNeverUnlimited(t *testing.T) {
	cfg := Config{MaxRequests: 1, Jitter: 1}
	for range 1000 {
		if n, _ := cfg.drawLimits(); n < 1 || n > 2 {
			t.Fatalf("a worker may serve %d requests", n)
		}
	}
}

func TestLimitsAreFixedAtTheWorkersStart(t *testing.T) {
	bubble(t, Config{Size: 8, MaxAge: time.Hour, Jitter: 0.1}, func(r *rig) {
		limits := func() (ages []time.Duration) {
			for _, info := range r.Snapshot().Slots {
				ages = append(ages, info.MaxAge)
			}
			return ages
		}
		first := limits()
		r.pass(2 * time.Hour)
		if got := limits(); !slices.Equal(got, first) {
			t.Errorf("limits changed from %v to %v", first, got)
		}
		if slices.Min(first) == slices.Max(first) {
			t.Errorf("all have the limit %v", first[0])
		}
		if math.Abs(float64(first[0]-time.Hour)) > 0.1*float64(time.Hour) {
			t.Errorf("the limit is %v", first[0])
		}
	})
}

func TestNoWorkerIsReplacedForASoftReasonBeforeItIsOldEnough(t *testing.T) {
	for _, test := range []struct {
		name string
		due  func(*rig)
		why  life.Reason
	}{
		{"its count is full", func(r *rig) { r.ask(""); r.ask("") }, life.MaxRequests},
		{"it is too large", func(r *rig) { r.Retire(1, life.MemorySoft) }, life.MemorySoft},
		{"it asks to go", func(r *rig) { r.worker(0).ask(life.GoAway) }, life.GoAway},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, Config{Size: 1, MaxRequests: 2, MinAge: 10 * time.Second}, func(r *rig) {
				test.due(r)
				r.pass(10*time.Second - time.Millisecond)
				if got := r.started(); got != 1 {
					t.Fatalf("a successor was started for a worker that is too young")
				}
				if why := r.Snapshot().Slots[0].Why; why != test.why {
					t.Errorf("it is due because of %q", why)
				}
				r.pass(time.Millisecond)
				r.checkFull()
				if got := r.Snapshot().Counts.Exits[test.why]; got != 1 {
					t.Errorf("%d were replaced, want 1", got)
				}
			})
		})
	}
}

func TestLimitBelowTheStartMakesNoStorm(t *testing.T) {
	bubble(t, Config{Size: 4, MinAge: 10 * time.Second}, func(r *rig) {
		for range 600 { // a supervisor that finds every worker too large
			for _, serial := range r.inService() {
				r.Retire(serial, life.MemorySoft)
			}
			r.pass(100 * time.Millisecond)
		}
		if got := r.started(); got > 4+4*6 {
			t.Errorf("%d starts in a minute, want at most one for each worker and 10 s", got)
		}
	})
}

func TestMinAgeDelaysNoHardReason(t *testing.T) {
	bubble(t, Config{Size: 1, MinAge: time.Hour}, func(r *rig) {
		old := r.worker(0)
		old.deaf = true
		r.Retire(1, life.MemoryHard)
		r.settle()
		if !old.wasKilled() {
			t.Error("it was not killed")
		}
	})
}
