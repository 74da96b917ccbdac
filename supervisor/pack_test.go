package supervisor

import (
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"fwatchdog/internal/life"
	"fwatchdog/pool"
)

func TestQuickFunctionsShareAWorker(t *testing.T) {
	const us = time.Microsecond
	type samples = map[uint64]sample
	for _, test := range []struct {
		name        string
		last        int
		before, now samples
		want        int
	}{
		{"nothing is known", 1, nil, nil, 1},
		{"the first look", 1, nil, samples{1: {cpu: time.Second, served: 100_000}}, 1},
		{"nobody asks", 1, samples{1: {cpu: time.Second, served: 7}}, samples{1: {cpu: time.Second, served: 7}}, 1},
		{"few ask", 1, samples{1: {}}, samples{1: {cpu: 999 * us, served: 999}}, 1},
		{"nobody asks any more", 16, samples{1: {cpu: time.Second, served: 7}}, samples{1: {cpu: time.Second, served: 7}}, 16},
		{"few ask, and it takes what it took", 16, samples{1: {}}, samples{1: {cpu: 999 * us, served: 999}}, 16},
		{"few ask, and it takes longer now", 16, samples{1: {}}, samples{1: {cpu: 30 * time.Second, served: 999}}, 1},
		{"few ask, and what it takes was a little more", 4, samples{1: {}}, samples{1: {cpu: 9990 * us, served: 999}}, 4},
		{"five microseconds each", 1, samples{1: {cpu: time.Second}}, samples{1: {cpu: time.Second + 5000*us, served: 1000}}, 16},
		{"too quick to be measured", 1, samples{1: {}}, samples{1: {served: 1000}}, 16},
		{"twenty-five microseconds", 1, samples{1: {served: 500}}, samples{1: {cpu: 25_000 * us, served: 1500}}, 4},
		{"sixty microseconds", 1, samples{1: {}}, samples{1: {cpu: 60_000 * us, served: 1000}}, 1},
		{"ten milliseconds", 1, samples{1: {}}, samples{1: {cpu: 10 * time.Second, served: 1000}}, 1},
		{"two workers, all in all", 1, samples{1: {}, 2: {}}, samples{1: {cpu: 5000 * us, served: 500}, 2: {cpu: 45_000 * us, served: 500}}, 2},
		{"a worker that is new does not count", 1, samples{1: {}}, samples{1: {cpu: 50_000 * us, served: 1000}, 2: {cpu: time.Second, served: 9}}, 2},
		{"nor one that has gone", 1, samples{1: {}, 2: {cpu: time.Hour}}, samples{1: {cpu: 50_000 * us, served: 1000}}, 2},
		{"nor one that has lost a process, and its time", 1, samples{1: {}, 2: {cpu: time.Hour}},
			samples{1: {cpu: 50_000 * us, served: 1000}, 2: {cpu: time.Second, served: 5000}}, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := pack(test.last, test.before, test.now); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

func TestPoolIsToldHowManyRequestsShareAWorker(t *testing.T) {
	workers := &staff{slots: []pool.SlotInfo{{ID: life.ID{Serial: 1}, State: pool.Ready, Vitals: life.Vitals{Pid: syscall.Getpgrp()}}}}
	s, err := New(Config{MemoryInterval: time.Hour, PingMisses: 1, MemorySoft: Off, MemoryHard: Off, MemoryMetric: "rss"}, workers, workers, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	for _, look := range []struct {
		requests uint64
		want     int
	}{{0, 1}, {1 << 40, 16}, {0, 16}} {
		workers.slots[0].Served += look.requests
		if s.look(); workers.pack != look.want {
			t.Errorf("after %d requests: told %d, want %d", look.requests, workers.pack, look.want)
		}
	}
}
