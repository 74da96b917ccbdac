package report

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"fwatchdog/internal/life"
	"fwatchdog/pool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// instance is a Source that the test sets, by change when a recorder reads it.
type instance struct {
	mu       sync.Mutex // guards the fields below
	snap     pool.Snapshot
	usage    map[uint64]life.Usage
	totals   Totals
	draining bool
}

func get[T any](i *instance, field *T) T {
	i.mu.Lock()
	defer i.mu.Unlock()
	return *field
}

func (i *instance) Snapshot() pool.Snapshot          { return get(i, &i.snap) }
func (i *instance) Usage() map[uint64]life.Usage     { return get(i, &i.usage) }
func (i *instance) MemoryLimits() (soft, hard int64) { return 100, 200 }
func (i *instance) Totals() Totals                   { return get(i, &i.totals) }
func (i *instance) ReloadError() string              { return "broken" }
func (i *instance) Draining() bool                   { return get(i, &i.draining) }

func (i *instance) change(f func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	f()
}

func (i *instance) slot(s pool.SlotInfo, u life.Usage) {
	i.snap.Slots, i.usage = []pool.SlotInfo{s}, map[uint64]life.Usage{s.ID.Serial: u}
}

// recorded lets a recorder run in fake time while f changes what it sees.
func recorded(t *testing.T, f func(*instance, *Recorder)) {
	synctest.Test(t, func(t *testing.T) {
		source := &instance{}
		r := NewRecorder("1.2.3", "pool", source)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.Run(ctx)
		}()
		synctest.Wait()
		f(source, r)
		cancel()
		<-done
	})
}

// second lets one pass.
func second() { time.Sleep(Interval); synctest.Wait() }

func TestASampleIsWhatHappenedInItsSecond(t *testing.T) {
	recorded(t, func(source *instance, r *Recorder) {
		source.change(func() {
			source.totals = Totals{Requests: 40, Failed: 4, Rejected: 2, Took: Histogram{{0.1, 39}, {0.5, 1}}, Waited: Histogram{{0.01, 40}}}
			source.snap = pool.Snapshot{Capacity: 8, Inflight: 3, Queue: 1}
			source.slot(pool.SlotInfo{ID: life.ID{Serial: 7}, State: pool.Ready}, life.Usage{Memory: 1 << 20})
			source.snap.Counts.Exits = map[life.Reason]uint64{life.Crash: 2}
		})
		second()
		source.change(func() {
			source.totals = Totals{Requests: 50, Failed: 4, Rejected: 2, Took: Histogram{{0.1, 39}, {0.2, 10}, {0.5, 1}}, Waited: Histogram{{0.01, 50}}}
		})
		second()

		want := []Sample{
			{Rate: 40, Failed: 4, Rejected: 2, P50: 0.1, P99: 0.5, Wait: 0.01, Inflight: 3, Capacity: 8, Queue: 1, Workers: 1,
				Memory: []int64{1 << 20}, Exits: map[life.Reason]uint64{life.Crash: 2}},
			{Rate: 10, P50: 0.2, P99: 0.2, Wait: 0.01, Inflight: 3, Capacity: 8, Queue: 1, Workers: 1, Memory: []int64{1 << 20}},
		}
		got := r.History()
		if len(got) == 2 && got[1].Time-got[0].Time != Interval.Milliseconds() {
			t.Errorf("the samples are of %d and %d", got[0].Time, got[1].Time)
		}
		for i := range got {
			got[i].Time = 0
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestAQuarterOfAnHourIsKept(t *testing.T) {
	recorded(t, func(source *instance, r *Recorder) {
		for range Kept + 10 {
			source.change(func() { source.snap.Inflight++ })
			second()
		}
		if got := r.History(); len(got) != Kept || got[0].Inflight != 11 || got[Kept-1].Inflight != Kept+10 {
			t.Errorf("%d samples from %d to %d", len(got), got[0].Inflight, got[len(got)-1].Inflight)
		}
	})
}

func TestWhoWaitsForASampleGetsIt(t *testing.T) {
	recorded(t, func(source *instance, r *Recorder) {
		before, changed := r.Last()
		source.change(func() { source.snap.Queue = 9 })
		begin := time.Now()
		<-changed
		if now, _ := r.Last(); before.Queue != 0 || now.Queue != 9 || time.Since(begin) != Interval {
			t.Errorf("got %v, then %v after %v", before.Queue, now.Queue, time.Since(begin))
		}
	})
}

func TestAStateSaysWhatTheInstanceIs(t *testing.T) {
	recorded(t, func(source *instance, r *Recorder) {
		source.change(func() {
			source.snap = pool.Snapshot{Capacity: 4, Inflight: 1, Queue: 2, Target: 1, Min: 1, Max: 6, Generation: 3, Counts: pool.Counts{Starts: 5, Retries: 6}}
			source.slot(pool.SlotInfo{
				ID: life.ID{Slot: 0, Serial: 7, Generation: 3}, State: pool.Ready, Inflight: 1, Limit: 4, Served: 10,
				Age: 90 * time.Second, Last: life.MaxAge, Vitals: life.Vitals{Pid: 42},
			}, life.Usage{Memory: 150, CPU: 0.25})
		})
		second()

		got := r.State()
		got.Time, got.Last = time.Time{}, Sample{}
		want := State{
			Version: "1.2.3", Mode: "pool", Phase: "ready", UptimeSeconds: 1, ReloadError: "broken",
			Pool: Pool{Target: 1, Min: 1, Max: 6, Capacity: 4, Inflight: 1, Queue: 2, Generation: 3, Starts: 5, Retries: 6, Soft: 100, Hard: 200},
			Workers: []Worker{{Slot: 0, Serial: 7, Generation: 3, Pid: 42, State: "ready", Inflight: 1, Places: 4, Requests: 10,
				Memory: 150, CPU: 0.25, AgeSeconds: 90, LastReason: life.MaxAge}},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestAVacantSlotTakesNothing(t *testing.T) {
	source := &instance{snap: pool.Snapshot{Target: 1}}
	source.slot(pool.SlotInfo{ID: life.ID{Serial: 7}, State: pool.Vacant}, life.Usage{Memory: 150, CPU: 1})
	if w := describe(source).Workers[0]; w.Memory != 0 || w.CPU != 0 || w.State != "vacant" {
		t.Errorf("got %+v", w)
	}
}

func TestAVacantSlotIsShownOnlyWhereAWorkerIsMissing(t *testing.T) {
	source := &instance{snap: pool.Snapshot{Target: 2}}
	for i, state := range []pool.State{pool.Vacant, pool.Ready, pool.Vacant, pool.Vacant} {
		source.snap.Slots = append(source.snap.Slots, pool.SlotInfo{ID: life.ID{Slot: i}, State: state})
	}
	if w := describe(source).Workers; len(w) != 2 || w[0].Slot != 0 || w[1].Slot != 1 {
		t.Errorf("one is missing, shown are %+v", w)
	}
	source.snap.Target = 1
	if w := describe(source).Workers; len(w) != 1 || w[0].State != "ready" {
		t.Errorf("none is missing, shown are %+v", w)
	}
}

func TestThePhaseSumsUpTheSlots(t *testing.T) {
	slots := func(states ...pool.State) (s []pool.SlotInfo) {
		for _, state := range states {
			s = append(s, pool.SlotInfo{State: state})
		}
		return s
	}
	failed := map[life.Reason]uint64{life.StartFailed: 1}
	for _, test := range []struct {
		name     string
		snap     pool.Snapshot
		draining bool
		want     string
	}{
		{"no worker yet", pool.Snapshot{Slots: slots(pool.Starting, pool.Starting), Counts: pool.Counts{Starts: 2}}, false, "starting"},
		{"one works", pool.Snapshot{Slots: slots(pool.Vacant, pool.Ready)}, false, "ready"},
		{"all have gone", pool.Snapshot{Slots: slots(pool.Vacant, pool.Starting), Counts: pool.Counts{Starts: 2, Exits: failed}}, false, "unready"},
		{"about to end", pool.Snapshot{Slots: slots(pool.Ready)}, true, "draining"},
		{"a mode without workers", pool.Snapshot{}, false, "ready"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := phase(test.snap, test.draining); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestQuantilesAreThoseOfTheBuckets(t *testing.T) {
	h := Histogram{{0.1, 50}, {0.2, 49}, {0.8, 1}}
	for _, test := range []struct {
		name string
		h    Histogram
		q    float64
		want float64
	}{
		{"the median", h, 0.5, 0.1}, {"the ninety-ninth", h, 0.99, 0.2}, {"the last", h, 1, 0.8}, {"of nothing", nil, 0.5, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.h.Quantile(test.q); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestADifferenceOfHistogramsIsWhatCameBetween(t *testing.T) {
	before := Histogram{{0.1, 5}, {0.3, 5}, {0.4, 9}}
	now := Histogram{{0.1, 5}, {0.2, 3}, {0.3, 7}, {0.4, 1}} // the last two were merged into others meanwhile
	if diff := cmp.Diff(Histogram{{0.2, 3}, {0.3, 2}}, now.Since(before)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
