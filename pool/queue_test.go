package pool

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/life"
)

// clientOf returns the context of a client, and what ends it.
func clientOf(r *rig) (context.Context, context.CancelFunc) { return context.WithCancel(r.t.Context()) }

func TestRequestsAreServedInTheOrderOfTheirComing(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 10}, func(r *rig) {
		first := r.send("hold")
		var calls []*call
		for range 5 {
			calls = append(calls, r.send("1s"))
		}
		r.worker(0).release()
		<-first.done

		for i, c := range calls {
			<-c.done
			if want := time.Duration(i+1) * time.Second; c.took != want {
				t.Errorf("request %d took %v, want %v", i, c.took, want)
			}
			if want := time.Duration(i) * time.Second; c.Waited != want {
				t.Errorf("request %d waited %v, want %v", i, c.Waited, want)
			}
		}
	})
}

func TestQueueSizeCountsTheWaitingOnly(t *testing.T) {
	bubble(t, Config{Size: 2, QueueSize: 3}, func(r *rig) {
		for range 2 + 3 {
			if c := r.send("hold"); c.over() {
				t.Fatalf("refused with %v", c.err)
			}
		}

		r.send("").wantErr(t, ErrQueueFull)

		snap := r.Snapshot()
		if snap.Queue != 3 || snap.Inflight != 2 || snap.Counts.QueueFull != 1 {
			t.Errorf("%d wait, %d in flight, %d refused", snap.Queue, snap.Inflight, snap.Counts.QueueFull)
		}
		r.releaseAll()
	})
}

func TestArrivalsAtOnceNeverOvershootTheQueue(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 7}, func(r *rig) {
		var calls []*call
		var all sync.WaitGroup
		for range 100 {
			c := newCall("hold")
			calls = append(calls, c)
			all.Go(func() { c.err = r.Do(r.t.Context(), &c.Exchange) })
		}
		r.settle()
		if got := r.Snapshot().Queue; got != 7 {
			t.Errorf("%d wait, want 7", got)
		}
		r.releaseAll()
		all.Wait()

		refused := 0
		for _, c := range calls {
			if c.err != nil {
				refused++
			}
		}
		if refused != 100-1-7 {
			t.Errorf("%d were refused, want %d", refused, 100-1-7)
		}
	})
}

func TestQueueSizeZeroMeansThatNobodyWaits(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 0}, func(r *rig) {
		r.send("hold")
		r.send("").wantErr(t, ErrQueueFull)
		r.releaseAll()
	})
}

func TestQueueSizeFollowsTheCapacity(t *testing.T) {
	may := func(p *Pool) int {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.queueSize()
	}
	for _, test := range []struct{ wished, before, says, after int }{
		{wished: 0, before: 2 * 1 * 10, says: 8, after: 2 * 8 * 10},
		{wished: 3, before: 2 * 3 * 10, says: 8, after: 2 * 3 * 10},
		{wished: 3, before: 2 * 3 * 10, says: 1, after: 2 * 1 * 10},
	} {
		cfg := Config{Size: 2, Concurrency: test.wished, QueueSize: -1}
		if got := may(New(cfg, nil)); got != test.before {
			t.Errorf("%+v: before the first worker has told, %d may wait", test, got)
		}
		if got := may(startIdle(t, cfg, test.says)); got != test.after {
			t.Errorf("%+v: after it has told, %d may wait", test, got)
		}
	}
}

func TestLineDoesNotGetShorterWhenWorkersDie(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: -1}, func(r *rig) {
		r.boots(bootIn(5 * time.Second))
		r.send("hold")
		r.worker(0).die(life.Crash, false)
		r.settle()
		for range 10 {
			if c := r.send(""); c.over() {
				t.Fatalf("refused with %v", c.err)
			}
		}
		r.send("").wantErr(t, ErrQueueFull)
		r.pass(6 * time.Second)
	})
}

func TestRequestGivesUpAfterQueueTimeout(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 1, QueueTimeout: 30 * time.Second}, func(r *rig) {
		r.send("hold")
		c := r.ask("")

		c.wantErr(t, ErrQueueTimeout)
		if c.took != 30*time.Second || c.Waited != c.took {
			t.Errorf("took %v and waited %v, want exactly the queue timeout", c.took, c.Waited)
		}
		if got := r.Snapshot().Counts.QueueTimeout; got != 1 {
			t.Errorf("counted %d, want 1", got)
		}
		r.releaseAll()
	})
}

func TestPlaceInLineIsFreeAtOnceWhenARequestLeavesIt(t *testing.T) {
	for _, test := range []struct {
		name string
		ctx  func(*rig) (context.Context, context.CancelFunc)
		goes func(context.CancelFunc)
		want error
	}{
		{"its client goes", clientOf, func(leave context.CancelFunc) { leave() }, context.Canceled},
		{"its deadline passes", func(r *rig) (context.Context, context.CancelFunc) {
			return context.WithTimeout(r.t.Context(), time.Second)
		}, func(context.CancelFunc) { <-time.After(time.Second) }, context.DeadlineExceeded},
		{"the queue timeout ends", clientOf, func(context.CancelFunc) { <-time.After(10 * time.Second) }, ErrQueueTimeout},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, Config{Size: 1, QueueSize: 3}, func(r *rig) {
				busy := r.send("hold")
				ctx, leave := test.ctx(r)
				defer leave()
				before, leaves := newCall(""), newCall("")
				r.sendCall(r.t.Context(), before)
				r.sendCall(ctx, leaves)

				test.goes(leave)
				r.settle()

				leaves.wantErr(t, test.want)
				if r.worker(0).saw() != 1 {
					t.Error("a worker got a request that nobody waits for")
				}
				r.worker(0).release()
				<-busy.done
				<-before.done
				r.settle()
				if got := r.Snapshot().Queue; got != 0 {
					t.Errorf("%d still wait", got)
				}
			})
		})
	}
}

func TestRequestMayLeaveTheLineAtAnyPoint(t *testing.T) {
	for leaver := range 3 {
		bubble(t, Config{Size: 1, QueueSize: 3}, func(r *rig) {
			busy := r.send("hold")
			ctx, leave := clientOf(r)
			var calls []*call
			for i := range 3 {
				c := newCall("")
				calls = append(calls, c)
				if i == leaver {
					r.sendCall(ctx, c)
				} else {
					r.sendCall(r.t.Context(), c)
				}
			}
			leave()
			r.settle()
			r.worker(0).release()
			<-busy.done
			for i, c := range calls {
				<-c.done
				if (c.err != nil) != (i == leaver) {
					t.Errorf("request %d of the line: %v", i, c.err)
				}
			}
		})
	}
}

// The place may be lent at the very moment when the client goes or the time is up. Then the request has it.
func TestPlaceThatIsLentWhileItsRequestLeavesIsNotLost(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 1, QueueTimeout: time.Second}, func(r *rig) {
		for range 200 {
			busy := r.send("1s")
			ctx, leave := context.WithTimeout(r.t.Context(), time.Second)
			c := newCall("")
			r.sendCall(ctx, c)
			<-busy.done
			<-c.done
			leave()
			r.settle()
			if got := r.Snapshot(); got.Inflight != 0 || got.Queue != 0 {
				t.Fatalf("%d in flight, %d wait", got.Inflight, got.Queue)
			}
		}
	})
}

func TestWaiterThatWasToldKeepsItsPlace(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 1}, func(r *rig) {
		busy := r.send("hold")
		x := newCall("hold")
		_, w, err := r.takeOrJoin(r.t.Context(), &x.Exchange)
		if err != nil {
			t.Fatal(err)
		}
		r.worker(0).release()
		<-busy.done

		r.leaveLine(w, ErrQueueTimeout)

		if w.slot == nil || w.err != nil {
			t.Errorf("got slot %v, error %v", w.slot, w.err)
		}
		r.worker(0).release()
	})
}

func TestWaiterIsServedByWhoeverGivesThePlaceBack(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 1}, func(r *rig) {
		r.send("hold")
		r.send("hold")

		r.worker(0).release()

		if got := r.worker(0).saw(); got != 2 { // nobody else has run yet
			t.Errorf("the worker has begun with %d exchanges, want 2", got)
		}
		r.worker(0).release()
	})
}

// stand has w wait for its place, and there for its answer. The channel carries how that ended.
func (r *rig) stand(w *waiter) (ended <-chan error) {
	done := make(chan error, 1)
	go func() {
		l, err := r.wait(w)
		if err == nil {
			err = l.wait()
		}
		done <- err
	}()
	return done
}

func TestWaiterThatLeavesWhileItIsServedAwaitsItsPlace(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 1}, func(r *rig) {
		r.pass(settled)
		ctx, leave := clientOf(r)
		place, _, err := r.takeOrJoin(ctx, &newCall("").Exchange)
		if err != nil {
			t.Fatal(err)
		}
		x := newCall("hold")
		_, w, err := r.takeOrJoin(ctx, &x.Exchange)
		if err != nil {
			t.Fatal(err)
		}
		served := r.stand(w)
		synctest.Wait()          // not settle: what was lent to nobody is no exchange
		told := r.putBack(place) // it is lent, and the exchange not begun
		leave()
		for range 1000 { // who waits for a lock is never idle for synctest
			runtime.Gosched()
		}
		select {
		case <-served:
			t.Error("it has left with a place")
		default:
		}

		told.lent = begin(told.ctx, told.x, told.slot)
		told.mu.Unlock()

		if err := <-served; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func TestWaiterWhoseExchangeHasBegunIsWokenByItsWorkerAlone(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 1}, func(r *rig) {
		r.send("hold")
		x := newCall("hold")
		_, w, err := r.takeOrJoin(r.t.Context(), &x.Exchange)
		if err != nil {
			t.Fatal(err)
		}
		woken := r.stand(w)
		r.settle()
		r.worker(0).release()
		r.settle()
		if got := r.worker(0).inflight(); got != 1 || w.x == nil { // which wait clears
			t.Errorf("%d exchanges have begun, want 1; whoever waits was woken: %v", got, w.x == nil)
		}
		r.worker(0).release()
		if err := <-woken; err != nil || x.Response.Status != 200 {
			t.Errorf("got %v and status %d", err, x.Response.Status)
		}
	})
}

func TestWaiterWhoseExchangeCannotBeginIsWoken(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 1, Retry: RetryOff}, func(r *rig) {
		first, second := r.send("hold"), r.send("hold")
		f := r.worker(0)
		f.mu.Lock()
		f.leaving = true // and the pool does not know
		f.mu.Unlock()
		f.release()
		<-first.done
		<-second.done
		if !errors.As(second.err, new(*exchange.LostError)) || second.took != 0 {
			t.Errorf("got %v after %v", second.err, second.took)
		}
	})
}

func TestWaiterThatIsWokenForNothingWaitsOn(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 1}, func(r *rig) {
		r.send("hold")
		c := newCall("2s")
		c.Wake() // as by an exchange before this one
		r.sendCall(r.t.Context(), c)
		c.Wake()
		r.settle()
		if c.over() || r.waiting() != 1 {
			t.Errorf("over: %v with %v; %d wait", c.over(), c.err, r.waiting())
		}
		r.worker(0).release()
		c.Wake()
		<-c.done
		if c.err != nil || c.took != 2*time.Second {
			t.Errorf("got %v after %v", c.err, c.took)
		}
	})
}

func TestEveryWaiterHasItsOwnQueueTimeout(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 10, QueueTimeout: 10 * time.Second}, func(r *rig) {
		r.send("hold")
		var calls []*call
		for _, waited := range []time.Duration{0, 0, 7 * time.Second, 0, 8 * time.Second} { // the last goes before the third
			c := newCall("hold")
			c.Waited = waited // as after a worker that was lost
			r.sendCall(r.t.Context(), c)
			calls = append(calls, c)
			r.pass(time.Second / 2)
		}
		served := r.send("hold")
		r.pass(5 * time.Second)
		calls = append(calls, r.send("hold")) // when the timer has fired for others, and is armed for others
		for i, want := range []time.Duration{10, 10, 3, 10, 2, 10} {
			if <-calls[i].done; calls[i].err != ErrQueueTimeout || calls[i].took != want*time.Second {
				t.Errorf("request %d: %v after %v, want %v after %v", i, calls[i].err, calls[i].took, ErrQueueTimeout, want*time.Second)
			}
			if i == 3 {
				r.worker(0).release()
				r.settle()
			}
		}
		r.worker(0).release()
		if <-served.done; served.err != nil {
			t.Errorf("who was in time: %v", served.err)
		}
	})
}

func TestWhoHasWaitedBeforeStandsBeforeThoseWhoCameMeanwhile(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 10, QueueTimeout: 10 * time.Second}, func(r *rig) {
		r.send("hold")
		var calls []*call
		for _, waited := range []time.Duration{0, 3 * time.Second, 1 * time.Second} {
			c := newCall("1s")
			c.Waited = waited // as after a worker that was lost
			r.sendCall(r.t.Context(), c)
			calls = append(calls, c)
		}
		r.worker(0).release()
		for i, want := range []time.Duration{3 * time.Second, 1 * time.Second, 2 * time.Second} {
			if <-calls[i].done; calls[i].took != want {
				t.Errorf("request %d took %v, want %v", i, calls[i].took, want)
			}
		}
	})
}

func TestLoadTellsTheLongestWaitAlsoWhenOneHasComeBack(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 10, QueueTimeout: 10 * time.Second}, func(r *rig) {
		r.send("hold")
		r.send("")
		r.pass(time.Second)
		if got := r.Load().Oldest; got != time.Second {
			t.Errorf("the oldest has waited for %v, want 1s", got)
		}
		c := newCall("")
		c.Waited = 2 * time.Second // as after a worker that was lost
		r.sendCall(r.t.Context(), c)
		if got := r.Load().Oldest; got != 2*time.Second {
			t.Errorf("the oldest has waited for %v, want 2s", got)
		}
		r.releaseAll()
	})
}

func TestRequestsWaitForTheFirstWorker(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 2}, func(r *rig) {
		r.boots(bootIn(3 * time.Second))
		r.worker(0).die(life.MaxAge, false)
		r.settle()
		if r.Ready() {
			t.Error("the pool is ready without a worker")
		}

		first, second := r.send(""), r.send("")
		r.send("").wantErr(t, ErrQueueFull)
		<-first.done
		<-second.done

		if first.err != nil || first.took != 3*time.Second {
			t.Errorf("took %v, error %v", first.took, first.err)
		}
	})
}

func TestRequestThatComesBeforeRunWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Size: 1, QueueSize: 1})
		c := r.send("")
		if c.over() {
			t.Fatalf("refused with %v", c.err)
		}
		r.run()
		<-c.done
		if c.err != nil {
			t.Error(c.err)
		}
		r.stop()
		<-r.ended
	})
}

func TestWaitingLeavesNoGarbage(t *testing.T) {
	p := startIdle(t, Config{Size: 1, QueueSize: 1}, 1)
	free := make(chan lent)
	go func() {
		for l := range free {
			for p.waiting() == 0 { // the request has yet to join the line
				runtime.Gosched()
			}
			_ = l.wait() // it gives the place back
		}
	}()
	defer close(free)
	x := newCall("")
	l := mustLend(t, p, x)
	allocs := testing.AllocsPerRun(200, func() {
		free <- l
		l = mustLend(t, p, x)
	})
	if allocs > 1 { // a waiter is one; the race detector forgets some on purpose
		t.Errorf("%v allocations for each request that waits", allocs)
	}
	_ = l.wait()
}

func mustLend(t *testing.T, p *Pool, c *call) lent {
	t.Helper()
	l, err := p.lend(context.Background(), &c.Exchange)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (p *Pool) waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.line.len
}

// ofAHost is a context that ends because the host does.
type ofAHost struct{ context.Context }

func (c ofAHost) Err() error {
	if c.Context.Err() == nil {
		return nil
	}
	return exchange.ErrHostStops
}

func TestWhoWaitsWhenTheHostStopsIsRefused(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 5}, func(r *rig) {
		runs := r.send("5s")
		ctx, stop := context.WithCancel(r.t.Context())
		waits := newCall("")
		r.sendCall(ofAHost{ctx}, waits)
		r.settle()
		stop()
		r.settle()
		waits.wantErr(t, ErrDraining)
		if got := r.Snapshot().Counts.Draining; got != 1 {
			t.Errorf("counted %d, want 1", got)
		}
		<-runs.done
	})
}
