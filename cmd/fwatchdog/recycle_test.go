package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// load sends requests from so many clients until stop, and fails the test for each that is not answered with 200.
func load(t *testing.T, i *instance, clients int, target string) (answered *atomic.Int64, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	answered = new(atomic.Int64)
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for ctx.Err() == nil {
				r, err := i.try(t.Context(), "GET", target, nil)
				if err != nil || r.StatusCode != 200 {
					t.Errorf("a request was lost: %v %q %v", r.Response, r.body, err)
					return
				}
				answered.Add(1)
			}
		})
	}
	return answered, func() { cancel(); group.Wait() }
}

func TestRecyclingUnderLoadCostsNoRequest(t *testing.T) {
	slowBoot := fmt.Sprintf("fprocess=sh -c 'sleep 0.3; exec %s'", function)
	for reason, setting := range map[string]string{
		"max_requests": "worker_max_requests=100",
		"max_age":      "worker_max_age=500ms",
		"memory_soft":  "worker_memory_soft=1MiB",
	} {
		t.Run(reason, func(t *testing.T) {
			i := launch(t, slowBoot, "pool_size=2", "worker_min_age=0s", "memory_interval=100ms", "worker_memory_hard=off", setting)
			i.pid(2)
			_, stop := load(t, i, 32, "/sleep?ms=5")
			for range 3 { // every time another one
				n := count(i, "worker ended")
				i.eventually("a worker was replaced", func() bool { return count(i, "worker ended") > n })
			}
			stop()
			if line := i.find("worker ended", func(l map[string]any) bool { return l["reason"] != reason }); line != nil {
				t.Errorf("a worker ended for another reason: %v", line)
			}
		})
	}
}

// all returns the log lines with this message.
func (i *instance) all(message string) []map[string]any {
	i.mu.Lock()
	defer i.mu.Unlock()
	var found []map[string]any
	for _, line := range i.lines {
		if line["message"] == message {
			found = append(found, line)
		}
	}
	return found
}

// count returns how many log lines have this message.
func count(i *instance, message string) int { return len(i.all(message)) }

func TestShrinkingUnderLoadCostsNoRequest(t *testing.T) {
	i := launch(t, "pool_size=3")
	for serial := range 3 {
		i.pid(serial + 1)
	}
	answered, stop := load(t, i, 16, "/sleep?ms=5")
	for n := range 2 {
		i.signal(syscall.SIGTTOU)
		i.eventually("a worker has left", func() bool { return count(i, "worker ended") == n+1 })
	}
	before := answered.Load()
	i.eventually("the last one serves all", func() bool { return answered.Load() > before+100 })
	stop()
}

func TestWorkerOverTheHardLimitIsKilledAndTheOthersServe(t *testing.T) {
	i := launch(t, "fprocess=python3 testdata/leak.py", "pool_size=2", "memory_interval=100ms",
		"worker_memory_soft=off", "worker_memory_hard=200MiB")
	i.pid(2)
	begin := time.Now()
	r := i.get("/leak?mib=500")
	if r.StatusCode != 502 || r.Header.Get("X-Fwatchdog-Reason") != "memory" {
		t.Errorf("got %d %q after %v", r.StatusCode, r.body, time.Since(begin))
	}
	end := i.await("worker ended", func(l map[string]any) bool { return l["reason"] == "memory_hard" })
	if end["age"] == nil || end["requests"] == 0.0 {
		t.Errorf("its end is told so: %v", end)
	}
	told := i.await("worker took too much memory", func(l map[string]any) bool { return l["serial"] == end["serial"] })
	if told["slot"] != end["slot"] || told["memory_bytes"].(float64) <= 200<<20 || told["hard_bytes"] != float64(200<<20) {
		t.Errorf("of its memory the log says %v", told)
	}
	i.get("/").is(t, 200, "fine")
	if n := count(i, "worker ended"); n != 1 {
		t.Errorf("%d workers ended", n)
	}
}

func TestWorkerThatTakesAGibibyteInOneRequestIsSoonDeadAndTheOthersServe(t *testing.T) {
	const interval = time.Second
	i := launch(t, "fprocess="+burden, "pool_size=2", "worker_concurrency=1", "queue_size=100", "memory_interval="+interval.String(),
		"worker_memory_soft=off", "worker_memory_hard=100MiB")
	i.pid(2)
	var over atomic.Bool
	var group sync.WaitGroup
	group.Go(func() {
		for !over.Load() {
			if r, err := i.try(t.Context(), "POST", "/work?ms=5", strings.NewReader("x")); err != nil || r.StatusCode != 200 {
				t.Errorf("another request was lost: %v %v", r.Response, err)
				return
			}
		}
	})
	best := time.Hour // of several rounds: a busy machine looks later than it should
	for round := 0; round < 5 && best > 2*interval; round++ {
		begin := time.Now()
		if r := i.get("/hog?mib=1024"); r.StatusCode != 502 || r.Header.Get("X-Fwatchdog-Reason") != "memory" {
			t.Errorf("got %d %q", r.StatusCode, r.body)
		}
		best = min(best, time.Since(begin))
	}
	over.Store(true)
	group.Wait()
	if best > 2*interval {
		t.Errorf("it lived for %v, with a memory_interval of %v", best, interval)
	}
	for _, line := range i.all("worker ended") {
		if line["reason"] != "memory_hard" {
			t.Errorf("a worker ended for another reason: %v", line)
		}
	}
}

func TestLeakInAGrandchildCounts(t *testing.T) {
	i := launch(t, "fprocess="+burden, "pool_size=1", "memory_interval=100ms", "worker_memory_soft=off", "worker_memory_hard=100MiB")
	i.get("/hogging?mib=300").is(t, 200, "a grandchild takes it")
	end := i.await("worker ended", func(l map[string]any) bool { return l["reason"] == "memory_hard" })
	group := int(end["pid"].(float64))
	i.eventually("nobody of its group is left", func() bool { return syscall.Kill(-group, 0) != nil })
}

func TestWorkerThatIsStuckSaysWhereBeforeItIsKilled(t *testing.T) {
	i := launch(t, "fprocess=python3 testdata/stuck.py", "pool_size=1", "ping_interval=500ms", "ping_misses=3")
	i.get("/stick").is(t, 200, "fine")
	end := i.await("worker ended", func(l map[string]any) bool { return l["reason"] == "heartbeat" })
	if stacks, _ := end["stacks"].(string); !strings.Contains(stacks, "in catastrophic") {
		t.Errorf("its end tells nothing of the stuck function: %v", end)
	}
	i.get("/").is(t, 200, "fine")
}

func TestWorkersThatDieYoungAreStartedLessAndLess(t *testing.T) {
	i := launch(t, "fprocess="+burden, "DIE_MS=20", "pool_size=2", fmt.Sprintf("metrics_port=%d", freePort(t)))
	i.pid(1)
	pass(2 * time.Second)
	if starts := i.metric("fwatchdog_worker_starts_total"); starts >= 20 {
		t.Errorf("%v starts in 2 s", starts)
	}
	i.eventually("they are started again, and die", func() bool { return i.metric(`fwatchdog_worker_exits_total{reason="crash"}`) >= 4 })
	i.await("workers keep crashing", nil)
	if exceeded := i.metric("fwatchdog_crash_budget_exceeded"); exceeded != 1 {
		t.Errorf("the metric is %v", exceeded)
	}
}

func TestReloadUnderLoadCostsNoRequest(t *testing.T) {
	script, write := shellScript(t)
	write("sleep 0.3; exec " + function)
	i := launch(t, "fprocess=sh "+script, "pool_size=2")
	i.pid(2)
	answered, stop := load(t, i, 32, "/sleep?ms=5")
	i.signal(syscall.SIGHUP)
	i.await("reload completed", func(l map[string]any) bool { return l["generation"] == 2.0 && l["new"] == 2.0 })

	write("echo broken >&2; exit 7")
	i.signal(syscall.SIGHUP)
	i.await("reload failed", nil)
	before := answered.Load()
	i.eventually("the old generation serves on", func() bool { return answered.Load() > before+200 })

	write("exec " + function)
	i.signal(syscall.SIGHUP)
	i.await("reload completed", func(l map[string]any) bool { return l["generation"] != 2.0 })
	stop()
	for _, line := range i.all("worker ended") {
		if line["reason"] != "reload" {
			t.Errorf("a worker ended for another reason: %v", line)
		}
	}
}

func TestRequestThatFoundNoWorkerIsCountedAsSuch(t *testing.T) {
	i := launch(t, "fprocess=sleep 1000", "queue_timeout=100ms", "pool_size=1", fmt.Sprintf("metrics_port=%d", freePort(t)))
	r := i.get("/")
	if r.StatusCode != 503 || r.Header.Get("X-OpenFaaS-Internal") == "" || r.Header.Get("Retry-After") == "" {
		t.Errorf("got %d %v", r.StatusCode, r.Header)
	}
	for reason, want := range map[string]float64{"not_ready": 1, "queue_timeout": 0} {
		if got := i.metric(fmt.Sprintf("fwatchdog_rejected_total{reason=%q}", reason)); got != want {
			t.Errorf("%s: %v, want %v", reason, got, want)
		}
	}
}
