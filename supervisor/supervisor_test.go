package supervisor

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
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
		"auto":              {Auto, Auto, 1, Limits{Soft: 344 * mib, Hard: 430 * mib, Budget: 1000 * mib, Own: 40 * mib, Share: 430 * mib}},
		"off":               {Off, Off, 1, Limits{Budget: 1000 * mib, Own: 40 * mib, Share: 430 * mib}},
		"explicit":          {5, 6, 1, Limits{Soft: 5, Hard: 6, Budget: 1000 * mib, Own: 40 * mib, Share: 430 * mib}},
		"a low hard limit":  {Auto, 100 * mib, 1, Limits{Soft: 80 * mib, Hard: 100 * mib, Budget: 1000 * mib, Own: 40 * mib, Share: 430 * mib}},
		"a high hard limit": {Auto, 800 * mib, 1, Limits{Soft: 344 * mib, Hard: 800 * mib, Budget: 1000 * mib, Own: 40 * mib, Share: 430 * mib}},
		"no hard limit":     {Auto, Off, 1, Limits{Soft: 344 * mib, Budget: 1000 * mib, Own: 40 * mib, Share: 430 * mib}},
		"crowded":           {Auto, Auto, 1 << 40, Limits{Soft: 0, Hard: 1, Budget: 1000 * mib, Own: 40 * mib, Share: 1}},
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
		"all well":                     {[]reading{{1, 0, old, 0, 100, false}, {2, 1, old, 0, 10, false}}, 900, nil},
		"over the soft limit":          {[]reading{{1, 0, old, 0, 101, false}, {2, 1, old, 0, 200, false}}, 0, []verdict{{1, life.MemorySoft}, {2, life.MemorySoft}}},
		"over the hard limit":          {[]reading{{1, 3, old, 0, 201, false}}, 0, []verdict{{1, life.MemoryHard}}},
		"young, over the soft limit":   {[]reading{{1, 0, young, 0, 150, false}}, 0, nil},
		"young, over the hard limit":   {[]reading{{1, 0, young, 0, 250, false}}, 0, []verdict{{1, life.MemoryHard}}},
		"too old":                      {[]reading{{1, 2, old, time.Minute, 1, false}, {2, 0, old, time.Hour, 1, false}}, 0, []verdict{{1, life.MaxAge}}},
		"near the budget":              {[]reading{{1, 0, old, 0, 50, false}, {2, 0, old, 0, 60, false}, {3, 1, old, 0, 70, false}}, 901, []verdict{{2, life.MemorySoft}}},
		"near the budget, all busy":    {[]reading{{1, 1, old, 0, 50, false}}, 1000, nil},
		"near the budget, all young":   {[]reading{{1, 0, young, 0, 50, false}}, 1000, nil},
		"near the budget and one over": {[]reading{{1, 0, old, 0, 50, false}, {2, 0, old, 0, 150, false}}, 1000, []verdict{{2, life.MemorySoft}}},
		"leaves already, over soft":    {[]reading{{1, 0, old, time.Minute, 150, true}}, 0, nil},
		"leaves already, over hard":    {[]reading{{1, 2, young, 0, 250, true}}, 0, []verdict{{1, life.MemoryHard}}},
		"near, while somebody leaves":  {[]reading{{1, 0, old, 0, 50, false}, {2, 1, old, 0, 60, true}}, 1000, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := l.judge(c.workers, c.usage, 10*time.Second)
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(verdict{})); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("without limits nobody goes", func(t *testing.T) {
		if got := (Limits{}).judge([]reading{{1, 0, old, 0, 1 << 50, false}}, 1<<50, 0); got != nil {
			t.Errorf("got %v", got)
		}
	})
}

func TestMemoryIsTightWhereOneWorkerMoreWouldBeTooMuch(t *testing.T) {
	l := Limits{Budget: 1000}
	for name, c := range map[string]struct {
		first first
		usage int64
		want  bool
	}{
		"nobody, much free":    {nil, 100, false},
		"nobody, nothing free": {nil, 950, true},
		"room for a new one":   {first{1: 60, 2: 100, 3: 40}, 800, false},
		"no room for that":     {first{1: 60, 2: 101, 3: 40}, 800, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := l.tight(c.first, c.usage); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestWhatAWorkerTookAtFirstIsKeptAsLongAsItIsThere(t *testing.T) {
	var f first
	for _, round := range []struct {
		took map[uint64]life.Usage
		want first
	}{
		{map[uint64]life.Usage{1: {Memory: 10}}, first{1: 10}},
		{map[uint64]life.Usage{1: {Memory: 90}, 2: {Memory: 20}}, first{1: 10, 2: 20}},
		{map[uint64]life.Usage{2: {Memory: 80}, 3: {Memory: 30}}, first{2: 20, 3: 30}},
		{nil, first{}},
	} {
		f = f.next(round.took)
		if diff := cmp.Diff(round.want, f); diff != "" {
			t.Error(diff)
		}
	}
}

func TestOnlyWhoHasAWorkerIsJudged(t *testing.T) {
	took := map[uint64]life.Usage{1: {Memory: 10}, 2: {Memory: 20}, 3: {Memory: 30}, 4: {Memory: 40}}
	slots := []pool.SlotInfo{
		{ID: life.ID{Serial: 1}, State: pool.Vacant},
		{ID: life.ID{Serial: 2}, State: pool.Starting},
		{ID: life.ID{Serial: 3}, State: pool.Ready, Inflight: 1, Age: time.Minute, MaxAge: time.Hour},
		{ID: life.ID{Serial: 4}, State: pool.Draining},
		{ID: life.ID{Serial: 5}, State: pool.Ready, Why: life.MaxAge},
	}
	want := []reading{{3, 1, time.Minute, time.Hour, 30, false}, {4, 0, 0, 0, 40, true}, {5, 0, 0, 0, 0, true}}
	if diff := cmp.Diff(want, readingsOf(slots, took), cmp.AllowUnexported(reading{})); diff != "" {
		t.Error(diff)
	}
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

func TestProcessorTimeIsShownAsAPartOfOne(t *testing.T) {
	for _, test := range []struct {
		name        string
		before, now sample
		want        float64
	}{
		{"half of one", sample{memory: 1, cpu: 10 * time.Second}, sample{memory: 1, cpu: 11 * time.Second}, 0.5},
		{"two of them", sample{memory: 1, cpu: 10 * time.Second}, sample{memory: 1, cpu: 14 * time.Second}, 2},
		{"the first measurement", sample{}, sample{memory: 1, cpu: 14 * time.Second}, 0},
		{"a child has ended", sample{memory: 1, cpu: 10 * time.Second}, sample{memory: 1, cpu: 4 * time.Second}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.now.since(test.before, 2*time.Second); got.CPU != test.want || got.Memory != 1 {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// staff is a pool as the supervisor sees it.
type staff struct {
	mu      sync.Mutex // guards all below
	slots   []pool.SlotInfo
	pinged  []uint64
	ponged  []time.Duration
	retired []verdict
	tight   bool
	pack    int
}

func (s *staff) Pack(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pack = n
}

func (s *staff) Tighten(tight bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tight = tight
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
			{ID: life.ID{Serial: 3}, State: pool.Draining}, // it may have closed its ears already
			{ID: life.ID{Serial: 4}, State: pool.Draining, Inflight: 1, Vitals: life.Vitals{PingBusy: true}},
		}}
		s, err := New(Config{PingInterval: time.Second, PingMisses: 3, MemoryMetric: "rss"}, workers, workers, zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 4500*time.Millisecond)
		defer cancel()
		s.Run(ctx)
		if diff := cmp.Diff([]uint64{1, 4}, workers.pinged); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]verdict{{1, life.Heartbeat}, {4, life.Heartbeat}}, workers.retired, cmp.AllowUnexported(verdict{})); diff != "" {
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
	if s.Usage()[7].Memory < mib || len(s.Usage()) != 1 {
		t.Errorf("measured %v", s.Usage())
	}
	if logs.FilterMessage("memory limits of a worker").Len() != 1 {
		t.Errorf("logged %v", logs.All())
	}
	if l := s.Limits(); l.Soft != 1 || l.Budget <= 0 {
		t.Errorf("limits are %v", l)
	}
}

func TestLimitsFollowTheContainersMemory(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	workers := new(staff)
	s, err := New(Config{MemoryInterval: time.Second, PingMisses: 1, MemorySoft: Auto, MemoryHard: Auto, MemoryMetric: "rss", Workers: 1},
		workers, workers, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	own, folder := s.Limits().Own, t.TempDir()
	s.cgroup = cgroup{folders: []string{strings.TrimPrefix(folder, "/")}, limit: "memory.max", usage: "memory.current"}
	for n, limit := range []int64{300 * mib, 300 * mib, 200 * mib, 600 * mib} {
		if err := os.WriteFile(filepath.Join(folder, "memory.max"), []byte(strconv.FormatInt(limit, 10)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s.look()
		if got, want := s.Limits(), s.cfg.resolve(limit, own); got != want {
			t.Errorf("step %d: limits are %v, want %v", n, got, want)
		}
	}
	if n := logs.FilterMessage("memory limits of a worker").Len(); n != 3 {
		t.Errorf("they were told %d times, want 3", n)
	}
}

func TestAgeIsJudgedAlsoWhereMemoryIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		workers := &staff{slots: []pool.SlotInfo{{ID: life.ID{Serial: 1}, State: pool.Ready, Age: time.Hour, MaxAge: time.Minute}}}
		s, err := New(Config{PingMisses: 1, MemoryHard: 1, MemoryMetric: "rss"}, workers, workers, zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		s.Run(ctx)
		if diff := cmp.Diff([]verdict{{1, life.MaxAge}}, workers.retired, cmp.AllowUnexported(verdict{})); diff != "" || workers.tight {
			t.Errorf("%s tight: %v", diff, workers.tight)
		}
	})
}

func TestPoolIsToldThatMemoryIsTight(t *testing.T) {
	workers := &staff{tight: true}
	s, err := New(Config{MemoryInterval: time.Hour, PingMisses: 1, MemoryMetric: "rss"}, workers, workers, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	for _, tight := range []bool{false, true} {
		if tight {
			s.machine = 100 // bytes, less than any process takes
		}
		if s.look(); workers.tight != tight {
			t.Errorf("tight is %v with a budget of %d", workers.tight, s.limits.Budget)
		}
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

func TestCrashBudgetIsOneLoudLine(t *testing.T) {
	core, logs := observer.New(zap.ErrorLevel)
	workers := &staff{}
	s, err := New(Config{PingMisses: 1, MemoryMetric: "rss"}, workers, workers, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	for n, exceeded := range []bool{false, true, true, false, true} {
		s.sayCrashes(pool.Snapshot{Crashes: 3, Target: 4, CrashBudgetExceeded: exceeded})
		if want := []int{0, 1, 1, 1, 2}[n]; logs.Len() != want {
			t.Errorf("round %d: %d lines, want %d", n, logs.Len(), want)
		}
	}
}

func TestOneOrTwoCrashesOfASmallPoolAreNoCrashesOfAll(t *testing.T) {
	core, logs := observer.New(zap.ErrorLevel)
	workers := &staff{}
	s, err := New(Config{PingMisses: 1, MemoryMetric: "rss"}, workers, workers, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	for crashes, want := range []int{0, 0, 0, 1, 1} {
		s.sayCrashes(pool.Snapshot{Crashes: crashes, Target: 1, CrashBudgetExceeded: crashes > 0})
		if logs.Len() != want {
			t.Errorf("%d crashes of a pool of one: %d lines, want %d", crashes, logs.Len(), want)
		}
	}
}
