package pool

import (
	"slices"
	"testing"
	"time"

	"fwatchdog/internal/life"
)

// strainTold reports whether Strained has told anything since it was asked last.
func (r *rig) strainTold() bool {
	select {
	case <-r.Strained():
		return true
	default:
		return false
	}
}

func TestElasticPoolBeginsWithItsSizeAndKeepsWithinItsBounds(t *testing.T) {
	bubble(t, Config{Size: 2, Min: 1, Max: 4}, func(r *rig) {
		same(t, "workers at first", len(r.inService()), 2)
		same(t, "workers more", r.Grow(1), 1)
		same(t, "workers more", r.Grow(5), 1)
		same(t, "workers more of a pool that is full", r.Grow(1), 0)
		same(t, "workers more than none", r.Grow(-1), 0)
		r.settle()
		r.checkFull()
		same(t, "workers", len(r.inService()), 4)

		left := 0
		for _, serial := range r.inService() {
			left += b2i(r.Retire(serial, life.Idle))
		}
		r.settle()
		r.checkFull()
		same(t, "workers let go", left, 3)
		same(t, "workers at last", len(r.inService()), 1)
		same(t, "exits", r.Snapshot().Counts.Exits[life.Idle], 3)
		same(t, "starts", r.started(), 4)
	})
}

func TestWorkerThatIsNeededIsNotLetGo(t *testing.T) {
	bubble(t, Config{Size: 2, Min: 1, QueueSize: 5}, func(r *rig) {
		busy := r.send("hold")
		if r.Retire(busy.Worker.Serial, life.Idle) {
			t.Error("a busy worker was let go")
		}
		idle := r.worker(1 - busy.Worker.Slot).id.Serial
		if r.Retire(idle+100, life.Idle) {
			t.Error("a worker was let go that there never was")
		}
		if !r.Retire(idle, life.Idle) {
			t.Error("an idle worker was not let go")
		}
		r.settle()
		if r.Retire(idle, life.Idle) {
			t.Error("a worker was let go that has gone")
		}
		r.releaseAll()
	})
}

func TestSlotThatOnlyFailsIsLetGo(t *testing.T) {
	bubble(t, Config{Size: 1, Max: 2, QueueSize: 5, QueueTimeout: time.Hour}, func(r *rig) {
		r.boots(bootFails)
		r.Grow(1)
		r.pass(time.Minute)
		resting := r.Snapshot().Slots[1]
		same(t, "state", resting.State, Vacant)
		r.send("hold")
		r.send("hold")
		holds(t, "not while a request waits", !r.Retire(resting.ID.Serial, life.Idle))
		r.releaseAll()
		r.settle()
		if !r.Retire(resting.ID.Serial, life.Idle) {
			t.Error("it was not let go")
		}
		starts := r.started()
		r.pass(10 * time.Minute)
		r.checkFull()
		same(t, "starts", r.started(), starts)
	})
}

func TestStrainIsToldWhenALineBeginsAndThePoolMayGrow(t *testing.T) {
	bubble(t, Config{Size: 1, Max: 2, QueueSize: 5}, func(r *rig) {
		r.send("hold")
		holds(t, "nothing is told while a place is free", !r.strainTold())
		r.send("hold")
		holds(t, "it is told when one must wait", r.strainTold())
		r.send("hold")
		holds(t, "it is not told again while the line lasts", !r.strainTold())
		r.Grow(1)
		r.settle()
		r.releaseAll()
		r.settle()
		r.send("hold")
		r.send("hold")
		r.send("hold")
		holds(t, "nothing is told when the pool cannot grow", !r.strainTold())
		r.releaseAll()
		r.releaseAll()
	})
}

func TestStrainIsToldWhenFewerPlacesAreFreeThanShouldBe(t *testing.T) {
	bubble(t, Config{Size: 2, Max: 4, Spare: 1}, func(r *rig) {
		r.send("hold")
		holds(t, "one is free, as it should be", !r.strainTold())
		r.send("hold")
		holds(t, "none is free", r.strainTold())
		r.releaseAll()
	})
}

func TestLoadTellsWhatTheSizeDependsOn(t *testing.T) {
	bubble(t, Config{Size: 2, Min: 1, Max: 4, Spare: 2, QueueSize: 5}, func(r *rig) {
		r.boots(bootIn(time.Hour))
		r.send("hold")
		same(t, "load", r.Load(), Load{Min: 1, Max: 4, Wanted: 2, Ready: 2, Places: 1, Free: 1, Spare: 2})
		r.send("hold")
		r.send("hold")
		r.pass(3 * time.Second)
		r.send("hold")
		r.pass(2 * time.Second)
		r.Grow(1)
		r.settle()
		same(t, "load", r.Load(), Load{Min: 1, Max: 4, Wanted: 3, Ready: 2, Starting: 1, Places: 1, Spare: 2,
			Waiting: 2, Oldest: 5 * time.Second})
		r.releaseAll()
		r.releaseAll()
	})
}

func TestSizeSetByHandIsGivenBack(t *testing.T) {
	for _, test := range []struct{ byHand, want int }{{6, 4}, {3, 3}, {1, 2}} {
		bubble(t, Config{Size: 2, Min: 2, Max: 4, QueueSize: 5}, func(r *rig) {
			r.Resize(test.byHand)
			r.settle()
			same(t, "set by hand", r.Snapshot().ByHand, true)
			r.Restore()
			r.settle()
			r.checkFull()
			snap := r.Snapshot()
			same(t, "size", snap.Target, test.want)
			same(t, "lower bound", snap.Min, 2)
			same(t, "upper bound", snap.Max, 4)
			same(t, "set by hand", snap.ByHand, false)
			same(t, "workers more", r.Grow(9), 4-test.want)
		})
	}
}

func TestPoolWhoseSizeNobodyHasSetStaysAsItIs(t *testing.T) {
	bubble(t, Config{Size: 1, Max: 4, QueueSize: 5}, func(r *rig) {
		r.Grow(2)
		r.settle()
		r.Restore()
		r.settle()
		same(t, "size", r.Snapshot().Target, 3)
	})
}

func TestSizeSetByHandEndsElasticity(t *testing.T) {
	bubble(t, Config{Size: 2, Min: 1, Max: 4, QueueSize: 5}, func(r *rig) {
		r.Resize(3)
		r.settle()
		r.checkFull()
		same(t, "workers more", r.Grow(1), 0)
		for _, serial := range r.inService() {
			holds(t, "nobody is let go", !r.Retire(serial, life.Idle))
		}
		snap := r.Snapshot()
		same(t, "lower bound", snap.Min, 3)
		same(t, "upper bound", snap.Max, 3)
	})
}

func TestElasticPoolGrowsAndShrinksDuringAReload(t *testing.T) {
	bubble(t, Config{Size: 2, Min: 1, Max: 4}, func(r *rig) {
		r.boots(bootIn(time.Second))
		reloads := r.reload(r.t.Context())
		r.settle()
		r.Grow(2)
		r.pass(1500 * time.Millisecond)
		for _, serial := range r.inService() {
			r.Retire(serial, life.Idle)
		}
		<-reloads.done
		r.settle()
		r.checkFull()
		if reloads.err != nil || reloads.result.Old != 0 {
			t.Errorf("the reload ended with %+v, %v", reloads.result, reloads.err)
		}
	})
}

func TestPoolDoesNotGrowWhereMemoryIsShort(t *testing.T) {
	bubble(t, Config{Size: 1, Max: 4}, func(r *rig) {
		r.Tighten(true)
		same(t, "workers more", r.Grow(2), 0)
		r.Tighten(false)
		same(t, "workers more", r.Grow(2), 2)
		r.settle()
		r.checkFull()
	})
}

func TestPoolThatDrainsIsNotElastic(t *testing.T) {
	bubble(t, Config{Size: 1, Max: 4}, func(r *rig) {
		r.Drain()
		same(t, "workers more", r.Grow(2), 0)
		r.pass(time.Minute)
		same(t, "starts", r.started(), 1)
	})
}

// While a worker is replaced, its successor boots and there is one worker more for a moment; whoever is let go then
// leaves all the same.
func TestLettingGoDuringAReplacementShrinksThePool(t *testing.T) {
	bubble(t, Config{Size: 3, Min: 1}, func(r *rig) {
		serials := r.inService()
		r.boots(bootIn(time.Second))
		r.Retire(serials[0], life.MaxAge)
		r.settle()
		holds(t, "it is let go", r.Retire(serials[2], life.Idle))
		r.pass(2 * time.Second)
		r.checkFull()
		if got := r.inService(); len(got) != 2 || slices.Contains(got, serials[0]) || slices.Contains(got, serials[2]) {
			t.Errorf("in service: %v, at first: %v", got, serials)
		}
	})
}

func TestLineOfAnElasticPoolIsAsLongAsThatOfTheLargest(t *testing.T) {
	bubble(t, Config{Size: 1, Max: 4, QueueSize: -1}, func(r *rig) {
		r.send("hold")
		for range 40 {
			r.send("")
		}
		r.send("").wantErr(t, ErrQueueFull)
		same(t, "requests that wait", r.Snapshot().Queue, 40)
		r.Resize(1)
		r.releaseAll()
		r.settle()
		r.send("hold")
		for range 10 {
			r.send("")
		}
		r.send("").wantErr(t, ErrQueueFull)
		r.releaseAll()
	})
}
