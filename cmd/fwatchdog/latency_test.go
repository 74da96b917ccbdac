package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// What is demanded of an event: no request is more than so much over its usual time. A machine that has other things to do
// delays requests by itself, now and then by more than that: every event has several rounds. A pool that makes requests wait
// for a boot, of 300 ms, or an exit, of 500 ms, fails in each.
const (
	overUsual     = 50 * time.Millisecond
	latencyRounds = 12
)

// slowFunction boots in 300 ms and takes 500 ms to end.
var slowFunction = []string{"BOOT_MS=300", "EXIT_MS=500", "queue_size=1000"}

// worst sends requests of 50 ms from 32 clients while event runs, and returns how long the longest took. It fails the test
// for every request that is not answered well.
func worst(t *testing.T, i *instance, event func()) time.Duration {
	t.Helper()
	var longest, over atomic.Int64
	var group sync.WaitGroup
	for n := range 32 {
		body := fmt.Sprintf("client %d", n)
		group.Go(func() {
			for over.Load() == 0 {
				begin := time.Now()
				r, err := i.try(t.Context(), "POST", "/work?ms=50", strings.NewReader(body))
				took := int64(time.Since(begin))
				if err != nil || r.StatusCode != 200 || r.body != body {
					t.Errorf("a request was lost: %v %q %v", r.Response, r.body, err)
					return
				}
				for most := longest.Load(); took > most && !longest.CompareAndSwap(most, took); most = longest.Load() {
				}
			}
		})
	}
	event()
	over.Store(1)
	group.Wait()
	return time.Duration(longest.Load())
}

// pass lets d go by.
func pass(d time.Duration) { <-time.After(d) }

// costsNothing demands that an event on one instance costs no request and no time, compared with the requests of a quiet
// instance of the same kind right before it.
func costsNothing(t *testing.T, quiet, i *instance, event func()) {
	t.Helper()
	best := time.Hour
	for round := 0; round < latencyRounds && best > overUsual && !t.Failed(); round++ {
		usual := worst(t, quiet, func() { pass(time.Second) })
		during := worst(t, i, event)
		t.Logf("usual %v, during the event %v", usual.Round(time.Millisecond), during.Round(time.Millisecond))
		best = min(best, during-usual)
	}
	if best > overUsual {
		t.Errorf("in the best of %d rounds a request took %v more than usual", latencyRounds, best)
	}
}

func TestRecyclingUnderLoadDelaysNoRequest(t *testing.T) {
	for reason, settings := range map[string][]string{
		"max_requests": {"worker_max_requests=100"},
		"max_age":      {"worker_max_age=400ms"},
		"memory_soft":  {"worker_memory_soft=1MiB"},
	} {
		t.Run(reason, func(t *testing.T) {
			common := slices.Concat(slowFunction, []string{"fprocess=" + burden, "pool_size=1", "worker_min_age=0s",
				"memory_interval=100ms", "worker_memory_hard=off"})
			quiet := launch(t, slices.Concat(common, []string{"worker_memory_soft=off"})...)
			i := launch(t, slices.Concat(common, settings)...)
			quiet.pid(1)
			i.pid(1)
			costsNothing(t, quiet, i, func() {
				before := count(i, "worker ended")
				i.eventually("two workers were replaced", func() bool { return count(i, "worker ended") >= before+2 })
			})
			for _, line := range i.all("worker ended") {
				if line["reason"] != reason {
					t.Errorf("a worker ended for another reason: %v", line)
				}
			}
		})
	}
}

func TestReloadUnderLoadDelaysNoRequest(t *testing.T) {
	script, write := shellScript(t)
	write("exec " + burden)
	settings := slices.Concat(slowFunction, []string{"fprocess=sh " + script, "pool_size=1"})
	quiet, i := launch(t, settings...), launch(t, settings...)
	quiet.pid(1)
	i.pid(1)
	reload := func(outcome string) {
		before := count(i, outcome)
		i.signal(syscall.SIGHUP)
		i.eventually(outcome, func() bool { return count(i, outcome) > before })
	}
	t.Run("reload", func(t *testing.T) {
		costsNothing(t, quiet, i, func() {
			before := count(i, "worker ended")
			reload("reload completed")
			i.eventually("the old worker has gone", func() bool { return count(i, "worker ended") > before })
		})
	})
	t.Run("to broken code and back", func(t *testing.T) {
		costsNothing(t, quiet, i, func() {
			write("exit 7")
			reload("reload failed")
			write("exec " + burden)
			reload("reload completed")
		})
	})
}

func TestScalingDownUnderLoadDelaysNoRequest(t *testing.T) {
	settings := slices.Concat(slowFunction, []string{"fprocess=" + burden, "worker_concurrency=32"})
	quiet := launch(t, slices.Concat(settings, []string{"pool_size=1"})...)
	i := launch(t, slices.Concat(settings, []string{"pool_size=2"})...)
	quiet.pid(1)
	i.pid(1)
	costsNothing(t, quiet, i, func() {
		ended, started := count(i, "worker ended"), count(i, "worker started")
		i.signal(syscall.SIGTTOU)
		i.eventually("a worker has gone", func() bool { return count(i, "worker ended") > ended })
		i.signal(syscall.SIGTTIN)
		i.eventually("and there is another again", func() bool { return count(i, "worker started") > started })
	})
}
