package main

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// ready returns how many workers take requests.
func (i *instance) ready() int { return int(i.metric(`fwatchdog_workers{state="ready"}`)) }

func TestPoolGrowsWithAStepInLoadAndShrinksAfterIt(t *testing.T) {
	best, fewest := time.Hour, math.Inf(1) // of several rounds: a busy machine boots slowly, and delays clients, whose workers leave
	for round := 0; round < 5 && (best > time.Second || fewest > 10); round++ {
		i := launch(t, "pool_min=1", "pool_max=8", "worker_concurrency=1", "worker_idle_timeout=400ms",
			fmt.Sprintf("metrics_port=%d", freePort(t)))
		i.awaitReady()
		if n := i.ready(); n != 1 {
			t.Fatalf("%d workers are ready before there is a request", n)
		}
		begin := time.Now()
		_, stop := load(t, i, 16, "/sleep?ms=50")
		i.eventually("eight workers are ready", func() bool { return i.ready() == 8 })
		best = min(best, time.Since(begin))
		stop()
		i.eventually("one worker is ready", func() bool { return i.ready() == 1 })
		for _, line := range i.all("worker ended") {
			if line["reason"] != "idle" {
				t.Errorf("a worker ended for another reason: %v", line)
			}
		}
		fewest = min(fewest, i.metric("fwatchdog_worker_starts_total"))
		i.get("/echo").is(t, 200, "")
	}
	if best > time.Second {
		t.Errorf("it took %v from one worker to eight", best)
	}
	if fewest > 10 {
		t.Errorf("%v workers were started", fewest)
	}
}

func TestSawtoothLoadDoesNotStartWorkersWithEachTooth(t *testing.T) {
	const teeth, most = 12, 14
	fewest := math.Inf(1) // of several rounds: a busy machine delays clients, whose workers leave
	for round := 0; round < 3 && fewest > most; round++ {
		fewest = min(fewest, sawtooth(t, teeth))
	}
	if fewest > most {
		t.Errorf("%v workers were started in %d teeth", fewest, teeth)
	}
}

// sawtooth returns how many workers were started for a load that comes and goes so often.
func sawtooth(t *testing.T, teeth int) (starts float64) {
	t.Helper()
	i := launch(t, "pool_min=1", "pool_max=6", "worker_concurrency=1", "worker_idle_timeout=300ms",
		fmt.Sprintf("metrics_port=%d", freePort(t)))
	i.pid(1)
	for range teeth {
		_, stop := load(t, i, 12, "/sleep?ms=20")
		i.eventually("all workers are ready", func() bool { return i.ready() == 6 })
		stop()
		gap := time.NewTimer(450 * time.Millisecond) // longer than a worker may be idle at first
		<-gap.C
	}
	if n := i.metric(`fwatchdog_worker_exits_total{reason="idle"}`); n == 0 {
		t.Error("no worker ever went: nothing was put to the test")
	}
	return i.metric("fwatchdog_worker_starts_total")
}

func TestElasticPoolServesThroughAReload(t *testing.T) {
	i := launch(t, "pool_min=1", "pool_max=4", "worker_concurrency=1", "worker_idle_timeout=100ms",
		fmt.Sprintf("metrics_port=%d", freePort(t)))
	i.pid(1)
	_, stop := load(t, i, 8, "/sleep?ms=20")
	i.eventually("all workers are ready", func() bool { return i.ready() == 4 })
	if code, out, errs := runs(t, "", []string{"TMPDIR=" + i.tmp}, "reload"); code != 0 {
		t.Errorf("reload: exit code %d %s%s", code, out, errs)
	}
	stop()
	i.eventually("one worker is ready", func() bool { return i.ready() == 1 })
	if code, out, errs := runs(t, "", []string{"TMPDIR=" + i.tmp}, "scale", "3"); code != 0 {
		t.Errorf("scale: exit code %d %s%s", code, out, errs)
	}
	i.eventually("three workers are ready", func() bool { return i.ready() == 3 })
	idle := time.NewTimer(500 * time.Millisecond) // five times as long as an idle worker stays otherwise
	<-idle.C
	if n := i.ready(); n != 3 {
		t.Errorf("%d workers are ready, and a person asked for 3", n)
	}
}
