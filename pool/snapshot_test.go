package pool

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"fwatchdog/internal/life"
)

func TestSnapshotTellsWhatThePoolIs(t *testing.T) {
	bubble(t, Config{Size: 2, QueueSize: 5}, func(r *rig) {
		r.pass(settled)
		r.boots(bootIn(time.Hour))
		first := r.worker(0).id
		r.worker(1).die(life.Crash, false)
		r.send("hold")
		r.send("")
		r.Retire(first.Serial, life.MaxAge)
		r.Ping(first.Serial)
		r.Ping(99) // nobody
		r.pass(time.Second)

		want := Snapshot{
			Slots: []SlotInfo{
				{
					ID: first, State: Ready, Inflight: 1, Limit: 1, Served: 1, Used: 1,
					Age: settled + time.Second, Why: life.MaxAge, Vitals: life.Vitals{Pings: 1},
				},
				{ID: life.ID{Slot: 1, Serial: 3, Generation: 1}, State: Starting, Last: life.Crash},
				{ID: life.ID{Slot: 2, Serial: 4, Generation: 1}, State: Starting},
			},
			Capacity: 1, Inflight: 1, Queue: 1, Target: 2, Min: 2, Max: 2, OwnMin: 2, OwnMax: 2, Generation: 1,
			Counts:  Counts{Starts: 4, Exits: map[life.Reason]uint64{life.Crash: 1}},
			Crashes: 1,
		}
		if diff := cmp.Diff(want, r.Snapshot()); diff != "" {
			t.Errorf("want -, got +:\n%s", diff)
		}
		r.releaseAll()
	})
}

func TestSnapshotIsACopy(t *testing.T) {
	bubble(t, Config{Size: 1}, func(r *rig) {
		snap := r.Snapshot()
		snap.Counts.Exits[life.Crash] = 7
		snap.Slots[0].Inflight = 7
		r.settle()
		if got := r.Snapshot(); got.Counts.Exits[life.Crash] != 0 || got.Slots[0].Inflight != 0 {
			t.Error("who changes a snapshot changes the pool")
		}
	})
}

// shy is a worker whose vitals take their time.
type shy struct{ *fake }

func (shy) Vitals() life.Vitals {
	time.Sleep(time.Second)
	return life.Vitals{}
}

func TestWorkerThatIsSlowToTellItsVitalsHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Size: 1})
		r.Pool.spawn = func(_ context.Context, id life.ID) (Worker, error) { return shy{newFake(id, 1)}, nil }
		r.run()
		synctest.Wait()
		go r.Snapshot()
		synctest.Wait()
		if c := r.ask(""); c.err != nil || c.took != 0 {
			t.Errorf("took %v, error %v", c.took, c.err)
		}
		r.stop()
		<-r.ended
		time.Sleep(time.Second) // the snapshot
	})
}

func TestPoolIsReadyHoweverBusyItIs(t *testing.T) {
	bubble(t, Config{Size: 1, QueueSize: 5}, func(r *rig) {
		r.send("hold")
		r.send("")
		if !r.Ready() {
			t.Error("a busy pool is not ready")
		}
		r.releaseAll()
		r.boots(bootIn(time.Minute))
		r.worker(0).die(life.Exit, false)
		r.settle()
		if r.Ready() {
			t.Error("a pool without a worker is ready")
		}
		r.pass(2 * time.Minute)
		r.Drain()
		if r.Ready() {
			t.Error("a pool that drains is ready")
		}
	})
}

func TestPingReachesTheWorkerThatIsMeant(t *testing.T) {
	bubble(t, Config{Size: 2}, func(r *rig) {
		r.Ping(r.worker(1).id.Serial)
		snap := r.Snapshot()
		if snap.Slots[0].Vitals.Pings != 0 || snap.Slots[1].Vitals.Pings != 1 {
			t.Errorf("got %d and %d pings", snap.Slots[0].Vitals.Pings, snap.Slots[1].Vitals.Pings)
		}
		if snap.Slots[1].Served != 0 {
			t.Error("a ping was counted as a request")
		}
	})
}
