package supervisor

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fwatchdog/internal/life"
	"fwatchdog/pool"
)

// slotOf is a slot with a worker that was used at the used-th request.
func slotOf(serial, used uint64, state pool.State, inflight int) pool.SlotInfo {
	return pool.SlotInfo{ID: life.ID{Serial: serial}, State: state, Used: used, Inflight: inflight, Limit: 1}
}

func TestLeastRecentlyUsedWorkerIsLetGoFirst(t *testing.T) {
	elastic := pool.Load{Min: 1, Max: 8, Wanted: 4, Ready: 4, Places: 1, Free: 4}
	for _, test := range []struct {
		name   string
		slots  []pool.SlotInfo
		change func(*pool.Load)
		want   []uint64
	}{
		{"by use", []pool.SlotInfo{slotOf(1, 9, pool.Ready, 0), slotOf(2, 4, pool.Ready, 0), slotOf(3, 7, pool.Ready, 0)}, nil, []uint64{2, 3, 1}},
		{"the youngest of equals", []pool.SlotInfo{slotOf(1, 0, pool.Ready, 0), slotOf(3, 0, pool.Ready, 0), slotOf(2, 0, pool.Ready, 0)}, nil, []uint64{3, 2, 1}},
		{"busy ones stay", []pool.SlotInfo{slotOf(1, 1, pool.Ready, 1), slotOf(2, 2, pool.Ready, 0)}, nil, []uint64{2}},
		{"who starts or leaves is left alone", []pool.SlotInfo{slotOf(1, 0, pool.Starting, 0), slotOf(2, 0, pool.Draining, 0)}, nil, []uint64{}},
		{"what does not start goes before all", []pool.SlotInfo{slotOf(1, 1, pool.Ready, 0), slotOf(9, 0, pool.Vacant, 0)}, nil, []uint64{9, 1}},
		{"nobody at the lower bound", []pool.SlotInfo{slotOf(1, 1, pool.Ready, 0)}, func(l *pool.Load) { l.Wanted = 1 }, nil},
		{"nobody while a request waits", []pool.SlotInfo{slotOf(1, 1, pool.Ready, 0)}, func(l *pool.Load) { l.Waiting = 1 }, nil},
		{"nobody who is to be spare", []pool.SlotInfo{slotOf(1, 1, pool.Ready, 0)}, func(l *pool.Load) { l.Spare = 4 }, []uint64{}},
		{"who is not needed to be spare", []pool.SlotInfo{slotOf(1, 1, pool.Ready, 0)}, func(l *pool.Load) { l.Spare = 3 }, []uint64{1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			th, load, begin := newThrift(time.Minute), elastic, time.Now()
			if test.change != nil {
				test.change(&load)
			}
			for _, since := range []time.Duration{0, 59 * time.Second} {
				if got := th.surplus(test.slots, load, begin.Add(since)); len(got) > 0 {
					t.Errorf("after %v: %v", since, got)
				}
			}
			if diff := cmp.Diff(test.want, th.surplus(test.slots, load, begin.Add(time.Minute))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestIdlenessIsCountedFromTheLastUse(t *testing.T) {
	load := pool.Load{Min: 1, Max: 2, Wanted: 2, Ready: 2, Places: 1, Free: 2}
	for _, test := range []struct {
		name string
		now  pool.SlotInfo // in the middle of the time
		idle bool
	}{
		{"it was used", slotOf(2, 6, pool.Ready, 0), false},
		{"it is used", slotOf(2, 5, pool.Ready, 1), false},
		{"it is another worker", slotOf(3, 5, pool.Ready, 0), false},
		{"it was not used", slotOf(2, 5, pool.Ready, 0), true},
		{"it was about to leave", slotOf(2, 5, pool.Draining, 0), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			th, begin := newThrift(time.Minute), time.Now()
			th.surplus([]pool.SlotInfo{slotOf(2, 5, pool.Ready, 0)}, load, begin)
			th.surplus([]pool.SlotInfo{test.now}, load, begin.Add(30*time.Second))
			after := test.now
			after.State, after.Inflight = pool.Ready, 0
			got := th.surplus([]pool.SlotInfo{after}, load, begin.Add(time.Minute))
			if (len(got) == 1) != test.idle {
				t.Errorf("idle after a minute: %v", got)
			}
			got = th.surplus([]pool.SlotInfo{after}, load, begin.Add(2*time.Minute))
			if len(got) != 1 {
				t.Errorf("idle after two: %v", got)
			}
		})
	}
}

func TestOneWorkerIsLetGoInEachWhile(t *testing.T) {
	th, begin := newThrift(time.Minute), time.Now()
	slots := []pool.SlotInfo{slotOf(1, 1, pool.Ready, 0), slotOf(2, 2, pool.Ready, 0)}
	load := pool.Load{Min: 1, Max: 4, Wanted: 3, Places: 1, Free: 2}
	th.surplus(slots, load, begin)
	th.let = begin.Add(time.Minute)
	if got := th.surplus(slots, load, begin.Add(119*time.Second)); got != nil {
		t.Errorf("within the while: %v", got)
	}
	if got := th.surplus(slots, load, begin.Add(120*time.Second)); len(got) == 0 {
		t.Error("after it: nobody")
	}
}

func TestTimeDoublesWhenAWorkerIsMissedThatWasLetGo(t *testing.T) {
	begin := time.Now()
	at := func(s int) time.Time { return begin.Add(time.Duration(s) * time.Second) }
	th := newThrift(10 * time.Second)
	want := func(what string, while time.Duration) {
		t.Helper()
		th.surplus(nil, pool.Load{}, at(0)) // decides nothing
		if th.while != while {
			t.Errorf("%s: %v, want %v", what, th.while, while)
		}
	}
	th.grew(at(0))
	want("growth without a loss before", 10*time.Second)
	th.let = at(100)
	th.grew(at(160))
	want("growth a minute later", 10*time.Second)
	th.grew(at(159))
	want("growth within the minute", 20*time.Second)
	th.grew(at(159))
	want("the same loss again", 20*time.Second)
	for n := range 5 {
		th.let, th.rued = at(200+n), false
		th.grew(at(201 + n))
	}
	want("many losses", 80*time.Second)
	th.surplus(nil, pool.Load{}, at(205+799))
	want("not yet forgiven", 80*time.Second)
	th.surplus(nil, pool.Load{}, at(205+800))
	want("forgiven in part", 40*time.Second)
	th.surplus(nil, pool.Load{}, at(205+800+400))
	th.surplus(nil, pool.Load{}, at(205+800+400+200))
	th.surplus(nil, pool.Load{}, at(10_000))
	want("forgiven", 10*time.Second)
}
