package main

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	kills        = 1000
	chaosWorkers = 32
	chaosPlaces  = 4 // of a worker
	chaosClients = 16
)

// chaos is an instance to whose workers all kinds of things happen while clients check every answer.
type chaos struct {
	*instance
	journal string // what the function has seen

	mu    sync.Mutex // guards the fields below
	good  []string   // requests that were answered
	never []string   // requests of which was said that no function has seen them
	lost  int        // requests that were lost with their worker
}

// TestThousandKillsCostNothingButWhatTheDeadHad kills, stops and maddens workers at random while requests run. Each request
// gets a true answer, no function sees one twice, the pool stays within its bounds, and nothing is left behind.
func TestThousandKillsCostNothingButWhatTheDeadHad(t *testing.T) {
	journal := filepath.Join(t.TempDir(), "journal")
	c := &chaos{journal: journal, instance: launch(t, "fprocess="+burden, fmt.Sprintf("metrics_port=%d", freePort(t)),
		fmt.Sprintf("pool_size=%d", chaosWorkers), fmt.Sprintf("worker_concurrency=%d", chaosPlaces), "worker_memory_hard=off",
		"queue_size=1000", "queue_timeout=30s", "ping_interval=200ms", "ping_misses=3", "stop_timeout=1s",
		"hello_timeout=2s", "start_timeout=2s", "BOOT_SPREAD_MS=200", "JOURNAL="+journal)}
	t.Cleanup(c.dump)
	c.eventually("the pool is full", c.full)
	if !c.well() { // with its first answer fasthttp begins to keep the date, in a goroutine that stays
		t.Fatal("the instance does not answer")
	}
	client.CloseIdleConnections()
	before := c.belongings()
	before.goroutines += 2 // a look that begins before the goroutine of the last one is free takes another

	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for n := range chaosClients {
		group.Go(func() { c.client(ctx, n) })
	}
	group.Go(func() { c.watch(ctx) })
	begin := time.Now()
	done := c.riot()
	stop()
	group.Wait()

	t.Logf("%v in %v; %d requests answered, %d lost with their worker, %d refused", done,
		time.Since(begin).Round(time.Second), len(c.good), c.lost, len(c.never))
	if len(c.good) < c.lost {
		t.Error("most requests were lost")
	}
	c.checkJournal()
	eventuallyWithin(t, time.Minute, "the pool is full again", func() bool {
		c.exchangeResting()
		return c.full()
	})
	full := time.Since(begin)
	client.CloseIdleConnections()
	var left belongings
	t.Cleanup(func() { t.Logf("at first there were %+v, in the end %+v", before, left) })
	eventuallyWithin(t, time.Minute, "nothing is left behind", func() bool {
		left = c.belongings()
		return left.workers == before.workers && left.most(before) == before
	})
	t.Logf("full after %v, nothing left behind after %v", full.Round(time.Second), time.Since(begin).Round(time.Second))
	c.signal(syscall.SIGTERM)
	if code := c.exitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// dump makes an instance that did not do what it should tell what it is at.
func (c *chaos) dump() {
	if c.t.Failed() && c.cmd.Process.Signal(syscall.SIGQUIT) == nil { // else it has ended
		<-c.ended
	}
}

// full reports whether every worker is ready and nobody is busy.
func (c *chaos) full() bool {
	m := c.series()
	return m[`fwatchdog_workers{state="ready"}`] == chaosWorkers && m[`fwatchdog_inflight`]+m[`fwatchdog_queue_depth`] == 0 &&
		m[`fwatchdog_workers{state="starting"}`]+m[`fwatchdog_workers{state="draining"}`] == 0
}

// belongings are what an instance may leak.
type belongings struct{ workers, zombies, descriptors, goroutines int }

// most is the larger number of each.
func (b belongings) most(other belongings) belongings {
	return belongings{max(b.workers, other.workers), max(b.zombies, other.zombies), max(b.descriptors, other.descriptors), max(b.goroutines, other.goroutines)}
}

// belongings looks at them once.
func (c *chaos) belongings() belongings {
	alive, zombies := childrenOf(c.t, c.cmd.Process.Pid)
	descriptors, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", c.cmd.Process.Pid))
	if err != nil {
		c.t.Fatal(err)
	}
	return belongings{len(alive), len(zombies), len(descriptors), int(c.series()["go_goroutines"])}
}

// childrenOf lists the processes whose parent pid is.
func childrenOf(t *testing.T, pid int) (alive, zombies []int) {
	t.Helper()
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // each thread has its own
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range lists {
		text, _ := os.ReadFile(list) // the thread may have gone
		for _, word := range strings.Fields(string(text)) {
			child, _ := strconv.Atoi(word) // the kernel's own number
			if isZombie(child) {
				zombies = append(zombies, child)
			} else {
				alive = append(alive, child)
			}
		}
	}
	return alive, zombies
}

// client sends requests and checks what comes back.
func (c *chaos) client(ctx context.Context, n int) {
	for k := 0; ctx.Err() == nil; k++ {
		id := fmt.Sprintf("%d.%d", n, k)
		body := id + "\n" + strings.Repeat("x", rand.N(3000))
		begin := time.Now()
		r, err := c.try(c.t.Context(), "POST", fmt.Sprintf("/work?ms=%d", rand.N(20)), strings.NewReader(body))
		if err != nil || r.err != nil {
			c.t.Errorf("a request got no whole answer: %v %v", err, r.err)
			continue
		}
		c.judge(r, id, body)
		if took := time.Since(begin); took > 45*time.Second {
			c.t.Errorf("a request took %v: more than its time in the queue, and that of a worker that does not answer", took)
		}
		pass(2 * time.Millisecond)
	}
}

// judge checks one answer.
func (c *chaos) judge(r response, id, body string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case r.StatusCode == 200 && r.body == body:
		c.good = append(c.good, id)
	case r.StatusCode == 502 && slices.Contains([]string{"crash", "protocol", "timeout"}, r.Header.Get("X-Fwatchdog-Reason")):
		c.lost++
	case r.StatusCode == 503 && r.Header.Get("X-OpenFaaS-Internal") != "" && r.Header.Get("Retry-After") != "":
		c.never = append(c.never, id)
	default:
		c.t.Errorf("got %d %v %.100q", r.StatusCode, r.Header, r.body)
	}
}

// harms are what happens to workers, each by its name.
var harms = map[string]func(c *chaos){
	"kill -9":       func(c *chaos) { c.strike(syscall.SIGKILL) },
	"kill -STOP":    func(c *chaos) { c.strike(syscall.SIGSTOP) },
	"kill -TERM":    func(c *chaos) { c.strike(syscall.SIGTERM) },
	"stdin closed":  func(c *chaos) { c.madden("/close?end=0") },
	"stdout closed": func(c *chaos) { c.madden("/close?end=1") },
	"garbage":       func(c *chaos) { c.madden("/garbage") },
	"exit":          func(c *chaos) { c.madden("/exit?code=3") },
}

// riot does harm a thousand times, and now and then what an operator may do meanwhile. It returns how often it did what.
func (c *chaos) riot() map[string]int {
	done := map[string]int{}
	names := make([]string, 0, len(harms))
	for name := range harms {
		names = append(names, name)
	}
	var group sync.WaitGroup
	defer group.Wait()
	for n := range kills {
		name := names[rand.N(len(names))]
		done[name]++
		group.Go(func() { harms[name](c) })
		pass(rand.N(40 * time.Millisecond))
		if n%3 == 0 { // else those who died often would rest, and there would be nobody left to kill
			c.exchangeOne()
			done["one less, one more"]++
		}
		if n%50 == 25 {
			c.signal(syscall.SIGHUP)
			done["reload"]++
		}
	}
	return done
}

// exchangeOne makes the pool smaller, by whoever died most often, and larger again.
func (c *chaos) exchangeOne() {
	for _, sig := range []syscall.Signal{syscall.SIGTTOU, syscall.SIGTTIN} {
		before := count(c.instance, "pool resized")
		c.signal(sig)
		c.eventually("the pool is resized", func() bool { return count(c.instance, "pool resized") > before })
	}
}

// exchangeResting spares the test to wait for who rests, for up to half a minute, after many deaths.
func (c *chaos) exchangeResting() {
	if m := c.series(); m[`fwatchdog_workers{state="ready"}`]+m[`fwatchdog_workers{state="starting"}`] < chaosWorkers {
		c.exchangeOne()
	}
}

// strike sends a signal to some worker, which may be starting or leaving. One that is not the function yet is spared: a
// process that is stopped between fork and exec stops the Go runtime that waits for it.
func (c *chaos) strike(sig syscall.Signal) {
	for c.t.Context().Err() == nil {
		alive, _ := childrenOf(c.t, c.cmd.Process.Pid)
		alive = slices.DeleteFunc(alive, func(pid int) bool {
			program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
			return err != nil || program != burden
		})
		if len(alive) > 0 {
			_ = syscall.Kill(alive[rand.N(len(alive))], sig) // it may have gone meanwhile
			return
		}
		pass(5 * time.Millisecond)
	}
}

// madden lets a function do something from which no answer can come.
func (c *chaos) madden(target string) {
	r, err := c.try(c.t.Context(), "GET", target, nil)
	if err != nil || r.StatusCode != 502 && r.StatusCode != 503 {
		c.t.Errorf("%s: got %v %v", target, r.Response, err)
	}
}

// watch demands at every moment what is always true.
func (c *chaos) watch(ctx context.Context) {
	for ctx.Err() == nil {
		m := c.series()
		starting, ready, draining := m[`fwatchdog_workers{state="starting"}`], m[`fwatchdog_workers{state="ready"}`], m[`fwatchdog_workers{state="draining"}`]
		exits := 0.0
		for name, n := range m {
			if strings.HasPrefix(name, "fwatchdog_worker_exits_total") {
				exits += n
			}
		}
		for what, holds := range map[string]bool{
			"no more workers are ready than wanted":              ready <= chaosWorkers,
			"the capacity is the ready workers' places":          m["fwatchdog_capacity"] == chaosPlaces*ready,
			"only live workers have requests":                    m["fwatchdog_inflight"] <= chaosPlaces*(ready+draining),
			"who has started and not ended is in a slot":         m["fwatchdog_worker_starts_total"]-exits == starting+ready+draining,
			"no more requests wait than there are who send some": m["fwatchdog_queue_depth"] <= chaosClients+kills,
			"the watchdog is well":                               c.well(),
		} {
			if !holds {
				c.t.Errorf("broken: %s: %v", what, m)
			}
		}
		pass(50 * time.Millisecond)
	}
}

// well reports whether the watchdog says so.
func (c *chaos) well() bool {
	r, err := c.try(c.t.Context(), "GET", "/_/health", nil)
	return err == nil && r.StatusCode == http.StatusOK
}

// series returns all metrics.
func (c *chaos) series() map[string]float64 {
	resp, err := http.Get(c.metrics)
	if err != nil {
		c.t.Error(err)
		return nil
	}
	defer resp.Body.Close()
	all := map[string]float64{}
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			all[name] = n
		}
	}
	return all
}

// checkJournal demands that the function has seen what was answered, once, and nothing of what it is said not to have seen.
func (c *chaos) checkJournal() {
	text, err := os.ReadFile(c.journal)
	if err != nil {
		c.t.Fatal(err)
	}
	seen := map[string]int{}
	for line := range strings.Lines(string(text)) {
		if id, whole := strings.CutSuffix(line, ";\n"); whole { // else its writer was killed while it wrote
			seen[id]++
		}
	}
	for id, n := range seen {
		if n != 1 {
			c.t.Errorf("request %q was seen %d times", id, n)
		}
	}
	for _, id := range c.good {
		if seen[id] == 0 {
			c.t.Errorf("request %s was answered, but no function has seen it", id)
		}
	}
	for _, id := range c.never {
		if seen[id] != 0 {
			c.t.Errorf("request %s was refused as if nobody had seen it", id)
		}
	}
}
