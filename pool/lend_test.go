package pool

import (
	"slices"
	"sync"
	"testing"
	"time"

	"fwatchdog/internal/life"
)

func TestRequestIsAnsweredByAWorker(t *testing.T) {
	bubble(t, Config{Size: 1}, func(r *rig) {
		c := r.ask("")

		if c.err != nil || c.Response.Status != 200 {
			t.Errorf("got status %d, error %v", c.Response.Status, c.err)
		}
		if want := (life.ID{Slot: 0, Serial: 1, Generation: 1}); c.Worker != want {
			t.Errorf("got worker %+v, want %+v", c.Worker, want)
		}
		if c.Waited != 0 {
			t.Errorf("waited %v although a worker was free", c.Waited)
		}
	})
}

// eightPlaces replaces all workers, so many, by others that take eight requests each.
func (r *rig) eightPlaces(workers int) {
	r.t.Helper()
	r.dresses(func(f *fake) { f.limit = 8 })
	for n := range workers {
		r.worker(n).die(life.Exit, false)
	}
	r.pass(time.Second)
}

func TestWorkerWithFewestInFlightGetsTheRequest(t *testing.T) {
	bubble(t, Config{Size: 3}, func(r *rig) {
		r.eightPlaces(3)
		var calls []*call
		for range 9 {
			calls = append(calls, r.send("hold"))
		}
		for n := range 3 {
			if got := r.worker(n).inflight(); got != 3 {
				t.Errorf("worker %d has %d in flight, want 3", n, got)
			}
		}

		r.worker(1).release()
		r.settle()

		if c := r.send("hold"); c.Worker.Slot != 1 {
			t.Errorf("slot %d got it, but 1 has the least to do", c.Worker.Slot)
		}
		r.releaseAll()
		for _, c := range calls {
			<-c.done
		}
	})
}

func TestWorkersThatAreAwakeAreFilledBeforeOthersAreWoken(t *testing.T) {
	bubble(t, Config{Size: 4}, func(r *rig) {
		r.eightPlaces(4)
		demand := func(when string, want ...int) {
			t.Helper()
			var got []int
			for n := range 4 {
				got = append(got, r.worker(n).inflight())
			}
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Errorf("%s: in flight are %d, want %d", when, got, want)
			}
		}
		send := func(n int) (last *call) {
			for range n {
				last = r.send("hold")
			}
			return last
		}
		r.Pack(3)
		send(2)
		demand("two requests", 0, 0, 0, 2)
		send(2)
		demand("the first worker has enough", 0, 0, 1, 3)
		r.Pack(5)
		send(3)
		demand("the fuller is filled first", 0, 0, 2, 5)
		r.releaseAll()
		r.Pack(3)
		send(7)
		demand("two have enough", 0, 1, 3, 3)
		send(5)
		demand("all have enough", 3, 3, 3, 3)
		send(5)
		demand("from there on they are shared out", 4, 4, 4, 5)

		empty := send(1).Worker
		r.worker(empty.Slot).release()
		r.settle()
		if c := send(1); c.Worker != empty {
			t.Errorf("slot %d got a request while slot %d had none and no other had fewer than enough", c.Worker.Slot, empty.Slot)
		}
		r.Pack(1)
		r.releaseAll()
		send(4)
		demand("each is to have one", 1, 1, 1, 1)
		r.releaseAll()
	})
}

func TestWorkerIsFilledUpToItsPlaces(t *testing.T) {
	bubble(t, Config{Size: 2}, func(r *rig) { // of one place each
		r.Pack(16)
		one, other := r.send("hold"), r.send("hold")
		if one.Worker == other.Worker {
			t.Errorf("slot %d got both", one.Worker.Slot)
		}
		r.releaseAll()
	})
}

func TestOfEqualsTheWorkerUsedLastGetsTheRequest(t *testing.T) {
	bubble(t, Config{Size: 4}, func(r *rig) {
		first, second := r.send("hold"), r.send("hold")
		r.worker(second.Worker.Slot).release()
		r.worker(first.Worker.Slot).release()
		r.settle()

		for range 20 {
			if c := r.ask(""); c.Worker != second.Worker {
				t.Fatalf("slot %d got it, want the warm one, %d", c.Worker.Slot, second.Worker.Slot)
			}
		}

		busy := 0
		for n := range 4 {
			if r.worker(n).saw() > 0 {
				busy++
			}
		}
		if busy != 2 {
			t.Errorf("%d workers were used, want 2: surplus must go idle", busy)
		}
	})
}

func TestNewWorkerIsNotTakenForAWarmOne(t *testing.T) {
	bubble(t, Config{Size: 2}, func(r *rig) {
		r.pass(settled)
		first, second := r.send("hold"), r.send("hold")
		r.worker(first.Worker.Slot).release()
		r.worker(second.Worker.Slot).release() // the last one used
		r.settle()
		r.worker(second.Worker.Slot).die(life.Exit, false)
		r.settle()
		r.checkFull()
		if c := r.ask(""); c.Worker != first.Worker {
			t.Errorf("slot %d got it, want the warm one, %d", c.Worker.Slot, first.Worker.Slot)
		}
	})
}

func TestWorkerTakesAsManyRequestsAsItSays(t *testing.T) {
	for _, test := range []struct {
		name                string
		says, wished, takes int
	}{
		{"it says nothing", 0, 0, 1},
		{"it says four", 4, 0, 4},
		{"less is wished for", 4, 2, 2},
		{"more is wished for", 4, 9, 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, Config{Size: 1, Concurrency: test.wished}, func(r *rig) {
				r.dresses(func(f *fake) { f.limit = test.says })
				r.worker(0).die(life.Exit, false)
				r.pass(time.Second)

				if got := r.Snapshot().Capacity; got != test.takes {
					t.Errorf("it takes %d, want %d", got, test.takes)
				}
			})
		})
	}
}

func TestPlaceIsFreeOnlyWhenTheWorkerSaysSo(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 1}, func(r *rig) {
		ctx, leave := clientOf(r)
		gone := newCall("hang")
		r.sendCall(ctx, gone)
		leave()
		<-gone.done

		next := r.send("")
		r.settle()
		if next.over() {
			t.Error("a place was lent twice: the worker has not ended the first stream")
		}
		if got := r.Snapshot().Inflight; got != 1 {
			t.Errorf("%d in flight, want the one that hangs", got)
		}
		r.worker(0).release()
		<-next.done
	})
}

// A verdict and a request at the same instant have two legal orders: the request is served by the worker, which then
// leaves, or by another. It is never lost.
func TestVerdictAtTheInstantOfALendKillsNoRequest(t *testing.T) {
	bubble(t, Config{Size: 4, QueueSize: 1000}, func(r *rig) {
		for range 50 {
			var all sync.WaitGroup
			for _, serial := range r.inService() {
				all.Go(func() { r.Retire(serial, life.MaxAge) })
				for range 4 {
					all.Go(func() {
						c := newCall("1ms")
						if err := r.Do(r.t.Context(), &c.Exchange); err != nil {
							t.Errorf("a request was lost: %v", err)
						}
					})
				}
			}
			all.Wait()
			r.settle()
		}
		r.checkFull()
	})
}

func TestNothingSlowHoldsUpARequest(t *testing.T) {
	for _, test := range []struct {
		name string
		slow func(*rig)
	}{
		{"a worker that leaves slowly", func(r *rig) {
			r.worker(0).slow = 5 * time.Second
			r.Retire(r.worker(0).id.Serial, life.MaxAge)
		}},
		{"a worker that is killed", func(r *rig) {
			r.worker(0).slow = 5 * time.Second
			r.Retire(r.worker(0).id.Serial, life.Heartbeat)
		}},
		{"a worker that starts slowly", func(r *rig) {
			r.boots(bootIn(time.Minute))
			r.worker(0).die(life.Crash, false)
		}},
		{"workers that do not start", func(r *rig) {
			r.boots(bootFails)
			r.worker(0).die(life.Crash, false)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, Config{Size: 2}, func(r *rig) {
				test.slow(r)
				for range 100 {
					if c := r.ask("1ms"); c.err != nil || c.took != time.Millisecond {
						t.Fatalf("took %v, error %v", c.took, c.err)
					}
					begun := time.Now()
					r.Snapshot()
					if !r.Ready() || time.Since(begun) != 0 {
						t.Fatal("the pool's state cannot be read")
					}
				}
			})
		})
	}
}

// releaseAll ends whatever is held.
func (r *rig) releaseAll() {
	r.t.Helper()
	for r.Snapshot().Inflight > 0 {
		r.mu.Lock()
		workers := slices.Clone(r.workers)
		r.mu.Unlock()
		for _, f := range workers {
			f.release()
		}
		r.settle()
	}
}
