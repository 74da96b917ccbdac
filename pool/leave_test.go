package pool

import (
	"testing"
	"time"

	"fwatchdog/internal/life"
)

func TestWorkerThatIsToGoFinishesWhatItHas(t *testing.T) {
	bubble(t, Config{Size: 1}, func(r *rig) {
		old := r.worker(0)
		c := r.send("5s")
		r.Retire(old.id.Serial, life.MaxAge)
		r.pass(4 * time.Second)
		if old.told() != "" {
			t.Error("it was asked to go before it had finished")
		}
		<-c.done
		r.settle()

		if c.err != nil {
			t.Error(c.err)
		}
		if old.told() != life.MaxAge || old.wasKilled() {
			t.Errorf("it was asked to leave because of %q, killed: %v", old.told(), old.wasKilled())
		}
	})
}

func TestHardReasonKillsAtOnce(t *testing.T) {
	for _, why := range []life.Reason{life.MemoryHard, life.Heartbeat, life.Protocol} {
		t.Run(string(why), func(t *testing.T) {
			bubble(t, Config{Size: 1}, func(r *rig) {
				old := r.worker(0)
				old.deaf = true
				c := r.send("hold")
				begun := time.Now()
				r.Retire(old.id.Serial, why)
				<-c.done

				if !old.wasKilled() || old.told() != why || time.Since(begun) != 0 {
					t.Errorf("killed: %v, because of %q, after %v", old.wasKilled(), old.told(), time.Since(begun))
				}
				r.pass(time.Second)
				r.checkFull()
			})
		})
	}
}

func TestHardReasonKillsAWorkerThatIsLeavingAlready(t *testing.T) {
	for _, test := range []struct {
		name string
		deep time.Duration // how long it has been leaving
		held bool          // it has a request in flight
	}{
		{"while it finishes", time.Second, true},
		{"after it was asked to go", time.Second, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, Config{Size: 1}, func(r *rig) {
				old := r.worker(0)
				old.deaf = true
				if test.held {
					r.send("hold")
				}
				r.Retire(old.id.Serial, life.MemorySoft)
				r.pass(test.deep)
				if old.wasKilled() {
					t.Fatal("it was killed for a soft reason")
				}

				if !r.Retire(old.id.Serial, life.MemoryHard) {
					t.Error("it is said to be gone")
				}
				r.settle()

				if !old.wasKilled() {
					t.Error("it lives over its hard limit")
				}
				if test.held && old.told() != life.MemoryHard {
					t.Errorf("it was told to go because of %q", old.told())
				}
				if r.Retire(old.id.Serial, life.MemoryHard) {
					t.Error("a worker that has gone is said to be in service")
				}
			})
		})
	}
}

func TestSecondHardReasonChangesNothing(t *testing.T) {
	bubble(t, Config{Size: 1}, func(r *rig) {
		old := r.worker(0)
		r.Pool.mu.Lock()
		r.retire(r.slots[0], life.MemoryHard)
		again := r.retire(r.slots[0], life.Heartbeat)
		r.Pool.mu.Unlock()
		r.settle()
		if again || old.told() != life.MemoryHard {
			t.Errorf("retired again: %v, because of %q", again, old.told())
		}
	})
}

func TestWorkerThatDoesNotGoIsKilledAfterStopTimeout(t *testing.T) {
	bubble(t, Config{Size: 1, StopTimeout: 3 * time.Second}, func(r *rig) {
		old := r.worker(0)
		old.deaf = true
		r.Retire(old.id.Serial, life.MaxAge)
		r.pass(3*time.Second - time.Millisecond)
		if old.wasKilled() {
			t.Error("it was killed before its time")
		}
		r.pass(time.Millisecond)
		if !old.wasKilled() {
			t.Error("it was not killed")
		}
	})
}

func TestWorkerThatDoesNotFinishIsAskedToGoAfterDrainTimeout(t *testing.T) {
	for _, test := range []struct {
		name    string
		timeout time.Duration
		asked   bool
	}{
		{"with a limit", time.Minute, true},
		{"without a limit", 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, Config{Size: 1, DrainTimeout: test.timeout}, func(r *rig) {
				old := r.worker(0)
				r.send("hold")
				r.Retire(old.id.Serial, life.MaxAge)
				r.pass(time.Minute)
				if got := old.told() != ""; got != test.asked {
					t.Errorf("asked to go: %v, want %v", got, test.asked)
				}
				r.releaseAll()
			})
		})
	}
}

func TestWorkerThatDiesWhileItFinishesIsGone(t *testing.T) {
	bubble(t, Config{Size: 1}, func(r *rig) {
		old := r.worker(0)
		r.send("hold")
		r.Retire(old.id.Serial, life.MaxAge)
		r.settle()
		old.die(life.Crash, false)
		r.settle()
		r.checkFull()
		if got := r.Snapshot().Counts.Exits[life.Crash]; got != 1 {
			t.Errorf("counted %d crashes, want 1", got)
		}
	})
}

func TestWorkerThatDiesWithoutAWordIsGone(t *testing.T) {
	for _, test := range []struct {
		name  string
		leave bool
	}{{"in service", false}, {"while it finishes", true}} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, Config{Size: 1}, func(r *rig) {
				r.pass(settled)
				f := r.worker(0)
				f.mute = true
				if test.leave {
					r.send("hold")
					r.Retire(f.id.Serial, life.MaxAge)
					r.settle()
				}
				f.die(life.Crash, false)
				r.settle()
				r.checkFull()
			})
		})
	}
}

func TestPoisonedWorkerIsReplacedWhileItAnswersTheRest(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 2}, func(r *rig) {
		old := r.twoPlaces()
		ctx, leave := clientOf(r)
		stuck := newCall("hang")
		r.sendCall(ctx, stuck)
		neighbour := r.send("5s")
		leave()
		r.pass(2 * time.Second) // its grace

		r.checkFull2(old)
		if c := r.ask(""); c.err != nil || c.Worker.Serial == old.id.Serial || c.took != 0 {
			t.Errorf("the next request: worker %d, error %v after %v", c.Worker.Serial, c.err, c.took)
		}
		<-neighbour.done
		if neighbour.err != nil {
			t.Errorf("the neighbour's request: %v", neighbour.err)
		}
		r.pass(8 * time.Second)
		if !old.wasKilled() {
			t.Error("it still lives after stop_timeout")
		}
		r.checkFull()
	})
}

// twoPlaces replaces the only worker by one that takes two requests.
func (r *rig) twoPlaces() *fake {
	r.t.Helper()
	r.dresses(func(f *fake) { f.limit = 2 })
	r.Retire(1, life.MaxAge)
	r.settle()
	return r.worker(1)
}

// checkFull2 demands a full pool beside a worker that lingers.
func (r *rig) checkFull2(lingers *fake) {
	r.t.Helper()
	snap := r.Snapshot()
	ready, draining := 0, 0
	for _, info := range snap.Slots {
		ready += b2i(info.State == Ready)
		draining += b2i(info.State == Draining && info.ID == lingers.id)
	}
	if ready != snap.Target || draining != 1 {
		r.t.Errorf("%d ready and %d lingering, want %d and 1", ready, draining, snap.Target)
	}
}

func TestPoisonedWorkerThatServesNobodyElseIsReplaced(t *testing.T) {
	bubble(t, Config{Size: 1}, func(r *rig) {
		ctx, leave := clientOf(r)
		stuck := newCall("hang")
		r.sendCall(ctx, stuck)
		leave()
		r.pass(2 * time.Second)
		r.checkFull()
		if got := r.Snapshot().Counts.Exits[life.Timeout]; got != 1 {
			t.Errorf("counted %d timeouts, want 1", got)
		}
	})
}

func TestWorkerThatIsPoisonedWhileItFinishesIsGivenStopTimeout(t *testing.T) {
	bubble(t, Config{Size: 1, StopTimeout: 7 * time.Second}, func(r *rig) {
		old := r.twoPlaces()
		r.send("hold")
		r.Retire(old.id.Serial, life.MaxAge)
		r.settle()
		old.ask(life.GoAway) // changes nothing: it goes anyway
		r.settle()
		old.ask(life.Timeout)
		r.pass(7*time.Second - time.Millisecond)
		if old.wasKilled() {
			t.Error("it was killed before its time")
		}
		r.pass(time.Millisecond)
		if !old.wasKilled() {
			t.Error("it was not killed")
		}
	})
}

func TestDeathInTheDrainStartsNoSuccessor(t *testing.T) {
	bubble(t, Config{Size: 3, QueueSize: 5}, func(r *rig) {
		r.pass(settled)
		soft, hard := r.worker(0), r.worker(1)
		r.Drain()
		r.Retire(soft.id.Serial, life.MaxAge)
		r.Retire(hard.id.Serial, life.MemoryHard)
		soft.ask(life.GoAway)
		r.settle()
		soft.die(life.Crash, false)
		r.pass(time.Minute)
		if got := r.started(); got != 3 {
			t.Errorf("%d workers were started in the drain", got-3)
		}
		if c := r.ask(""); c.err != nil {
			t.Errorf("a request in the drain: %v", c.err)
		}
		if r.Ready() {
			t.Error("a pool that drains says that it is ready")
		}
	})
}

func TestLastWorkerThatGoesInTheDrainRefusesThoseWhoWait(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 5}, func(r *rig) {
		r.send("hold")
		waits := r.send("")
		r.Drain()
		r.settle()
		if waits.over() {
			t.Fatalf("refused with %v although there is a worker", waits.err)
		}
		r.Retire(1, life.Timeout) // it lingers, but takes nothing more
		r.settle()

		waits.wantErr(t, ErrDraining)
		r.send("").wantErr(t, ErrDraining)
	})
}

func TestStartThatFailsInTheDrainRefusesThoseWhoWait(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 5}, func(r *rig) {
		r.boots(func(life.ID) (time.Duration, error) { return time.Second, errBoot })
		r.worker(0).die(life.MaxAge, false)
		r.settle()
		waits := r.send("")
		r.Drain()
		r.settle()
		if waits.over() {
			t.Fatalf("refused with %v although a worker starts", waits.err)
		}
		r.pass(time.Second)
		waits.wantErr(t, ErrDraining)
	})
}

func TestDrainWithoutAWorkerRefusesThoseWhoWait(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 5}, func(r *rig) {
		r.boots(bootFails)
		r.worker(0).die(life.Crash, false)
		r.settle()
		waits := r.send("")
		r.Drain()
		r.settle()
		waits.wantErr(t, ErrDraining)
		if got := r.Snapshot().Counts.Draining; got != 1 {
			t.Errorf("counted %d, want 1", got)
		}
	})
}

func TestEndRefusesThoseWhoWaitAndFinishesTheRest(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 5}, func(r *rig) {
		runs, waits := r.send("5s"), r.send("")
		r.stop()
		r.settle()
		waits.wantErr(t, ErrDraining)
		r.send("").wantErr(t, ErrDraining)
		if runs.over() {
			t.Fatal("a request in flight was cut off")
		}
		<-runs.done
		if err := <-r.ended; err != nil || runs.err != nil {
			t.Errorf("Run: %v, request: %v", err, runs.err)
		}
		if got := r.Snapshot().Counts.Exits[life.Stop]; got != 1 {
			t.Errorf("counted %d, want 1", got)
		}
	})
}

func TestHurryKillsWhoHasNotLeft(t *testing.T) {
	for _, test := range []struct{ name, target string }{
		{"while it finishes", "hold"},
		{"after it was asked to go", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, Config{Size: 1, StopTimeout: time.Hour}, func(r *rig) {
				f := r.worker(0)
				f.deaf = true
				r.send(test.target)
				r.stop()
				r.settle()
				if f.wasKilled() {
					t.Fatal("it was killed without hurry")
				}
				r.hurry()
				<-r.ended
				if !f.wasKilled() {
					t.Error("it was not killed")
				}
			})
		})
	}
}
