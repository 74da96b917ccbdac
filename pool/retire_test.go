package pool

import (
	"slices"
	"testing"
	"time"

	"fwatchdog/internal/life"
)

func TestVerdictOnAGoneWorkerDoesNothingToItsSuccessor(t *testing.T) {
	bubble(t, Config{Size: 1}, func(r *rig) {
		r.pass(settled)
		r.worker(0).die(life.Crash, false)
		r.settle()
		for _, why := range life.Reasons {
			if r.Retire(1, why) {
				t.Errorf("%s: worker 1 is said to be in service", why)
			}
		}
		r.settle()
		if got := r.inService(); !slices.Equal(got, []uint64{2}) {
			t.Errorf("in service: %v", got)
		}
	})
}

func TestVerdictOnAWorkerThatStartsDoesNothing(t *testing.T) {
	bubble(t, Config{Size: 1}, func(r *rig) {
		r.boots(bootIn(time.Second))
		r.worker(0).die(life.Reload, false)
		r.settle()
		if r.Retire(2, life.MemoryHard) {
			t.Error("a worker that is not ready is said to be in service")
		}
		r.pass(time.Second)
		r.checkFull()
	})
}

func TestSuccessorIsReadyBeforeAWorkerIsRetired(t *testing.T) {
	for _, why := range []life.Reason{life.MaxRequests, life.MaxAge, life.MemorySoft, life.GoAway} {
		t.Run(string(why), func(t *testing.T) {
			bubble(t, Config{Size: 2}, func(r *rig) {
				r.boots(bootIn(300 * time.Millisecond))
				old := r.worker(0)
				old.slow = 500 * time.Millisecond
				if !r.Retire(old.id.Serial, why) {
					t.Fatal("no such worker")
				}
				for range 30 {
					r.pass(10 * time.Millisecond)
					if got := r.Snapshot().Capacity; got != 2 {
						t.Fatalf("the capacity was %d", got)
					}
				}
				if got := r.inService(); slices.Contains(got, old.id.Serial) {
					t.Errorf("in service: %v", got)
				}
				r.pass(time.Second)
				if got := r.Snapshot().Counts.Exits[why]; got != 1 {
					t.Errorf("counted %d, want 1", got)
				}
				r.checkFull()
			})
		})
	}
}

func TestOneWorkerAtATimeIsReplacedForASoftReason(t *testing.T) {
	bubble(t, Config{Size: 4}, func(r *rig) {
		r.boots(bootIn(time.Second))
		for _, serial := range []uint64{3, 1, 4, 2} {
			r.Retire(serial, life.MemorySoft)
		}
		for n := range 4 {
			r.settle()
			snap := r.Snapshot()
			starting := 0
			for _, info := range snap.Slots {
				starting += b2i(info.State == Starting)
			}
			if starting != 1 || snap.Capacity != 4 || snap.Counts.Starts != uint64(4+n+1) {
				t.Fatalf("round %d: %d start, %d places, %d starts", n, starting, snap.Capacity, snap.Counts.Starts)
			}
			r.pass(time.Second)
		}
		r.checkFull()
		if got := r.inService(); slices.Min(got) != 5 {
			t.Errorf("in service: %v", got)
		}
	})
}

// The first was due with the lowest serial; of the others the oldest goes first.
func TestWhoeverIsDueWaitsForItsTurn(t *testing.T) {
	bubble(t, Config{Size: 3}, func(r *rig) {
		r.boots(bootIn(time.Second))
		r.Retire(3, life.MaxAge)
		r.Retire(2, life.MaxAge)
		r.Retire(1, life.MemorySoft)
		r.pass(time.Second)
		if got := r.inService(); slices.Contains(got, 3) || len(got) != 3 {
			t.Errorf("in service: %v", got)
		}
		r.pass(time.Second)
		if got := r.inService(); slices.Contains(got, 1) || len(got) != 3 {
			t.Errorf("in service: %v", got)
		}
		r.pass(time.Second)
		r.checkFull()
	})
}

func TestFirstReasonStays(t *testing.T) {
	bubble(t, Config{Size: 1}, func(r *rig) {
		r.boots(bootIn(time.Second))
		r.Retire(1, life.MaxAge)
		r.Retire(1, life.MemorySoft)
		if got := r.Snapshot().Slots[0].Why; got != life.MaxAge {
			t.Errorf("it is due because of %q", got)
		}
		r.pass(2 * time.Second)
		if got := r.Snapshot().Counts.Exits[life.MaxAge]; got != 1 {
			t.Errorf("counted %d, want 1", got)
		}
		r.checkFull()
	})
}

func TestHardReasonDoesNotWaitForATurn(t *testing.T) {
	bubble(t, Config{Size: 2}, func(r *rig) {
		r.boots(bootIn(time.Second))
		soft, hard := r.worker(0), r.worker(1)
		r.Retire(soft.id.Serial, life.MaxAge)
		r.Retire(hard.id.Serial, life.MemoryHard)
		r.settle()
		if got := r.inService(); !slices.Equal(got, []uint64{soft.id.Serial}) {
			t.Errorf("in service: %v", got)
		}
		r.pass(5 * time.Second)
		r.checkFull()
	})
}

func TestTurnIsFreeAgainWhateverBecomesOfTheWorker(t *testing.T) {
	for _, test := range []struct {
		name    string
		becomes func(*rig)
	}{
		{"it dies", func(r *rig) { r.worker(0).die(life.Crash, false) }},
		{"it is over its hard limit", func(r *rig) { r.Retire(r.worker(0).id.Serial, life.MemoryHard) }},
		{"it is poisoned", func(r *rig) { r.worker(0).ask(life.Timeout) }},
		{"its successor does not start", func(r *rig) { r.boots(bootFails); r.pass(time.Minute) }},
		{"its successor dies at once", func(r *rig) { r.pass(time.Second); r.worker(2).die(life.Crash, false) }},
		{"another worker dies", func(r *rig) { r.worker(1).die(life.Crash, false) }},
		{"all die", func(r *rig) { r.worker(0).die(life.Crash, false); r.worker(1).die(life.Crash, false) }},
		{"another is poisoned and its slot rests", func(r *rig) {
			r.worker(1).deaf = true
			r.worker(1).ask(life.Timeout)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, Config{Size: 2}, func(r *rig) {
				r.boots(bootIn(time.Second))
				r.Retire(r.worker(0).id.Serial, life.MaxAge)
				r.settle()
				test.becomes(r)
				r.settle()
				r.boots(nil)
				r.pass(time.Minute)
				r.checkFull()

				next := r.inService()[0]
				r.Retire(next, life.MaxAge)
				r.settle()
				r.checkFull()
				if slices.Contains(r.inService(), next) {
					t.Error("the next worker did not get its turn")
				}
			})
		})
	}
}

// A worker is kept, due or not, while the pool would be short without it.
func TestWorkerYieldsOnlyWhenThePoolIsFullWithoutIt(t *testing.T) {
	bubble(t, Config{Size: 2}, func(r *rig) {
		r.boots(bootIn(time.Second))
		due := r.worker(0).id.Serial
		r.Retire(due, life.MaxAge)
		r.settle()
		r.worker(1).die(life.Crash, false)
		r.pass(time.Second) // its successor is ready, that of the dead one not yet
		if got := r.inService(); !slices.Equal(got, []uint64{due, 3}) {
			t.Errorf("in service: %v", got)
		}
		r.pass(2 * time.Second)
		r.checkFull()
		if slices.Contains(r.inService(), due) {
			t.Error("the worker that was due is still there")
		}
	})
}

func TestWorkerThatAsksToGoCostsNoRequest(t *testing.T) {
	bubble(t, Config{Size: 1}, func(r *rig) {
		r.boots(bootIn(300 * time.Millisecond))
		r.worker(0).ask(life.GoAway)
		for range 100 {
			if c := r.ask("10ms"); c.err != nil || c.took != 10*time.Millisecond {
				t.Fatalf("took %v, error %v", c.took, c.err)
			}
		}
		r.settle()
		r.checkFull()
		if got := r.Snapshot().Counts.Exits[life.GoAway]; got != 1 {
			t.Errorf("counted %d, want 1", got)
		}
	})
}

func TestWorkerThatAsksToGoNeedNotBeOldUnlessItHasServedNobody(t *testing.T) {
	bubble(t, Config{Size: 1, MinAge: 10 * time.Second}, func(r *rig) {
		r.worker(0).ask(life.GoAway) // as one might that does so whenever it starts
		r.pass(9 * time.Second)
		if got := r.started(); got != 1 {
			t.Fatalf("%d workers were started, want 1", got)
		}
		r.pass(time.Second)
		for serial := uint64(2); serial < 5; serial++ {
			r.pass(time.Second)
			if serial == 3 {
				r.Retire(serial, life.MaxAge) // which is not urgent
			}
			r.ask("")
			slot := slices.IndexFunc(r.slots, func(s *slot) bool { return s.state == Ready })
			r.worker(slot).ask(life.GoAway)
			r.settle()
			if got := r.started(); got != serial+1 {
				t.Errorf("%d workers were started, want %d", got, serial+1)
			}
		}
		if got := r.Snapshot().Counts.Exits[life.GoAway]; got != 4 {
			t.Errorf("counted %d, want 4", got)
		}
	})
}

func TestWishOfADeadWorkerIsNotHeard(t *testing.T) {
	bubble(t, Config{Size: 1}, func(r *rig) {
		old := r.worker(0)
		old.deaf = true
		r.Retire(1, life.MaxAge)
		r.settle()
		old.ask(life.GoAway)
		old.die(life.MaxAge, false)
		r.settle()
		if got := r.started(); got != 2 {
			t.Errorf("%d workers were started, want 2", got)
		}
		r.checkFull()
	})
}

func TestWorkerLeavesBeforeItsSuccessorStartsWhereThereIsNoMemory(t *testing.T) {
	bubble(t, Config{Size: 3, QueueSize: 1}, func(r *rig) {
		r.boots(bootIn(time.Second))
		r.Tighten(true)
		busy := r.send("2s")
		for _, serial := range []uint64{1, 2, 3} {
			r.Retire(serial, life.MemorySoft)
		}
		for n := range 3 { // one at a time, at the price of one place
			r.settle()
			snap := r.Snapshot()
			for ; snap.Counts.Exits[life.MemorySoft] == uint64(n); snap = r.Snapshot() {
				if snap.Counts.Starts != uint64(3+n) || snap.Capacity < 2 {
					t.Fatalf("round %d: %d starts, %d places", n, snap.Counts.Starts, snap.Capacity)
				}
				r.pass(100 * time.Millisecond)
			}
			if snap.Counts.Starts != uint64(4+n) || snap.Capacity != 2 {
				t.Fatalf("after exit %d: %d starts, %d places", n+1, snap.Counts.Starts, snap.Capacity)
			}
			r.pass(time.Second)
		}
		r.checkFull()
		if <-busy.done; busy.err != nil {
			t.Errorf("the request that was in flight: %v", busy.err)
		}
	})
}

func TestWorkerThatIsDueYieldsAgainOnceThereIsMemory(t *testing.T) {
	bubble(t, Config{Size: 1}, func(r *rig) {
		r.boots(bootIn(time.Second))
		r.Tighten(true)
		r.worker(0).die(life.Crash, false)
		r.settle() // the pool is not full
		r.Tighten(false)
		r.pass(2 * time.Second)
		r.Retire(2, life.MemorySoft)
		if got := r.Snapshot().Capacity; got != 1 {
			t.Errorf("the capacity is %d", got)
		}
		r.pass(time.Second)
		r.checkFull()
	})
}

func TestWorkerThatIsDueLeavesWhenFewerAreWantedAndThereIsNoMemory(t *testing.T) {
	bubble(t, Config{Size: 2}, func(r *rig) {
		r.pass(settled)
		r.boots(bootIn(time.Hour))
		r.Tighten(true)
		r.worker(0).die(life.Crash, false)
		r.settle()
		r.Retire(r.worker(1).id.Serial, life.MaxAge) // the pool is not full
		r.boots(bootIn(time.Second))
		r.Resize(1)
		r.pass(2 * time.Second)
		if got := r.Snapshot().Counts.Exits[life.MaxAge]; got != 1 {
			t.Errorf("%d workers left for their age", got)
		}
	})
}

func TestPoolThatIsNotFullLosesNoWorkerForWantOfMemory(t *testing.T) {
	bubble(t, Config{Size: 2}, func(r *rig) {
		r.pass(settled)
		r.boots(bootIn(5 * time.Second))
		r.Tighten(true)
		r.worker(0).die(life.Crash, false)
		r.settle()
		r.Retire(r.worker(1).id.Serial, life.MaxAge)
		r.pass(time.Second)
		if got := r.Snapshot().Capacity; got != 1 {
			t.Fatalf("the capacity is %d", got)
		}
		r.pass(4 * time.Second) // now it is full
		r.pass(5 * time.Second)
		r.checkFull()
		if got := r.Snapshot().Counts.Exits[life.MaxAge]; got != 1 {
			t.Errorf("%d workers left for their age", got)
		}
	})
}
