package supervisor

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"fwatchdog/internal/life"
	"fwatchdog/pool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const mib = 1 << 20

func TestLimitsFollowFromTheContainer(t *testing.T) {
	for name, c := range map[string]struct {
		soft, hard int64
		workers    int
		want       Limits
	}{
		"auto":     {Auto, Auto, 1, Limits{Soft: 344 * mib, Hard: 430 * mib, Budget: 1000 * mib, Share: 430 * mib}},
		"off":      {Off, Off, 1, Limits{Budget: 1000 * mib, Share: 430 * mib}},
		"explicit": {5, 6, 1, Limits{Soft: 5, Hard: 6, Budget: 1000 * mib, Share: 430 * mib}},
		"crowded":  {Auto, Auto, 1 << 40, Limits{Soft: 0, Hard: 1, Budget: 1000 * mib, Share: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			got := Config{MemorySoft: c.soft, MemoryHard: c.hard, Workers: c.workers}.resolve(1000*mib, 40*mib)
			near := cmp.Comparer(func(a, b int64) bool { return max(a, b)-min(a, b) <= 200 }) // whole percents
			if diff := cmp.Diff(c.want, got, near); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWorkersAreJudged(t *testing.T) {
	l := Limits{Soft: 100, Hard: 200, Budget: 1000}
	old, young := time.Minute, time.Second
	for name, c := range map[string]struct {
		workers []reading
		usage   int64
		want    []verdict
	}{
		"nobody":                       {},
		"all well":                     {[]reading{{1, 0, old, 0, 100}, {2, 1, old, 0, 10}}, 900, nil},
		"over the soft limit":          {[]reading{{1, 0, old, 0, 101}, {2, 1, old, 0, 200}}, 0, []verdict{{1, life.MemorySoft}, {2, life.MemorySoft}}},
		"over the hard limit":          {[]reading{{1, 3, old, 0, 201}}, 0, []verdict{{1, life.MemoryHard}}},
		"young, over the soft limit":   {[]reading{{1, 0, young, 0, 150}}, 0, nil},
		"young, over the hard limit":   {[]reading{{1, 0, young, 0, 250}}, 0, []verdict{{1, life.MemoryHard}}},
		"too old":                      {[]reading{{1, 2, old, time.Minute, 1}, {2, 0, old, time.Hour, 1}}, 0, []verdict{{1, life.MaxAge}}},
		"near the budget":              {[]reading{{1, 0, old, 0, 50}, {2, 0, old, 0, 60}, {3, 1, old, 0, 70}}, 901, []verdict{{2, life.MemorySoft}}},
		"near the budget, all busy":    {[]reading{{1, 1, old, 0, 50}}, 1000, nil},
		"near the budget, all young":   {[]reading{{1, 0, young, 0, 50}}, 1000, nil},
		"near the budget and one over": {[]reading{{1, 0, old, 0, 50}, {2, 0, old, 0, 150}}, 1000, []verdict{{2, life.MemorySoft}}},
	} {
		t.Run(name, func(t *testing.T) {
			got := l.judge(c.workers, c.usage, 10*time.Second)
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(verdict{})); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("without limits nobody goes", func(t *testing.T) {
		if got := (Limits{}).judge([]reading{{1, 0, old, 0, 1 << 50}}, 1<<50, 0); got != nil {
			t.Errorf("got %v", got)
		}
	})
}

func TestHeartIsJudgedByRounds(t *testing.T) {
	type round struct {
		served   uint64
		inflight int
		pending  bool // a PING is not answered
		late     bool
	}
	quiet, missed := round{}, round{pending: true}
	for name, c := range map[string]struct {
		rounds   []round
		pingBusy bool
		alive    bool
	}{
		"answers":                             {[]round{quiet, quiet, quiet, quiet}, false, true},
		"misses one too few":                  {[]round{missed, missed, quiet, missed, missed}, false, true},
		"misses all":                          {[]round{missed, missed, missed}, false, false},
		"machine stood still":                 {[]round{missed, missed, {pending: true, late: true}}, false, true},
		"is busy":                             {[]round{{1, 1, true, false}, {1, 1, true, false}, {1, 1, true, false}, {1, 1, true, false}}, false, true},
		"was busy meanwhile":                  {[]round{{1, 0, true, false}, {2, 0, true, false}, {3, 0, true, false}, {4, 0, true, false}}, false, true},
		"is busy, but could answer all along": {[]round{{1, 1, true, false}, {1, 1, true, false}, {1, 1, true, false}}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			h, alive := heart{}, true
			for _, r := range c.rounds {
				slot := pool.SlotInfo{Inflight: r.inflight, Served: r.served}
				slot.Vitals.PingBusy = c.pingBusy
				if r.pending {
					slot.Vitals.Pings = 1
				}
				h, alive = h.beat(slot, r.late, 3)
			}
			if alive != c.alive {
				t.Errorf("alive is %v", alive)
			}
		})
	}
}

func TestBudgetIsTheSmallestLimitOnTheWayUp(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	for name, c := range map[string]struct {
		files        fstest.MapFS
		budget, used int64
	}{
		"no controller": {fstest.MapFS{}, 1000, 0},
		"version 2": {fstest.MapFS{
			"proc/self/cgroup":                 file("0::/a/b\n"),
			"sys/fs/cgroup/cgroup.controllers": file("memory"),
			"sys/fs/cgroup/a/memory.max":       file("300\n"),
			"sys/fs/cgroup/a/b/memory.max":     file("max\n"),
			"sys/fs/cgroup/a/b/memory.current": file("200\n"),
			"sys/fs/cgroup/a/b/memory.stat":    file("anon 1\ninactive_file 50\n"),
		}, 300, 150},
		"version 2 in a namespace": {fstest.MapFS{
			"proc/self/cgroup":                 file("0::/\n"),
			"sys/fs/cgroup/cgroup.controllers": file("memory"),
			"sys/fs/cgroup/memory.max":         file("400\n"),
			"sys/fs/cgroup/memory.current":     file("100\n"),
		}, 400, 100},
		"version 2 without a limit": {fstest.MapFS{
			"proc/self/cgroup":                 file("0::/a\n"),
			"sys/fs/cgroup/cgroup.controllers": file("memory"),
			"sys/fs/cgroup/a/memory.max":       file("max\n"),
		}, 1000, 0},
		"version 1": {fstest.MapFS{
			"proc/self/cgroup":                                        file("5:cpu,cpuacct:/x\n4:memory:/docker/abc\n0::/\n"),
			"sys/fs/cgroup/memory/memory.limit_in_bytes":              file("500\n"),
			"sys/fs/cgroup/memory/memory.usage_in_bytes":              file("90\n"),
			"sys/fs/cgroup/memory/memory.stat":                        file("inactive_file 1\ntotal_inactive_file 40\n"),
			"sys/fs/cgroup/memory/docker/other/memory.limit_in_bytes": file("1\n"),
		}, 500, 50},
		"version 1 without a limit": {fstest.MapFS{
			"proc/self/cgroup":                           file("4:memory:/\n"),
			"sys/fs/cgroup/memory/memory.limit_in_bytes": file("9223372036854771712\n"),
		}, 1000, 0},
	} {
		t.Run(name, func(t *testing.T) {
			group := findCgroup(c.files)
			if got := group.budget(c.files, 1000); got != c.budget {
				t.Errorf("budget is %d, want %d", got, c.budget)
			}
			if got := group.used(c.files); got != c.used {
				t.Errorf("used is %d, want %d", got, c.used)
			}
		})
	}
}

func TestChildrenCountForTheirGroup(t *testing.T) {
	// A shell with a child that takes 40 MiB: what is measured is the group.
	cmd := exec.Command("python3", "-c", `
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "b = b'x' * (40 << 20); print('ready', flush=True); input()"], stdin=sys.stdin)
child.wait()`)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { stdin.Close(); _ = cmd.Wait() }() // it ends with its child
	ready := make([]byte, 5)
	if _, err := out.Read(ready); err != nil || string(ready) != "ready" {
		t.Fatalf("%q %v", ready, err)
	}
	group := cmd.Process.Pid
	for _, pss := range []bool{false, true} {
		took, err := groupMemory(map[int]bool{group: true}, pss)
		if err != nil {
			t.Fatal(err)
		}
		if took[group] < 40*mib || took[group] > 120*mib {
			t.Errorf("pss %v: the group takes %d MiB", pss, took[group]/mib)
		}
		if len(took) != 1 {
			t.Errorf("measured %v", took)
		}
	}
}

// staff is a pool as the supervisor sees it.
type staff struct {
	mu      sync.Mutex // guards all below
	slots   []pool.SlotInfo
	pinged  []uint64
	ponged  []time.Duration
	retired []verdict
}

func (s *staff) Snapshot() pool.Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return pool.Snapshot{Slots: slices.Clone(s.slots)}
}

func (s *staff) Ping(serial uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pinged = append(s.pinged, serial)
	for i := range s.slots {
		if s.slots[i].ID.Serial == serial {
			s.slots[i].Vitals.Pings++
		}
	}
}

func (s *staff) Ponged(took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ponged = append(s.ponged, took)
}

func (s *staff) Retire(serial uint64, why life.Reason) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retired = append(s.retired, verdict{serial, why})
	return true
}

func TestWorkerThatDoesNotAnswerIsRetired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		workers := &staff{slots: []pool.SlotInfo{
			{ID: life.ID{Serial: 1}, State: pool.Ready},
			{ID: life.ID{Serial: 2}, State: pool.Starting},
		}}
		s, err := New(Config{PingInterval: time.Second, PingMisses: 3, MemoryMetric: "rss"}, workers, workers, zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 4500*time.Millisecond)
		defer cancel()
		s.Run(ctx)
		if diff := cmp.Diff([]uint64{1}, workers.pinged); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]verdict{{1, life.Heartbeat}}, workers.retired, cmp.AllowUnexported(verdict{})); diff != "" {
			t.Error(diff)
		}
	})
}

func TestEveryAnsweredPingIsObservedOnce(t *testing.T) {
	workers := &staff{slots: []pool.SlotInfo{{ID: life.ID{Serial: 1}, State: pool.Ready}}}
	s, err := New(Config{PingInterval: time.Second, PingMisses: 3, MemoryMetric: "rss"}, workers, workers, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	s.listen(time.Second) // asks
	workers.slots[0].Vitals.Pongs, workers.slots[0].Vitals.PingTook = 1, time.Millisecond
	s.listen(time.Second) // hears, and asks again
	s.listen(time.Second) // hears nothing new
	if diff := cmp.Diff([]time.Duration{time.Millisecond}, workers.ponged); diff != "" {
		t.Error(diff)
	}
}

func TestMemoryIsMeasuredAndJudged(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	workers := &staff{slots: []pool.SlotInfo{
		{ID: life.ID{Serial: 7}, State: pool.Ready, Age: time.Hour, Vitals: life.Vitals{Pid: syscall.Getpgrp()}},
		{ID: life.ID{Serial: 8}, State: pool.Vacant},
	}}
	s, err := New(Config{MemoryInterval: time.Millisecond, PingMisses: 1, MemorySoft: 1, MemoryHard: Off, MemoryMetric: "rss", Workers: 1},
		workers, workers, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	deadline := time.After(10 * time.Second)
	for tick := time.NewTicker(time.Millisecond); ; {
		workers.mu.Lock()
		n := len(workers.retired)
		workers.mu.Unlock()
		if n > 0 {
			tick.Stop()
			break
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("nobody was retired")
		}
	}
	cancel()
	<-done
	if got := workers.retired[0]; got != (verdict{7, life.MemorySoft}) {
		t.Errorf("got %v", got)
	}
	if s.Memory()[7] < mib || len(s.Memory()) != 1 {
		t.Errorf("measured %v", s.Memory())
	}
	if logs.FilterMessage("memory limits of a worker").Len() != 1 {
		t.Errorf("logged %v", logs.All())
	}
	if l := s.Limits(); l.Soft != 1 || l.Budget <= 0 {
		t.Errorf("limits are %v", l)
	}
}

func TestConfigNamesWhatIsWrong(t *testing.T) {
	err := Config{PingInterval: -1, MemoryInterval: -1, MemorySoft: -2, MemoryHard: -2, MemoryMetric: "vss", MinAge: -1}.Validate()
	for _, name := range []string{"ping_interval", "ping_misses", "memory_interval", "worker_memory_soft", "worker_memory_hard", "memory_metric", "worker_min_age"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("says nothing of %s: %v", name, err)
		}
	}
	if err := (Config{PingMisses: 1, MemorySoft: 3, MemoryHard: 2, MemoryMetric: "rss"}).Validate(); err == nil {
		t.Error("a soft limit over the hard one is accepted")
	}
	if err := (Config{PingMisses: 1, MemoryMetric: "pss"}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestVanishedProcessCountsNothing(t *testing.T) {
	if got := memory(1<<30, false) + memory(1<<30, true); got != 0 {
		t.Errorf("got %d", got)
	}
	if got := memory(int32(os.Getpid()), false); got < mib {
		t.Errorf("this test takes %d bytes", got)
	}
}
