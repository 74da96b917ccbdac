package pool

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fwatchdog/internal/life"
)

func TestPoolIsStaffedAtItsStart(t *testing.T) {
	bubble(t, Config{Size: 3}, func(r *rig) {
		r.checkFull()
		snap := r.Snapshot()
		if snap.Capacity != 3 || snap.Target != 3 || len(snap.Slots) != 3 || !r.Ready() {
			t.Errorf("got %+v", snap)
		}
	})
}

func TestDeadWorkerIsReplacedInItsSlot(t *testing.T) {
	bubble(t, Config{Size: 2}, func(r *rig) {
		r.pass(settled)
		r.worker(1).die(life.Exit, false)
		r.settle()

		r.checkFull()
		if got := r.worker(1).id; got != (life.ID{Slot: 1, Serial: 3, Generation: 1}) {
			t.Errorf("its successor is %+v", got)
		}
		if info := r.Snapshot().Slots[1]; info.Last != life.Exit {
			t.Errorf("the last one left because of %q", info.Last)
		}
	})
}

// startTimes notes when starts are asked for, by slot.
type startTimes struct {
	mu sync.Mutex
	at map[int][]time.Time
}

func (s *startTimes) note(id life.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at == nil {
		s.at = map[int][]time.Time{}
	}
	s.at[id.Slot] = append(s.at[id.Slot], time.Now())
}

// gaps returns the times between starts of a slot.
func (s *startTimes) gaps(slot int) []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var gaps []time.Duration
	for i, at := range s.at[slot] {
		if i > 0 {
			gaps = append(gaps, at.Sub(s.at[slot][i-1]))
		}
	}
	return gaps
}

// tick is how closely a test looks at a pool that it waits for.
const tick = 10 * time.Millisecond

// wantDoubling demands back-off from want on: doubling to 30 s, each within a fifth.
func wantDoubling(t *testing.T, want time.Duration, gaps []time.Duration) {
	t.Helper()
	for i, gap := range gaps {
		if gap < want*4/5 || gap > want*6/5+tick {
			t.Errorf("pause %d was %v, want about %v", i, gap, want)
		}
		want = min(2*want, 30*time.Second)
	}
}

func TestFailedStartsBackOff(t *testing.T) {
	bubble(t, Config{Size: 1}, func(r *rig) {
		r.pass(settled)
		var times startTimes
		r.boots(func(id life.ID) (time.Duration, error) { times.note(id); return 0, errBoot })
		r.worker(0).die(life.Crash, false)
		r.pass(5 * time.Minute)

		gaps := times.gaps(0)
		wantDoubling(t, 100*time.Millisecond, gaps)
		if len(gaps) < 12 {
			t.Errorf("only %d tries in 5 minutes", len(gaps))
		}
		if slices.Max(gaps[9:]) > 36*time.Second || slices.Equal(gaps[9:11], []time.Duration{gaps[9], gaps[9]}) {
			t.Errorf("the longest pauses were %v, want 30 s with jitter", gaps[9:])
		}
		if last := r.Snapshot().Slots[0].Last; last != life.StartFailed {
			t.Errorf("the last one left because of %q", last)
		}
	})
}

func TestDeathSoonAfterReadyCountsAsAFailedStart(t *testing.T) {
	for _, test := range []struct {
		name  string
		lived time.Duration
		why   life.Reason
		pause bool
	}{
		{"crashed at once", 0, life.Crash, true},
		{"ended in the tenth second", settled - time.Millisecond, life.Exit, true},
		{"crashed when settled", settled, life.Crash, false},
		{"sent away at once", 0, life.Reload, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, Config{Size: 1}, func(r *rig) {
				r.pass(test.lived)
				r.worker(0).die(test.why, false)
				r.settle()

				if paused := r.started() == 1; paused != test.pause {
					t.Errorf("paused before the next start: %v, want %v", paused, test.pause)
				}
				r.pass(time.Second)
				r.checkFull()
			})
		})
	}
}

func TestCrashLoopBacksOffAndEndsWithAWorkerThatSettles(t *testing.T) {
	bubble(t, Config{Size: 1}, func(r *rig) {
		var times startTimes
		r.boots(func(id life.ID) (time.Duration, error) { times.note(id); return 0, nil })
		for range 8 {
			for !r.Ready() {
				r.pass(tick)
			}
			r.worker(0).die(life.Crash, false)
			r.settle()
		}
		wantDoubling(t, 200*time.Millisecond, times.gaps(0)) // the first start was not noted

		r.pass(time.Minute) // one has settled
		r.worker(0).die(life.Crash, false)
		r.settle()
		r.checkFull()
		r.worker(0).die(life.Crash, false)
		r.pass(120 * time.Millisecond) // the back-off began anew
		r.checkFull()
	})
}

func TestBackOffOfOneSlotHoldsUpNoOther(t *testing.T) {
	bubble(t, Config{Size: 2}, func(r *rig) {
		r.boots(func(id life.ID) (time.Duration, error) {
			if id.Slot == 0 {
				return 0, errBoot
			}
			return 0, nil
		})
		r.worker(0).die(life.Crash, false)
		r.pass(5 * time.Minute) // slot 0 rests up to half a minute at a time
		for range 10 {
			r.pass(settled)
			r.worker(1).die(life.Crash, false)
			r.settle()
			if !r.Ready() {
				t.Fatal("slot 1 was not staffed at once")
			}
		}
	})
}

func TestFailuresOfAnyOrderCostNoSlotForEver(t *testing.T) {
	bubble(t, Config{Size: 4}, func(r *rig) {
		r.boots(bootFails)
		for n, serial := range r.inService() {
			r.Retire(serial, []life.Reason{life.MaxAge, life.MemoryHard, life.Timeout, life.GoAway}[n])
		}
		r.pass(time.Second)
		for n := range r.Snapshot().Slots {
			r.killAny(n)
		}
		r.pass(5 * time.Minute)
		if r.Ready() {
			t.Fatal("a worker is ready although none starts")
		}

		r.boots(nil)
		r.pass(time.Minute)

		r.checkFull()
	})
}

func (r *rig) killAny(slot int) {
	if r.Snapshot().Slots[slot].State == Ready {
		r.worker(slot).die(life.Crash, false)
		r.settle()
	}
}

func TestLastWorkersDeathRefusesRequestsAndEndsNothing(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 1}, func(r *rig) {
		r.boots(bootFails)
		r.worker(0).die(life.Crash, false)

		r.ask("").wantErr(t, ErrNotReady)

		if r.Ready() {
			t.Error("the pool is ready without a worker")
		}
		select {
		case err := <-r.ended:
			t.Fatalf("Run ended with %v", err)
		default:
		}
		r.boots(nil)
		r.pass(time.Minute)
		if c := r.ask(""); c.err != nil {
			t.Error(c.err)
		}
	})
}

func TestFirstGenerationThatNeverStartsEndsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Size: 3, QueueSize: 1})
		var times startTimes
		r.boots(func(id life.ID) (time.Duration, error) {
			times.note(id)
			return time.Duration(id.Slot) * time.Second, errBoot
		})
		r.run()
		c := r.send("")

		err := <-r.ended

		if !errors.Is(err, ErrNeverReady) || !errors.Is(err, errBoot) {
			t.Errorf("got %v", err)
		}
		<-c.done
		c.wantErr(t, ErrDraining)
		for n := range 3 {
			if tries := len(times.gaps(n)) + 1; tries < 3 {
				t.Errorf("slot %d was tried %d times", n, tries)
			}
		}
		r.checkEmpty()
	})
}

func TestPoolThatEverHadAWorkerDoesNotGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Size: 2})
		r.boots(func(id life.ID) (time.Duration, error) {
			if id.Serial == 4 { // slots 0 and 1 have failed, and one of them again
				return 0, nil
			}
			return 0, errBoot
		})
		r.run()
		r.pass(5 * time.Minute)
		select {
		case err := <-r.ended:
			t.Fatalf("Run ended with %v", err)
		default:
		}
		r.stop()
		<-r.ended
		r.checkEmpty()
	})
}

func TestStartThatIsCutShortByTheEndIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Size: 2})
		r.boots(bootIn(time.Hour))
		r.run()
		r.pass(time.Second)
		r.stop()

		if err := <-r.ended; err != nil {
			t.Errorf("Run ended with %v", err)
		}
		if exits := r.Snapshot().Counts.Exits; exits[life.StartFailed] != 0 || exits[life.Stop] != 2 {
			t.Errorf("exits: %v", exits)
		}
		r.checkEmpty()
	})
}

func TestWorkerThatIsReadyTooLateLeavesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Size: 1, QueueSize: 5})
		var late *fake
		r.Pool.spawn = func(_ context.Context, id life.ID) (Worker, error) {
			time.Sleep(time.Second) // it does not look at its context
			late = newFake(id, 1)
			return late, nil
		}
		r.run()
		waits := r.send("")
		r.stop()
		synctest.Wait()
		waits.wantErr(t, ErrDraining)
		r.send("").wantErr(t, ErrDraining) // not even while it starts
		<-r.ended

		if late.told() != life.Stop {
			t.Errorf("it was asked to leave because of %q", late.told())
		}
		r.checkEmpty()
	})
}

func TestEndDoesNotWaitForABackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Size: 1})
		r.run()
		r.settle()
		r.boots(bootFails)
		r.worker(0).die(life.Crash, false)
		r.pass(2 * time.Minute)
		r.stop()
		begun := time.Now()
		<-r.ended
		if took := time.Since(begun); took != 0 {
			t.Errorf("the end took %v", took)
		}
		r.checkEmpty()
	})
}
