package worker

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestAFloodOfLinesIsLimitedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.InfoLevel)
		log := zap.New(core)
		var total atomic.Uint64
		f := newFlood(100, &total)
		passed := 0
		for range 1000 {
			if f.pass(log, 0) {
				passed++
			}
		}
		if passed != 100 || total.Load() != 900 || logs.Len() != 0 {
			t.Errorf("%d lines passed, %d did not, %d records", passed, total.Load(), logs.Len())
		}
		time.Sleep(100 * time.Millisecond)
		for range 100 {
			if f.pass(log, 0) {
				passed++
			}
		}
		if said := logs.FilterMessage("function wrote too much").All(); passed != 110 || len(said) != 1 || said[0].ContextMap()["lines"] != uint64(900) {
			t.Errorf("%d lines passed, said %v", passed, said)
		}
		f.tell(log)
		if logs.Len() != 2 || total.Load() != 990 {
			t.Errorf("%d records, %d lines left out", logs.Len(), total.Load())
		}
	})
}

func TestWithoutALimitEveryLinePasses(t *testing.T) {
	f := newFlood(0, new(atomic.Uint64))
	for range 100_000 {
		if !f.pass(zap.NewNop(), 0) {
			t.Fatal("a line was left out")
		}
	}
}
