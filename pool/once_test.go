package pool

import (
	"context"
	"errors"
	"testing"
	"time"

	"fwatchdog/internal/life"
)

func TestWorkerThatServesOnceIsReplacedWhenItIsLent(t *testing.T) {
	bubble(t, Config{Size: 2, Once: true, QueueSize: 50}, func(r *rig) {
		var held []*call
		for range 10 { // far more than there are warm ones: each finds a successor
			held = append(held, r.send("hold"))
			r.settle()
		}
		snap := r.Snapshot()
		if snap.Inflight != 10 || snap.Capacity != 2 || snap.Queue != 0 {
			t.Errorf("%d in flight, %d places, %d wait", snap.Inflight, snap.Capacity, snap.Queue)
		}
		r.releaseAll()
		r.settle()
		for _, c := range held {
			c.wantErr(t, nil)
		}
		for _, f := range r.workers {
			if f.saw() > 1 {
				t.Errorf("worker %d served %d requests", f.id.Serial, f.saw())
			}
		}
		if got := r.Snapshot().Counts.Exits[life.MaxRequests]; got != 10 {
			t.Errorf("%d workers left after their request, want 10", got)
		}
		r.checkFull()
	})
}

func TestOldestOfThoseThatServeOnceIsTakenFirst(t *testing.T) {
	bubble(t, Config{Size: 3, Once: true}, func(r *rig) {
		for want := uint64(1); want <= 9; want++ {
			c := r.ask("")
			if c.Worker.Serial != want {
				t.Errorf("worker %d was taken, want %d", c.Worker.Serial, want)
			}
			r.settle()
		}
	})
}

func TestWorkersThatEndBeforeTheirRequestEndThePoolThatNeverServed(t *testing.T) {
	bubble(t, Config{Size: 2, Once: true}, func(r *rig) {
		for range 10 {
			r.killReady(life.Exit)
			r.pass(400 * time.Millisecond)
		}
		select {
		case err := <-r.ended:
			if !errors.Is(err, ErrNeverReady) || !errors.Is(err, ErrUnused) {
				t.Errorf("Run returned %v", err)
			}
		default:
			t.Error("the pool goes on")
		}
	})
}

func TestWorkersThatEndBeforeTheirRequestAreStartedWithBackOff(t *testing.T) {
	bubble(t, Config{Size: 1, Once: true}, func(r *rig) {
		r.ask("").wantErr(t, nil) // it works in principle
		r.settle()
		before := r.started()
		for range 100 {
			r.killReady(life.Exit)
			r.pass(100 * time.Millisecond)
		}
		if n := r.started() - before; n < 4 || n > 12 {
			t.Errorf("%d starts in 10 s", n)
		}
	})
}

// killReady ends every ready worker because of why.
func (r *rig) killReady(why life.Reason) {
	r.t.Helper()
	for _, serial := range r.inService() {
		r.workers[serial-1].die(why, true)
	}
	r.settle()
}

func TestWhoeverWaitsForAWorkerThatServesOnceIsServedWhileThePoolDrains(t *testing.T) {
	bubble(t, Config{Size: 1, Once: true, QueueSize: 20}, func(r *rig) {
		r.boots(bootIn(100 * time.Millisecond))
		var calls []*call
		for range 5 {
			calls = append(calls, r.send(""))
		}
		r.Drain()
		r.settle()
		r.pass(time.Second)
		for _, c := range calls {
			c.wantErr(t, nil)
		}
		late, cancel := context.WithTimeout(r.t.Context(), time.Second)
		defer cancel()
		c := newCall("")
		r.sendCall(late, c)
		r.pass(time.Second)
		c.wantErr(t, nil)
	})
}

func TestReloadOfWorkersThatServeOnce(t *testing.T) {
	bubble(t, Config{Size: 2, Once: true}, func(r *rig) {
		held := r.send("hold")
		c := r.reload(r.t.Context())
		r.pass(time.Second)
		c.want(t, nil, ReloadResult{Generation: 2, New: 2})
		r.releaseAll()
		r.settle()
		held.wantErr(t, nil)
		r.checkFull()
	})
}

func TestSuccessorOfAWorkerThatServesOnceStartsWhenThatTakesLong(t *testing.T) {
	bubble(t, Config{Size: 2, Once: true}, func(r *rig) {
		r.boots(bootIn(time.Hour)) // a start shows
		r.send("hold")
		r.settle()
		if got := r.Snapshot().Counts.Starts; got != 2 {
			t.Errorf("%d starts while the worker may be quick", got)
		}
		r.pass(quick)
		if got := r.Snapshot().Counts.Starts; got != 3 {
			t.Errorf("%d starts after it was not", got)
		}
		r.send("hold")
		r.settle()
		if got := r.Snapshot().Counts.Starts; got != 4 {
			t.Errorf("%d starts when no worker is left", got)
		}
		r.releaseAll()
	})
}

func TestElasticPoolOfWorkersThatServeOnceKeepsMoreWhenTheLastWasTaken(t *testing.T) {
	bubble(t, Config{Size: 1, Min: 1, Max: 3, Once: true, QueueSize: 10}, func(r *rig) {
		for _, want := range []int{2, 2, 3, 3} { // the second finds one more
			r.send("hold")
			r.settle()
			if got := r.Snapshot().Target; got != want {
				t.Errorf("%d are kept, want %d", got, want)
			}
		}
		r.releaseAll()
		r.settle()
		r.checkFull()
	})
	bubble(t, Config{Size: 1, Once: true}, func(r *rig) {
		r.ask("").wantErr(t, nil)
		r.settle()
		if got := r.Snapshot().Target; got != 1 {
			t.Errorf("%d are kept by a pool of one size", got)
		}
	})
}

func TestReloadOfWorkersThatServeOnceEndsThoughSomebodyAlwaysWaits(t *testing.T) {
	bubble(t, Config{Size: 2, Once: true, QueueSize: 1000, QueueTimeout: time.Hour}, func(r *rig) {
		r.boots(bootIn(10 * time.Millisecond))
		for range 100 {
			r.send("50ms")
		}
		c := r.reload(r.t.Context())
		for range 100 { // a second of as much load as workers can be started for
			r.send("50ms")
			r.send("50ms")
			r.pass(10 * time.Millisecond)
		}
		if !isClosed(c.done) || c.err != nil {
			t.Errorf("it is over: %v, error %v: %+v", isClosed(c.done), c.err, r.reloaded())
		}
		r.pass(time.Minute)
	})
}

func TestAnOldWorkerThatEndsBeforeItsRequestIsNoFailureOfTheNewGeneration(t *testing.T) {
	bubble(t, Config{Size: 3, Once: true, ReloadStep: 1}, func(r *rig) {
		r.ask("").wantErr(t, nil)
		r.settle()
		r.boots(bootIn(time.Second))
		c := r.reload(r.t.Context())
		r.pass(1500 * time.Millisecond) // one is of the new generation
		r.workers[r.inService()[0]-1].die(life.Exit, true)
		r.pass(10 * time.Second)
		c.want(t, nil, ReloadResult{Generation: 2, New: 3})
	})
}
