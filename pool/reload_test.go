package pool

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"fwatchdog/internal/life"
)

// reload is a call of Reload in the background.
type reload struct {
	result ReloadResult
	err    error
	begun  time.Time
	took   time.Duration
	done   chan struct{}
}

func (r *rig) reload(ctx context.Context) *reload {
	c := &reload{begun: time.Now(), done: make(chan struct{})}
	go func() {
		defer close(c.done)
		c.result, c.err = r.Reload(ctx)
		c.took = time.Since(c.begun)
	}()
	synctest.Wait()
	return c
}

// within returns a context that ends after d.
func (r *rig) within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(r.t.Context(), d)
	r.t.Cleanup(cancel)
	return ctx
}

// want demands how the reload ended. How many are just leaving is only looked at where it is told.
func (c *reload) want(t *testing.T, err error, want ReloadResult) {
	t.Helper()
	if !isClosed(c.done) {
		t.Fatal("the reload is not over")
	}
	if !errors.Is(c.err, err) {
		t.Errorf("got %v, want %v", c.err, err)
	}
	got := c.result
	if want.Leaving == 0 {
		got.Leaving = 0
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("result: want -, got +:\n%s", diff)
	}
}

// bootOf is a boot that depends on the generation: how long the starts of each take.
func bootOf(took ...time.Duration) func(life.ID) (time.Duration, error) {
	return func(id life.ID) (time.Duration, error) {
		if d := took[id.Generation-1]; d >= 0 {
			return d, nil
		}
		return -took[id.Generation-1], errBoot
	}
}

// byGeneration counts the slots that are starting or ready.
func (r *rig) byGeneration() (starting, ready map[int]int) {
	starting, ready = map[int]int{}, map[int]int{}
	for _, info := range r.Snapshot().Slots {
		switch info.State {
		case Starting:
			starting[info.ID.Generation]++
		case Ready:
			ready[info.ID.Generation]++
		}
	}
	return starting, ready
}

func TestReloadReplacesAllWorkersAtNoLossOfPlaces(t *testing.T) {
	bubble(t, Config{Size: 4}, func(r *rig) {
		for n := range 4 {
			r.worker(n).slow = 2500 * time.Millisecond
		}
		r.boots(bootIn(time.Second))
		c := r.reload(r.t.Context())
		for range 390 {
			if c := r.ask("10ms"); c.err != nil || c.took != 10*time.Millisecond {
				t.Fatalf("a request took %v, error %v", c.took, c.err)
			}
			if got := r.Snapshot().Capacity; got != 4 {
				t.Fatalf("the capacity was %d", got)
			}
			r.settle()
		}
		if isClosed(c.done) {
			t.Fatalf("the reload was over after %v, with %v", c.took, c.err)
		}
		<-c.done
		c.want(t, nil, ReloadResult{Generation: 2, New: 4, Leaving: 3})
		if c.took != 4*time.Second {
			t.Errorf("it took %v: one worker after another was wanted", c.took)
		}
		r.pass(10 * time.Second)
		r.checkFull()
		snap := r.Snapshot()
		if snap.Counts.Exits[life.Reload] != 4 || snap.Counts.Starts != 8 || snap.Generation != 2 || snap.Reloading {
			t.Errorf("got %+v", snap)
		}
	})
}

func TestReloadIsSeenInTheSnapshot(t *testing.T) {
	bubble(t, Config{Size: 2}, func(r *rig) {
		r.boots(bootIn(time.Second))
		c := r.reload(r.t.Context())
		for _, want := range []struct {
			generation int
			reloading  bool
			ready      map[int]int
		}{
			{1, true, map[int]int{1: 2}},
			{2, true, map[int]int{1: 1, 2: 1}},
			{2, false, map[int]int{2: 2}},
		} {
			snap := r.Snapshot()
			_, ready := r.byGeneration()
			if snap.Generation != want.generation || snap.Reloading != want.reloading || !cmp.Equal(ready, want.ready) {
				t.Errorf("generation %d, reloading: %v, ready: %v; want %+v", snap.Generation, snap.Reloading, ready, want)
			}
			r.pass(time.Second)
		}
		<-c.done
	})
}

func TestReloadReplacesAFewWorkersAtOnce(t *testing.T) {
	for _, test := range []struct{ step, want int }{
		{0, 1},
		{1, 1},
		{2, min(2, runtime.GOMAXPROCS(0))},
		{1000, runtime.GOMAXPROCS(0)},
	} {
		bubble(t, Config{Size: 40, ReloadStep: test.step}, func(r *rig) {
			r.boots(bootIn(time.Second))
			c := r.reload(r.t.Context())
			most := 0
			for !isClosed(c.done) {
				starting, ready := r.byGeneration()
				most = max(most, starting[2])
				if ready[1]+ready[2] != 40 {
					t.Fatalf("ready: %v", ready)
				}
				r.pass(500 * time.Millisecond)
			}
			if most != test.want {
				t.Errorf("step %d: %d started at once, want %d", test.step, most, test.want)
			}
			c.want(t, nil, ReloadResult{Generation: 2, New: 40})
		})
	}
}

func TestGenerationThatDoesNotStartLeavesTheOldOne(t *testing.T) {
	bubble(t, Config{Size: 3}, func(r *rig) {
		before := r.inService()
		r.boots(bootOf(0, -time.Second, 0))
		c := r.reload(r.t.Context())
		r.pass(time.Second)

		c.want(t, errBoot, ReloadResult{Generation: 2, Old: 3})
		if got := r.inService(); !slices.Equal(got, before) {
			t.Errorf("in service: %v, want %v", got, before)
		}
		r.checkFull()
		r.pass(time.Hour)
		if got := r.started(); got != 4 {
			t.Errorf("%d starts, want one try", got-3)
		}
		if snap := r.Snapshot(); snap.Generation != 1 || snap.Reloading {
			t.Errorf("generation %d, reloading: %v", snap.Generation, snap.Reloading)
		}

		c = r.reload(r.t.Context()) // the code was mended
		r.settle()
		c.want(t, nil, ReloadResult{Generation: 3, New: 3})
		r.checkFull()
	})
}

func TestGenerationThatDoesNotStartInTimeLeavesTheOldOne(t *testing.T) {
	bubble(t, Config{Size: 2}, func(r *rig) {
		before := r.inService()
		r.boots(bootIn(time.Hour))
		c := r.reload(r.within(5 * time.Second))
		r.pass(5 * time.Second)

		c.want(t, context.DeadlineExceeded, ReloadResult{Generation: 2, Old: 2})
		if c.took != 5*time.Second {
			t.Errorf("it took %v", c.took)
		}
		r.checkFull()
		if got := r.inService(); !slices.Equal(got, before) {
			t.Errorf("in service: %v, want %v", got, before)
		}
		if exits := r.Snapshot().Counts.Exits; exits[life.Reload] != 1 || exits[life.StartFailed] != 0 {
			t.Errorf("exits: %v", exits)
		}
	})
}

func TestFirstWorkerThatIsReadyAfterItsReloadServesNobody(t *testing.T) {
	for _, lacks := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, Config{Size: 1, QueueSize: 1})
			boots := r.Pool.spawn
			r.Pool.spawn = func(ctx context.Context, id life.ID) (Worker, error) {
				return boots(context.WithoutCancel(ctx), id) // it does not look at its context
			}
			r.run()
			r.settle()
			r.boots(bootOf(time.Minute, 10*time.Second))
			c := r.reload(r.within(5 * time.Second))
			r.pass(5 * time.Second)
			c.want(t, context.DeadlineExceeded, ReloadResult{Generation: 2, Old: 1})
			r.send("hold")
			waits := r.send("")
			if lacks { // and no other is ready, either
				r.Retire(1, life.Timeout)
			}
			r.pass(5 * time.Second)
			if waits.over() {
				t.Errorf("slot %d of a generation that was given up got a request", waits.Worker.Slot)
			}
			r.stop()
			r.hurry()
			<-r.ended
			r.checkEmpty()
		})
	}
}

// checkGeneration demands that the pool is full, and of this generation only.
func (r *rig) checkGeneration(generation int) {
	r.t.Helper()
	snap := r.Snapshot()
	_, ready := r.byGeneration()
	if want := map[int]int{generation: snap.Target}; !cmp.Equal(ready, want) || snap.Generation != generation {
		r.t.Errorf("generation %d, ready: %v, want %v", snap.Generation, ready, want)
	}
}

// Once one worker was ready the generation works. The call ends with the failure; the rest follows when it can.
func TestStartThatFailsLaterEndsTheCallAndLosesNothing(t *testing.T) {
	bubble(t, Config{Size: 3}, func(r *rig) {
		r.boots(func(id life.ID) (time.Duration, error) {
			if id.Generation == 2 && id.Serial > 4 {
				return time.Second, errBoot
			}
			return 0, nil
		})
		c := r.reload(r.t.Context())
		r.pass(time.Second)

		c.want(t, errBoot, ReloadResult{Generation: 2, New: 1, Old: 2})
		if got := r.Snapshot().Capacity; got != 3 {
			t.Errorf("the capacity is %d", got)
		}

		r.boots(nil)
		r.pass(5 * time.Minute)
		r.checkFull()
		r.checkGeneration(2)
	})
}

func TestReloadThatTakesTooLongGoesOnUnwatched(t *testing.T) {
	bubble(t, Config{Size: 3}, func(r *rig) {
		r.boots(bootIn(2 * time.Second))
		c := r.reload(r.within(3 * time.Second))
		r.pass(3 * time.Second)
		c.want(t, context.DeadlineExceeded, ReloadResult{Generation: 2, New: 1, Old: 2})
		r.pass(4 * time.Second)
		r.checkFull()
		r.checkGeneration(2)
	})
}

func TestBusyWorkerDoesNotHoldUpAReload(t *testing.T) {
	bubble(t, Config{Size: 2}, func(r *rig) {
		busy := r.send("1h")
		c := r.reload(r.t.Context())
		r.settle()
		c.want(t, nil, ReloadResult{Generation: 2, New: 2})
		if c.result.Leaving < 1 {
			t.Error("the result does not tell of the worker that is busy")
		}
		<-busy.done
		if busy.err != nil {
			t.Errorf("its request: %v", busy.err)
		}
		r.settle()
		r.checkFull()
	})
}

func TestSecondReloadWaitsForTheFirst(t *testing.T) {
	bubble(t, Config{Size: 2}, func(r *rig) {
		r.boots(bootIn(time.Second))
		first := r.reload(r.t.Context())
		second := r.reload(r.t.Context())
		for !isClosed(first.done) {
			starting, ready := r.byGeneration()
			if starting[3]+ready[3] > 0 {
				t.Fatal("the second has begun before the first was over")
			}
			r.pass(100 * time.Millisecond)
		}
		first.want(t, nil, ReloadResult{Generation: 2, New: 2})
		<-second.done
		r.settle()
		second.want(t, nil, ReloadResult{Generation: 3, New: 2})
		if second.took != 4*time.Second {
			t.Errorf("the second took %v", second.took)
		}
		r.checkFull()
		r.checkGeneration(3)
	})
}

func TestReloadThatWaitsForAnotherMayGiveUp(t *testing.T) {
	bubble(t, Config{Size: 2}, func(r *rig) {
		r.boots(bootIn(time.Minute))
		first := r.reload(r.t.Context())
		second := r.reload(r.within(time.Second))
		r.pass(time.Second)
		second.want(t, context.DeadlineExceeded, ReloadResult{Generation: 2, Old: 2})
		if isClosed(first.done) {
			t.Errorf("the first ended with %v", first.err)
		}
		<-first.done
		r.settle()
		r.checkGeneration(2)
	})
}

func TestReloadCompletesWhatAnEarlierOneLeftUndone(t *testing.T) {
	bubble(t, Config{Size: 3}, func(r *rig) {
		broken := func(id life.ID) (time.Duration, error) {
			if id.Generation == 2 && id.Serial > 4 {
				return 0, errBoot
			}
			return 0, nil
		}
		r.boots(broken)
		r.reload(r.t.Context()).want(t, errBoot, ReloadResult{Generation: 2, New: 1, Old: 2})

		c := r.reload(r.t.Context()) // nothing was mended: there must not be a third generation
		<-c.done
		c.want(t, errBoot, ReloadResult{Generation: 2, New: 1, Old: 2})

		r.boots(nil)
		c = r.reload(r.t.Context())
		<-c.done
		r.settle()
		c.want(t, nil, ReloadResult{Generation: 3, New: 3})
		r.checkGeneration(3)
		r.pass(time.Minute)
		r.checkFull()
	})
}

func TestOldWorkerThatDiesInAReloadIsReplacedByWhatIsKnownToStart(t *testing.T) {
	for _, test := range []struct {
		name  string
		after time.Duration
		want  int
	}{
		{"before a new one is ready", 500 * time.Millisecond, 1},
		{"after that", 1500 * time.Millisecond, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, Config{Size: 3}, func(r *rig) {
				r.pass(settled)
				r.boots(bootOf(100*time.Millisecond, time.Second))
				c := r.reload(r.t.Context())
				r.pass(test.after)
				for n, info := range r.Snapshot().Slots {
					if info.State == Ready && info.ID.Generation == 1 {
						r.worker(n).die(life.Crash, false)
						break
					}
				}
				r.settle()
				starting, _ := r.byGeneration()
				if test.want == 1 && starting[1] != 1 || test.want == 2 && starting[1] != 0 {
					t.Errorf("starting: %v, want one of generation %d", starting, test.want)
				}
				<-c.done
				r.settle()
				c.want(t, nil, ReloadResult{Generation: 2, New: 3})
				r.checkFull()
			})
		})
	}
}

func TestBrokenOldGenerationDoesNotHoldUpTheNewOne(t *testing.T) {
	for _, test := range []struct {
		name string
		boot time.Duration // of the old generation; less than 0 fails
	}{
		{"its starts rest", -1},
		{"its starts hang", time.Hour},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, Config{Size: 3}, func(r *rig) {
				r.boots(bootOf(test.boot, time.Second))
				for n := range 3 {
					r.worker(n).die(life.Crash, false)
				}
				r.pass(5 * time.Minute)
				c := r.reload(r.t.Context())
				<-c.done
				r.settle()
				if c.err != nil || c.took != 2*time.Second {
					t.Errorf("it took %v, error %v", c.took, c.err)
				}
				r.checkGeneration(2)
				r.pass(time.Minute)
				r.checkFull()
			})
		})
	}
}

func TestReloadBringsWorkersToAPoolThatHasNone(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 1}, func(r *rig) {
		old := r.worker(0)
		old.deaf = true
		r.send("hold")
		r.Pool.mu.Lock()
		r.retire(r.slots[0], life.Timeout) // it lingers, and its slot is not staff
		r.Pool.mu.Unlock()
		r.boots(bootOf(time.Hour, time.Second))
		r.pass(time.Second)
		c := r.reload(r.t.Context())
		<-c.done
		r.settle()
		c.want(t, nil, ReloadResult{Generation: 2, New: 1})
		r.checkGeneration(2)
		r.releaseAll()
		r.pass(time.Minute)
		r.checkFull()
	})
}

func TestReloadWhileAllWorkersDieReplacesThem(t *testing.T) {
	bubble(t, Config{Size: 1}, func(r *rig) {
		old := r.worker(0)
		old.deaf, old.slow = true, time.Second
		r.boots(bootOf(0, time.Second))
		c := r.reload(r.t.Context())
		r.send("hold")
		r.Pool.mu.Lock()
		r.drain(r.slots[0], life.MaxAge) // as if it had asked: it stays staff, and finishes
		r.Pool.mu.Unlock()
		<-c.done
		r.settle()
		c.want(t, nil, ReloadResult{Generation: 2, New: 1, Leaving: 1})
		r.releaseAll()
		r.pass(time.Minute)
		r.checkFull()
		r.checkGeneration(2)
	})
}

func TestOldGenerationThatFailsEndsNoReload(t *testing.T) {
	bubble(t, Config{Size: 2}, func(r *rig) {
		r.boots(bootOf(-time.Millisecond, time.Second))
		c := r.reload(r.t.Context())
		r.worker(0).die(life.Crash, false)
		<-c.done
		r.settle()
		c.want(t, nil, ReloadResult{Generation: 2, New: 2})
		if got := r.Snapshot().Counts.Exits[life.StartFailed]; got == 0 {
			t.Error("no start of the old generation has failed")
		}
		r.pass(time.Minute)
		r.checkFull()
	})
}

// What has ended is not called unfinished, though its time is up at the same moment.
func TestReloadThatIsOverHasNotRunOutOfTime(t *testing.T) {
	bubble(t, Config{Size: 1}, func(r *rig) {
		ctx, cancel := context.WithCancel(r.t.Context())
		cancel()
		for range 100 {
			over := r.beginReload(false) // at once: there is one generation
			if err := r.await(ctx, over); err != nil {
				t.Fatalf("got %v", err)
			}
		}
	})
}

func TestEndOfThePoolEndsItsReload(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(*rig)
	}{
		{"drain", func(r *rig) { r.Drain() }},
		{"end of Run", func(r *rig) { r.stop() }},
	} {
		for _, after := range []time.Duration{0, 1500 * time.Millisecond} {
			t.Run(test.name, func(t *testing.T) {
				bubble(t, Config{Size: 3}, func(r *rig) {
					r.boots(bootIn(time.Second))
					first := r.reload(r.t.Context())
					second := r.reload(r.t.Context())
					r.pass(after)
					test.end(r)
					r.settle()
					for _, c := range []*reload{first, second, r.reload(r.t.Context())} {
						if !isClosed(c.done) || !errors.Is(c.err, ErrDraining) {
							t.Errorf("over: %v with %v", isClosed(c.done), c.err)
						}
					}
					r.pass(time.Minute)
					if got := r.started(); got > 5 {
						t.Errorf("%d starts", got)
					}
				})
			})
		}
	}
}

func TestReloadBeforeRunDoesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Size: 1})
		c := r.reload(t.Context())
		c.want(t, ErrDraining, ReloadResult{Generation: 1})
	})
}

func TestSizeMayChangeDuringAReload(t *testing.T) {
	for _, size := range []int{1, 2, 7} {
		for _, after := range []time.Duration{0, 500 * time.Millisecond, 1500 * time.Millisecond} {
			bubble(t, Config{Size: 4, ReloadStep: 2}, func(r *rig) {
				r.boots(bootIn(time.Second))
				c := r.reload(r.t.Context())
				r.pass(after)
				r.Resize(size)
				<-c.done
				r.settle()
				if c.err != nil || c.result.Old != 0 || c.result.New != size {
					t.Errorf("size %d after %v: %+v, error %v", size, after, c.result, c.err)
				}
				r.checkGeneration(2)
				r.pass(time.Minute)
				r.checkFull()
			})
		}
	}
}

// A place that is still missing may become one that is not wanted: then nothing more is to come.
func TestShrinkingMayCompleteAReload(t *testing.T) {
	for _, test := range []struct {
		name  string
		lacks func(*rig)
	}{
		{"the last one starts", func(r *rig) { r.pass(2500 * time.Millisecond) }},
		{"one rests", func(r *rig) {
			r.pass(3*time.Second - time.Millisecond)
			r.worker(r.newest()).die(life.Crash, false)
			r.pass(time.Millisecond)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, Config{Size: 3}, func(r *rig) {
				r.boots(bootOf(0, time.Second))
				c := r.reload(r.t.Context())
				test.lacks(r)
				_, ready := r.byGeneration()
				if isClosed(c.done) || ready[2] != 2 {
					t.Fatalf("over: %v, ready: %v", isClosed(c.done), ready)
				}
				for n, info := range r.Snapshot().Slots {
					if info.State == Ready && info.ID.Generation == 2 {
						r.useOnly(n)
					}
				}
				r.Resize(2)
				r.settle()
				c.want(t, nil, ReloadResult{Generation: 2, New: 2})
				r.pass(time.Minute)
				r.checkFull()
			})
		})
	}
}

// newest returns the slot of the ready worker with the highest serial.
func (r *rig) newest() int {
	r.t.Helper()
	newest := SlotInfo{}
	for _, info := range r.Snapshot().Slots {
		if info.State == Ready && info.ID.Serial > newest.ID.Serial {
			newest = info
		}
	}
	return newest.ID.Slot
}

func TestResultCountsTheGenerations(t *testing.T) {
	p := New(Config{Size: 1}, nil)
	for _, s := range []struct {
		state      State
		generation int
	}{
		{Ready, 1}, {Starting, 1}, {Draining, 1}, {Vacant, 1},
		{Ready, 2}, {Starting, 2}, {Draining, 2}, {Vacant, 2},
	} {
		p.slots = append(p.slots, &slot{state: s.state, id: life.ID{Generation: s.generation}})
	}
	want := ReloadResult{Generation: 2, New: 1, Old: 2, Leaving: 1}
	if diff := cmp.Diff(want, p.tally(2)); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

func TestReloadDoesNotWaitForTheTurnOfSoftReasons(t *testing.T) {
	bubble(t, Config{Size: 3}, func(r *rig) {
		due := r.worker(0).id.Serial
		r.boots(bootOf(time.Hour, time.Second))
		r.Retire(due, life.MemorySoft)
		r.settle()
		c := r.reload(r.t.Context())
		<-c.done
		r.settle()
		c.want(t, nil, ReloadResult{Generation: 2, New: 3})
		r.checkFull()
		if got := r.Snapshot().Counts.Exits[life.MemorySoft]; got != 1 {
			t.Errorf("%d left because of their size, want 1", got)
		}
	})
}
