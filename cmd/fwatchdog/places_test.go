package main

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"
)

// Two hundred clients wait and two hundred are served; first those hang up, then these.
func TestClientsThatHangUpLeaveNothingBehind(t *testing.T) {
	const each = 200
	best := time.Hour // of several rounds: a busy machine is slow to notice
	for round := 0; round < 3 && best > time.Second; round++ {
		i := launch(t, "pool_size=2", fmt.Sprintf("worker_concurrency=%d", each/2), fmt.Sprintf("queue_size=%d", each),
			"queue_timeout=1m", fmt.Sprintf("metrics_port=%d", freePort(t)))
		i.eventually("both workers are ready", func() bool { return i.metric("fwatchdog_capacity") == each })
		hangUpServed := i.hold(each, "/wait")
		i.eventually("all are served", func() bool { return i.metric("fwatchdog_inflight") == each })
		hangUpWaiting := i.hold(each, "/wait")
		i.eventually("all wait", func() bool { return i.metric("fwatchdog_queue_depth") == each })

		begin := time.Now()
		hangUpWaiting()
		i.eventually("nobody waits", func() bool { return i.metric("fwatchdog_queue_depth") == 0 })
		slowest := time.Since(begin)
		if n := i.metric("fwatchdog_inflight"); n != each {
			t.Errorf("%v are served", n)
		}
		begin = time.Now()
		hangUpServed()
		i.nothingIsLeft()
		best = min(best, max(slowest, time.Since(begin)))

		if n := i.metric(`fwatchdog_cancelled_total{reason="client_gone"}`); n != each {
			t.Errorf("%v requests were cancelled, want those that a worker had: %d", n, each)
		}
		i.eventually("the workers saw every CANCEL", func() bool {
			seen := 0
			for _, line := range i.all("function wrote") {
				if line["line"] == "cancelled" {
					seen++
				}
			}
			return seen == each
		})
		if n := count(i, "worker ended"); n != 0 {
			t.Errorf("it has cost %d workers", n)
		}
		i.get("/echo").is(t, 200, "")
	}
	if best > time.Second {
		t.Errorf("all places were free after %v", best)
	}
}

// hold sends n requests for a target that does not answer, and returns what makes their clients hang up.
func (i *instance) hold(n int, target string) (hangUp func()) {
	i.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var clients sync.WaitGroup
	for range n {
		clients.Go(func() {
			if r, err := i.try(ctx, "GET", target, nil); err == nil {
				i.t.Errorf("a request was answered: %d", r.StatusCode)
			}
		})
	}
	hangUp = func() { cancel(); clients.Wait() }
	i.t.Cleanup(hangUp)
	return hangUp
}

func TestRefusalsAreCountedByReasonAndShowInTheUtilization(t *testing.T) {
	rejected := func(i *instance, reason string) float64 {
		return i.metric(`fwatchdog_rejected_total{reason="` + reason + `"}`)
	}
	refuse := func(i *instance, reason string, status int) {
		t.Helper()
		before := rejected(i, reason)
		if r := i.get("/echo"); r.StatusCode != status || r.Header.Get("Retry-After") == "" {
			t.Errorf("%s: got %d %v", reason, r.StatusCode, r.Header)
		}
		if n := rejected(i, reason) - before; n != 1 {
			t.Errorf("%s: counted %v, want 1", reason, n)
		}
	}
	narrow := func(settings ...string) *instance {
		return launch(t, append(settings, "pool_size=1", "worker_concurrency=1", fmt.Sprintf("metrics_port=%d", freePort(t)))...)
	}

	i := narrow("queue_size=1", "queue_timeout=1h")
	i.hold(1, "/wait")
	i.eventually("one is served", func() bool { return i.metric("fwatchdog_inflight") == 1 })
	i.hold(1, "/wait")
	i.eventually("one waits", func() bool { return i.metric("fwatchdog_queue_depth") == 1 })
	if u := i.metric("fwatchdog_utilization"); u != 2 {
		t.Errorf("one is served and one waits: utilization is %v", u)
	}
	best := 0. // of several rounds: on a busy machine more than a second may pass meanwhile
	for round := 0; round < 5 && best < 5; round++ {
		for range 3 {
			refuse(i, "queue_full", 503)
		}
		best = max(best, i.metric("fwatchdog_utilization"))
	}
	if best < 5 {
		t.Errorf("three were refused besides: utilization is %v", best)
	}
	i.eventually("a second has passed", func() bool { return i.metric("fwatchdog_utilization") == 2 })

	i = narrow("queue_size=1", "queue_timeout=100ms")
	i.awaitReady()
	i.hold(1, "/wait")
	i.eventually("one is served", func() bool { return i.metric("fwatchdog_inflight") == 1 })
	refuse(i, "queue_timeout", 503)

	i = narrow("max_inflight=1")
	i.hold(1, "/wait")
	i.eventually("one is served", func() bool { return i.metric("fwatchdog_inflight") == 1 })
	refuse(i, "inflight_limit", 429)

	i = narrow("fprocess=sleep 1000", "hello_timeout=1h", "queue_timeout=100ms")
	refuse(i, "not_ready", 503)
}
