package pool

import (
	"testing"
	"time"

	"fwatchdog/internal/life"
)

// alive returns how many workers have not gone, which start or are there.
func (r *rig) alive() int {
	snap := r.Snapshot()
	n := 0
	for _, info := range snap.Slots {
		if info.State != Vacant {
			n++
		}
	}
	return n
}

func TestExclusiveWorkerHasGoneBeforeItsSuccessorStarts(t *testing.T) {
	for _, why := range []life.Reason{life.MaxAge, life.MemorySoft, life.GoAway, life.Timeout, life.MemoryHard} {
		t.Run(string(why), func(t *testing.T) {
			bubble(t, Config{Size: 1, Exclusive: true, QueueSize: 5}, func(r *rig) {
				r.boots(func(life.ID) (time.Duration, error) {
					if n := r.alive(); n != 1 {
						t.Errorf("%d workers are there at a start", n)
					}
					return 300 * time.Millisecond, nil
				})
				old := r.worker(0)
				old.slow = 500 * time.Millisecond
				r.pass(settled)
				if !r.Retire(old.id.Serial, why) {
					t.Fatal("no such worker")
				}
				waiting := r.send("")
				r.pass(2 * time.Second)
				waiting.wantErr(t, nil)
				if got := r.started(); got != 2 {
					t.Errorf("%d starts, want 2", got)
				}
				r.checkFull()
			})
		})
	}
}

func TestExclusiveWorkerFinishesBeforeItLeaves(t *testing.T) {
	bubble(t, Config{Size: 1, Exclusive: true, QueueSize: 5}, func(r *rig) {
		held := r.send("hold")
		r.Retire(1, life.MaxAge)
		later := r.send("")
		r.pass(time.Second)
		if held.over() || later.over() || r.started() != 1 {
			t.Error("the worker did not finish first")
		}
		r.releaseAll()
		r.settle()
		held.wantErr(t, nil)
		later.wantErr(t, nil)
		r.checkFull()
	})
}

func TestReloadOfAnExclusiveWorkerIsInPlace(t *testing.T) {
	bubble(t, Config{Size: 1, Exclusive: true}, func(r *rig) {
		r.boots(bootIn(time.Second))
		c := r.reload(r.t.Context())
		if n := r.alive(); n != 1 {
			t.Errorf("%d workers are there", n)
		}
		r.pass(time.Second)
		c.want(t, nil, ReloadResult{Generation: 2, New: 1})
		r.boots(bootFails)
		failed := r.reload(r.t.Context())
		failed.want(t, errBoot, ReloadResult{Generation: 3})
		r.boots(nil)
		r.pass(time.Second)
		r.checkFull()
	})
}

func TestReloadCallsOffTheStartOfAnExclusiveWorker(t *testing.T) {
	bubble(t, Config{Size: 1, Exclusive: true}, func(r *rig) {
		r.boots(bootIn(time.Hour))
		r.worker(0).die(life.Crash, false)
		r.pass(time.Second)
		r.boots(nil)
		c := r.reload(r.t.Context())
		r.pass(time.Second)
		c.want(t, nil, ReloadResult{Generation: 2, New: 1})
		r.checkFull()
	})
}

func TestExclusiveWorkersAreNeverTwo(t *testing.T) {
	if err := (Config{Size: 2, Exclusive: true, QueueTimeout: 1, StopTimeout: 1}).Validate(); err == nil {
		t.Error("two workers on one port were allowed")
	}
	bubble(t, Config{Size: 1, Exclusive: true}, func(r *rig) {
		r.Resize(3)
		r.settle()
		r.checkFull()
		if n := r.alive(); n != 1 {
			t.Errorf("%d workers are there", n)
		}
	})
}
