package pool

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"fwatchdog/internal/life"
)

func TestPoolGrowsAtOnce(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 5}, func(r *rig) {
		r.send("hold")
		r.boots(bootIn(time.Second))
		waits := r.send("")
		r.Resize(3)
		<-waits.done
		if waits.err != nil || waits.took != time.Second {
			t.Errorf("the request that waited took %v, error %v", waits.took, waits.err)
		}
		r.settle()
		r.checkFull()
		if snap := r.Snapshot(); snap.Target != 3 || snap.Capacity != 3 {
			t.Errorf("%d wanted, %d places", snap.Target, snap.Capacity)
		}
	})
}

func TestPoolShrinksByTheWorkersUsedLeastRecently(t *testing.T) {
	bubble(t, Config{Size: 4}, func(r *rig) {
		var calls []*call
		for range 4 {
			calls = append(calls, r.send("hold"))
		}
		order := []int{2, 0, 3, 1} // of use
		for i, n := range order {
			order[i] = calls[n].Worker.Slot
		}
		r.releaseAll()
		for _, slot := range order {
			r.useOnly(slot)
		}

		r.Resize(2)
		r.settle()

		r.checkFull()
		var left []int
		for _, info := range r.Snapshot().Slots {
			if info.State == Ready {
				left = append(left, info.ID.Slot)
			}
		}
		want := order[2:]
		slices.Sort(want)
		if !slices.Equal(left, want) {
			t.Errorf("left: slots %v, want %v", left, want)
		}
		if got := r.Snapshot().Counts.Exits[life.Resize]; got != 2 {
			t.Errorf("counted %d, want 2", got)
		}
	})
}

func TestOfWorkersThatWereNeverUsedTheYoungestGoes(t *testing.T) {
	bubble(t, Config{Size: 1}, func(r *rig) {
		for n := range 3 {
			r.Resize(n + 2)
			r.settle()
		}
		r.Resize(2)
		r.settle()
		if got := r.inService(); !slices.Equal(got, []uint64{1, 2}) {
			t.Errorf("in service: %v", got)
		}
	})
}

// useOnly makes one request of the worker in slot n.
func (r *rig) useOnly(n int) {
	r.t.Helper()
	r.Pool.mu.Lock()
	x := newCall("")
	s := r.slots[n]
	r.take(s, &x.Exchange)
	r.Pool.mu.Unlock()
	s.over()
}

func TestWorkerThatIsOneTooManyFinishesWhatItHas(t *testing.T) {
	bubble(t, Config{Size: 2}, func(r *rig) {
		first, second := r.send("5s"), r.send("5s")
		r.Resize(1)
		r.pass(time.Second)
		if got := r.Snapshot().Capacity; got != 1 {
			t.Errorf("%d places, want 1", got)
		}
		<-first.done
		<-second.done
		if first.err != nil || second.err != nil {
			t.Errorf("errors %v and %v", first.err, second.err)
		}
		r.settle()
		r.checkFull()
	})
}

func TestPoolIsNeverSmallerThanOne(t *testing.T) {
	for _, n := range []int{0, -1, 1} {
		bubble(t, Config{Size: 3}, func(r *rig) {
			r.Resize(n)
			r.settle()
			r.checkFull()
			if got := r.Snapshot().Target; got != 1 {
				t.Errorf("Resize(%d): %d workers are wanted", n, got)
			}
		})
	}
}

func TestStartsAreCalledOffBeforeAWorkerGoes(t *testing.T) {
	bubble(t, Config{Size: 2}, func(r *rig) {
		r.boots(bootIn(time.Hour))
		r.Resize(4)
		r.settle()
		r.Resize(2)
		r.settle()
		r.checkFull()
		if got := r.Snapshot().Counts.Exits; got[life.Resize] != 2 || got[life.StartFailed] != 0 {
			t.Errorf("exits: %v", got)
		}
		if got := r.inService(); slices.Max(got) > 2 {
			t.Errorf("in service: %v", got)
		}
	})
}

func TestSlotThatFailsMostIsGivenUpFirst(t *testing.T) {
	bubble(t, Config{Size: 3}, func(r *rig) {
		r.boots(func(id life.ID) (time.Duration, error) {
			if id.Slot == 1 {
				return 0, errBoot
			}
			return time.Hour, nil
		})
		for n := range 3 {
			r.worker(n).die(life.Crash, false)
		}
		r.pass(time.Minute)
		r.Resize(2)
		r.boots(bootFails)
		r.pass(time.Minute)
		if info := r.Snapshot().Slots[1]; info.State != Vacant || info.Last != life.StartFailed {
			t.Errorf("slot 1 is %v after %q", info.State, info.Last)
		}
		for _, n := range []int{0, 2} {
			if got := r.Snapshot().Slots[n].State; got != Starting {
				t.Errorf("slot %d is %v", n, got)
			}
		}
		r.boots(nil)
		r.Resize(1)
		r.settle()
		r.Resize(3)
		r.pass(time.Hour)
		r.checkFull()
	})
}

func TestDyingWorkerIsNotMadeToLiveByResize(t *testing.T) {
	bubble(t, Config{Size: 2}, func(r *rig) {
		f := r.worker(0)
		f.deaf = true
		r.send("hold")
		r.send("hold")
		r.Pool.mu.Lock()
		r.retire(r.slots[0], life.MemoryHard)
		r.Pool.mu.Unlock()
		r.Resize(1)
		r.settle()
		if !f.wasKilled() || f.told() != life.MemoryHard {
			t.Errorf("killed: %v, because of %q", f.wasKilled(), f.told())
		}
		r.pass(time.Second)
		r.checkFull()
		r.releaseAll()
	})
}

func TestWorkerWhoseStartIsCalledOffTooLateServesUntilThePoolIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Size: 2, QueueSize: 5})
		boots := r.Pool.spawn
		r.Pool.spawn = func(ctx context.Context, id life.ID) (Worker, error) {
			return boots(context.WithoutCancel(ctx), id) // it does not look at its context
		}
		r.boots(bootIn(time.Second))
		r.run()
		r.settle()
		r.Resize(1)
		r.pass(time.Second)
		r.checkFull()
		if got := r.Snapshot().Counts.Exits[life.Resize]; got != 1 {
			t.Errorf("counted %d, want 1", got)
		}
		r.stop()
		<-r.ended
		r.checkEmpty()
	})
}

func TestSizeMayChangeBeforeRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Size: 2})
		r.Resize(3)
		r.run()
		r.settle()
		r.checkFull()
		r.stop()
		<-r.ended
		if got := r.started(); got != 3 {
			t.Errorf("%d workers were started, want 3", got)
		}
	})
}

func TestPoolThatDrainsDoesNotGrow(t *testing.T) {
	bubble(t, Config{Size: 1}, func(r *rig) {
		r.Drain()
		r.Resize(4)
		r.pass(time.Minute)
		if got := r.started(); got != 1 {
			t.Errorf("%d workers were started, want 1", got)
		}
	})
}

func TestShrinkingDuringAReplacementKeepsTheTurn(t *testing.T) {
	bubble(t, Config{Size: 3}, func(r *rig) {
		r.boots(bootIn(time.Second))
		r.Retire(r.worker(0).id.Serial, life.MaxAge)
		r.settle()
		r.Resize(1)
		r.settle()
		r.Resize(2)
		r.pass(5 * time.Second)
		r.checkFull()
		next := r.inService()[0]
		r.Retire(next, life.MaxAge)
		r.pass(5 * time.Second)
		r.checkFull()
		if slices.Contains(r.inService(), next) {
			t.Error("the next worker did not get its turn")
		}
	})
}

func TestSlotThatIsNotWantedAnyMoreRestsNoLonger(t *testing.T) {
	bubble(t, Config{Size: 2}, func(r *rig) {
		r.boots(bootFails)
		r.worker(1).die(life.Crash, false)
		r.pass(time.Minute) // it rests for longer and longer
		r.Resize(1)
		r.settle()
		r.Pool.mu.Lock()
		defer r.Pool.mu.Unlock()
		for _, s := range r.slots {
			if s.tended != s.staff {
				t.Errorf("slot %d is cared for: %v; it is staff: %v", s.number, s.tended, s.staff)
			}
		}
	})
}
