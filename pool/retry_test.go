package pool

import (
	"errors"
	"strings"
	"testing"
	"time"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/life"
)

// dieUnseen ends the worker in slot n before it has read what it was sent.
func (r *rig) dieUnseen(n int) { r.worker(n).die(life.Crash, true) }

func TestRequestThatNoWorkerSawIsGivenToAnother(t *testing.T) {
	bubble(t, Config{Size: 2}, func(r *rig) {
		c := r.send("hold")
		first := c.Worker
		r.dieUnseen(first.Slot)
		r.settle()

		if c.over() || c.Worker.Slot == first.Slot {
			t.Fatalf("over: %v with %v; slot %d has it", c.over(), c.err, c.Worker.Slot)
		}
		r.releaseAll()
		<-c.done
		if got := r.Snapshot().Counts.Retries; c.err != nil || got != 1 {
			t.Errorf("error %v, %d retries", c.err, got)
		}
	})
}

func TestRequestThatNoWorkerSawWaitsForAnyWorker(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 1}, func(r *rig) {
		r.pass(settled)
		r.boots(bootIn(3 * time.Second))
		c := r.send("1s")
		r.dieUnseen(0)
		<-c.done
		if c.err != nil || c.took != 4*time.Second || c.Waited != 3*time.Second {
			t.Errorf("took %v of which it waited %v, error %v", c.took, c.Waited, c.err)
		}
	})
}

func TestWaitsOfBothTriesAddUp(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 1}, func(r *rig) {
		r.pass(settled)
		r.send("2s")
		c := r.send("hold")
		r.pass(2 * time.Second)
		r.boots(bootIn(3 * time.Second))
		r.dieUnseen(0)
		r.pass(3 * time.Second)
		r.releaseAll()
		<-c.done
		if c.Waited != 5*time.Second {
			t.Errorf("waited %v, want 5 s in all", c.Waited)
		}
	})
}

func TestRequestThatNoWorkerSawGoesOnUntilOneHasSeenIt(t *testing.T) {
	for _, retry := range []Retry{RetryUnsent, RetryIdempotent} {
		bubble(t, Config{Size: 4, Retry: retry}, func(r *rig) {
			c := r.send("hold")
			for range 3 {
				r.dieUnseen(c.Worker.Slot)
				r.settle()
			}
			if c.over() {
				t.Fatalf("it ended with %v", c.err)
			}
			r.worker(c.Worker.Slot).die(life.Crash, false)
			<-c.done
			var lost *exchange.LostError
			if !errors.As(c.err, &lost) || lost.Unseen {
				t.Errorf("got %v, want that the worker was lost that had seen it", c.err)
			}
			if got := r.Snapshot().Counts.Retries; got != 3 {
				t.Errorf("%d retries, want 3", got)
			}
		})
	}
}

func TestAllWaitsOfARequestAddUpToTheQueueTimeout(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 1}, func(r *rig) {
		r.pass(settled)
		r.boots(bootIn(6 * time.Second))
		c := r.send("hold")
		r.dieUnseen(0)
		r.pass(6 * time.Second)
		r.dieUnseen(0)
		<-c.done
		c.wantErr(t, ErrNotReady)
		if c.Waited != 10*time.Second {
			t.Errorf("waited %v, want 10 s in all", c.Waited)
		}
		if got := r.Snapshot().Counts; got.NotReady != 1 || got.QueueTimeout != 0 {
			t.Errorf("counted %+v", got)
		}
		r.pass(time.Minute)
	})
}

func TestIdempotentRequestIsRepeatedOnce(t *testing.T) {
	bubble(t, Config{Size: 4, Retry: RetryIdempotent}, func(r *rig) {
		c := newCall("hold")
		c.Request.Method = []byte("GET")
		r.sendCall(r.t.Context(), c)
		r.worker(c.Worker.Slot).die(life.Crash, false)
		r.settle()
		r.dieUnseen(c.Worker.Slot) // which is no repetition
		r.settle()
		if c.over() {
			t.Fatalf("it ended with %v", c.err)
		}
		r.worker(c.Worker.Slot).die(life.Crash, false)
		<-c.done
		if got := r.Snapshot().Counts.Retries; got != 2 {
			t.Errorf("%d retries, want 2", got)
		}
	})
}

func TestRequestThatAWorkerSawIsNotGivenToAnother(t *testing.T) {
	bubble(t, Config{Size: 2}, func(r *rig) {
		c := r.ask("crash")
		var lost *exchange.LostError
		if !errors.As(c.err, &lost) || r.Snapshot().Counts.Retries != 0 {
			t.Errorf("got %v after %d retries", c.err, r.Snapshot().Counts.Retries)
		}
	})
}

func TestStreamedUploadIsNotGivenToAnother(t *testing.T) {
	bubble(t, Config{Size: 2}, func(r *rig) {
		c := newCall("hold")
		c.Request.Stream = upload{strings.NewReader("half of it may be gone")}
		r.sendCall(r.t.Context(), c)
		r.dieUnseen(c.Worker.Slot)
		<-c.done
		var lost *exchange.LostError
		if !errors.As(c.err, &lost) || r.Snapshot().Counts.Retries != 0 {
			t.Errorf("got %v after %d retries", c.err, r.Snapshot().Counts.Retries)
		}
	})
}

type upload struct{ *strings.Reader }

func (upload) Close() error { return nil }

func TestRefusedRequestIsGivenToAnotherThatIsFree(t *testing.T) {
	bubble(t, Config{Size: 2}, func(r *rig) {
		c := newCall("hold")
		refused := r.refuseOnce(c)
		if refused.Slot == c.Worker.Slot || c.over() {
			t.Fatalf("slot %d refused it, %d has it; over: %v", refused.Slot, c.Worker.Slot, c.over())
		}
		r.releaseAll()
		<-c.done
		if got := r.Snapshot().Counts.Retries; c.err != nil || got != 1 {
			t.Errorf("error %v, %d retries", c.err, got)
		}
		if r.started() != 2 {
			t.Error("a worker that refuses a request was replaced")
		}
	})
}

// refuseOnce makes a request that its first worker refuses.
func (r *rig) refuseOnce(c *call) life.ID {
	r.t.Helper()
	r.sendCall(r.t.Context(), c)
	first := c.Worker
	f := r.worker(first.Slot)
	f.mu.Lock()
	s := f.streams[0]
	f.mu.Unlock()
	s.finish(&exchange.RefusedError{Refusal: exchange.NotStarted})
	r.settle()
	return first
}

func TestRefusedRequestDoesNotWait(t *testing.T) {
	for _, test := range []struct {
		name string
		cfg  Config
	}{
		{"there is no other worker", Config{Size: 1, QueueSize: 5}},
		{"the other one is busy", Config{Size: 2, QueueSize: 5}},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, test.cfg, func(r *rig) {
				for range test.cfg.Size - 1 {
					r.send("hold")
				}
				c := r.ask("refuse")
				var refused *exchange.RefusedError
				if !errors.As(c.err, &refused) || c.took != 0 {
					t.Errorf("got %v after %v", c.err, c.took)
				}
				r.releaseAll()
			})
		})
	}
}

func TestRequestIsRefusedAtMostTwice(t *testing.T) {
	bubble(t, Config{Size: 3}, func(r *rig) {
		c := r.ask("refuse")
		var refused *exchange.RefusedError
		if !errors.As(c.err, &refused) || r.Snapshot().Counts.Retries != 1 {
			t.Errorf("got %v after %d retries", c.err, r.Snapshot().Counts.Retries)
		}
	})
}

func TestRaisedErrorIsAnAnswer(t *testing.T) {
	bubble(t, Config{Size: 2}, func(r *rig) {
		c := r.ask("raise")
		var refused *exchange.RefusedError
		if !errors.As(c.err, &refused) || refused.Refusal != exchange.Raised || r.Snapshot().Counts.Retries != 0 {
			t.Errorf("got %v after %d retries", c.err, r.Snapshot().Counts.Retries)
		}
		if r.worker(c.Worker.Slot).saw() != 1 {
			t.Error("the worker was replaced")
		}
	})
}

func TestNothingIsRetriedForAClientThatHasGone(t *testing.T) {
	bubble(t, Config{Size: 2}, func(r *rig) {
		ctx, leave := clientOf(r)
		x := newCall("")
		l := mustLend(t, r.Pool, x)
		leave()
		failed := &exchange.LostError{Unseen: true}
		if again, err := r.another(ctx, &x.Exchange, l, failed, false); !errors.Is(err, failed) || again.slot != nil {
			t.Errorf("got %v", err)
		}
		r.settle()
		if r.Snapshot().Counts.Retries != 0 {
			t.Error("it was retried")
		}
		r.pass(time.Second)
	})
}

func TestRetryThatFindsTheQueueFullIsRefused(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 1}, func(r *rig) {
		r.boots(bootIn(time.Second))
		lost, waits := r.send("hold"), r.send("")
		r.dieUnseen(0)
		r.settle()
		if waits.over() { // it was lent the dead worker, and came back to the line too late
			lost, waits = waits, lost
		}
		lost.wantErr(t, ErrQueueFull)
		r.pass(5 * time.Second)
		r.releaseAll()
		<-waits.done
		if waits.err != nil {
			t.Errorf("the other request: %v", waits.err)
		}
	})
}

// loses makes a worker take no more, of which the pool does not know.
func (f *fake) loses() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leaving, f.mute, f.deaf = true, true, true
}

func TestPlaceOfALostWorkerIsLentToNobody(t *testing.T) {
	for _, retry := range []Retry{RetryOff, RetryUnsent} {
		bubble(t, Config{Size: 1, QueueSize: 2, Retry: retry}, func(r *rig) {
			r.pass(settled)
			r.boots(bootIn(time.Second))
			r.send("hold")
			second := r.send("hold") // begins on the lost worker: that cannot be known before
			third := r.send("hold")
			f := r.worker(0)
			f.loses()
			f.release()
			r.settle()
			if lost := errors.As(second.err, new(*exchange.LostError)); lost != (retry == RetryOff) {
				t.Errorf("retry=%s: the second got %v", retry, second.err)
			}
			if third.over() {
				t.Errorf("retry=%s: the third got %v", retry, third.err)
			}
			r.Retire(f.id.Serial, life.MemoryHard) // its end is seen at last
			for !third.over() {
				r.pass(5 * time.Second)
				r.releaseAll()
			}
			if third.err != nil {
				t.Errorf("retry=%s: the third got %v", retry, third.err)
			}
		})
	}
}

func TestRefusalThatNobodyIsToldIsNotCounted(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 1, Retry: RetryIdempotent}, func(r *rig) {
		r.pass(settled)
		c := newCall("hold")
		c.Request.Method = []byte("GET")
		r.sendCall(r.t.Context(), c)
		waits := r.send("")
		r.boots(bootIn(time.Second))
		f := r.worker(0)
		f.mute = true
		r.distrust(r.slots[0], f.id.Serial)
		f.die(life.Crash, false)
		<-c.done
		<-waits.done
		if got := r.Snapshot().Counts.QueueFull; got != 0 || !errors.As(c.err, new(*exchange.LostError)) || waits.err != nil {
			t.Errorf("%d requests were refused, says the pool; they got %v and %v", got, c.err, waits.err)
		}
	})
}

func TestRetryThatCouldNotBeginIsNotCounted(t *testing.T) {
	bubble(t, Config{Size: 2, QueueSize: 1}, func(r *rig) {
		r.pass(settled)
		for _, f := range r.workers {
			f.loses()
		}
		r.boots(bootIn(time.Minute))
		c := r.ask("hold") // no worker takes it: it waits until it is refused
		if got := r.Snapshot().Counts; got.Retries != 0 || got.NotReady != 1 {
			t.Errorf("%d retries and %d refusals, but no worker got it: %v", got.Retries, got.NotReady, c.err)
		}
	})
}

func TestRequestThatCannotBeginBecauseTheHostStopsMayComeAgain(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 1}, func(r *rig) {
		r.dresses(func(f *fake) { f.stops = true })
		r.worker(0).die(life.MaxAge, false)
		r.settle()
		r.ask("").wantErr(t, ErrDraining)
		if got := r.Snapshot().Counts.Draining; got != 1 {
			t.Errorf("counted %d, want 1", got)
		}
	})
}

func TestRetryIsWhatTheSettingSays(t *testing.T) {
	unseen, seen, refused, raised := "is not seen", "is seen", "is refused", "raises"
	for _, test := range []struct {
		retry  Retry
		method string
		fate   string
		tries  int
	}{
		{"", "POST", unseen, 3},
		{"", "GET", seen, 1},
		{RetryUnsent, "POST", unseen, 3},
		{RetryUnsent, "POST", refused, 2},
		{RetryUnsent, "GET", seen, 1},
		{RetryUnsent, "GET", raised, 1},
		{RetryIdempotent, "POST", unseen, 3},
		{RetryIdempotent, "POST", refused, 2},
		{RetryIdempotent, "POST", seen, 1},
		{RetryIdempotent, "PATCH", seen, 1},
		{RetryIdempotent, "get", seen, 1},
		{RetryIdempotent, "GET", seen, 2},
		{RetryIdempotent, "HEAD", seen, 2},
		{RetryIdempotent, "OPTIONS", seen, 2},
		{RetryIdempotent, "PUT", seen, 2},
		{RetryIdempotent, "DELETE", seen, 2},
		{RetryIdempotent, "GET", raised, 1},
		{RetryOff, "GET", unseen, 1},
		{RetryOff, "GET", refused, 1},
		{RetryOff, "GET", seen, 1},
	} {
		t.Run(string(test.retry)+" "+test.method+" "+test.fate, func(t *testing.T) {
			bubble(t, Config{Size: 3, Retry: test.retry}, func(r *rig) {
				c := newCall("hold")
				c.Request.Method = []byte(test.method)
				r.sendCall(r.t.Context(), c)
				for range 2 { // the second time it ends, unless nobody has seen it
					r.meetFate(c, map[string]error{
						unseen:  &exchange.LostError{Unseen: true},
						seen:    &exchange.LostError{},
						refused: &exchange.RefusedError{Refusal: exchange.NotStarted},
						raised:  &exchange.RefusedError{Refusal: exchange.Raised},
					}[test.fate])
				}
				if goesOn := test.tries == 3; c.over() == goesOn || goesOn == (c.err != nil) {
					t.Errorf("over: %v with %v", c.over(), c.err)
				}
				if got := 1 + r.Snapshot().Counts.Retries; got != uint64(test.tries) {
					t.Errorf("it was tried %d times, want %d", got, test.tries)
				}
				r.releaseAll()
				r.pass(time.Second)
				r.checkFull()
			})
		})
	}
}

// meetFate fails the request, if it is still there; its worker dies when it is lost.
func (r *rig) meetFate(c *call, failed error) {
	r.t.Helper()
	if c.over() {
		return
	}
	f := r.worker(c.Worker.Slot)
	if lost := new(exchange.LostError); errors.As(failed, &lost) {
		f.die(life.Crash, lost.Unseen)
	} else {
		f.mu.Lock()
		s := f.streams[0]
		f.mu.Unlock()
		s.finish(failed)
	}
	r.settle()
}

func TestIdempotentRequestIsNotRepeatedOnceTheResponseHasBegun(t *testing.T) {
	bubble(t, Config{Size: 2, Retry: RetryIdempotent}, func(r *rig) {
		c := newCall("begin")
		c.Request.Method = []byte("GET")
		r.sendCall(r.t.Context(), c)
		r.worker(c.Worker.Slot).die(life.Crash, false)
		<-c.done
		if c.err == nil || r.Snapshot().Counts.Retries != 0 {
			t.Errorf("got %v after %d retries", c.err, r.Snapshot().Counts.Retries)
		}
	})
}

// A refusal by the pool says that no function has begun: whoever reads it sends the request again.
func TestRequestThatAWorkerSawIsNeverRefusedAsIfNoneHad(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 1, Retry: RetryIdempotent}, func(r *rig) {
		r.boots(bootIn(time.Minute))
		c := newCall("hold")
		c.Request.Method = []byte("GET")
		r.sendCall(r.t.Context(), c)
		r.worker(0).die(life.Crash, false)
		<-c.done
		var lost *exchange.LostError
		if !errors.As(c.err, &lost) {
			t.Errorf("got %v, want that the worker was lost", c.err)
		}
		if got := r.Snapshot().Counts.Retries; got != 0 {
			t.Errorf("%d retries, but no worker came", got)
		}
	})
}

// The pool learns from a request that a worker has gone before it learns it from the worker.
func TestWorkerThatLostARequestGetsNoOther(t *testing.T) {
	bubble(t, Config{Size: 2}, func(r *rig) {
		x := newCall("hold")
		s := mustLend(t, r.Pool, x).slot
		r.distrust(s, x.Worker.Serial)
		if c := r.ask(""); c.Worker.Slot == s.number {
			t.Error("a worker that has gone got a request")
		}
		r.pass(time.Second)
		r.checkFull()
	})
}

func TestLossOfAnEarlierWorkerIsNotHeldAgainstItsSuccessor(t *testing.T) {
	bubble(t, Config{Size: 1}, func(r *rig) {
		r.pass(settled)
		r.worker(0).die(life.Crash, false)
		r.settle()
		r.distrust(r.slots[0], 1)
		r.settle()
		if !r.Ready() || r.started() != 2 {
			t.Errorf("ready: %v after %d starts", r.Ready(), r.started())
		}
	})
}

// idempotent is what the scenarios go by.
func idempotent(method []byte) bool { return (&exchange.Request{Method: method}).Idempotent() }
