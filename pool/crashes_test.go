package pool

import (
	"testing"
	"time"

	"fwatchdog/internal/life"
)

func TestCrashBudgetIsHalfOfTheWorkersInAMinute(t *testing.T) {
	bubble(t, Config{Size: 4}, func(r *rig) {
		want := func(crashes int, exceeded bool) {
			t.Helper()
			if snap := r.Snapshot(); snap.Crashes != crashes || snap.CrashBudgetExceeded != exceeded {
				t.Errorf("%d crashes, exceeded: %v, want %d, %v",
					snap.Crashes, snap.CrashBudgetExceeded, crashes, exceeded)
			}
		}
		crash := func(slot int, why life.Reason) {
			r.pass(settled)
			r.worker(slot).die(why, false)
			r.settle()
		}
		want(0, false)
		crash(0, life.Crash)
		crash(0, life.Crash) // the same one twice is two
		want(2, false)
		crash(1, life.Exit)
		crash(2, life.Timeout)
		want(2, false)
		crash(3, life.Crash)
		want(3, true)

		r.Resize(6)
		want(3, false) // three of six is not over half
		r.Resize(4)
		want(3, true)

		r.pass(20*time.Second - time.Millisecond)
		want(3, true)
		r.pass(time.Millisecond) // the first was a minute ago
		want(2, false)
		r.pass(time.Minute)
		want(0, false)
		crash(0, life.Crash)
		want(1, false)
	})
}

func TestOldCrashesAreForgotten(t *testing.T) {
	bubble(t, Config{Size: 1}, func(r *rig) {
		for range 100 {
			r.pass(settled)
			r.worker(0).die(life.Crash, false)
			r.settle()
		}
		r.Pool.mu.Lock()
		defer r.Pool.mu.Unlock()
		if got := len(r.crashes); got > 6 {
			t.Errorf("%d crashes are remembered, want those of a minute", got)
		}
	})
}
