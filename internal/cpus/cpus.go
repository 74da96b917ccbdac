// Package cpus divides the processors between the watchdog and the function's workers.
package cpus

import (
	"context"
	"os"
	"runtime"
	"sync/atomic"
	"time"
)

// count is read before anybody calls Share, which renews it.
var count = counter(runtime.GOMAXPROCS(0))

func counter(n int) *atomic.Int64 {
	c := new(atomic.Int64)
	c.Store(int64(n))
	return c
}

// Count is how many processors the watchdog and its workers have together: the machine's, or what the container may use of
// them.
func Count() int { return int(count.Load()) }

// recount asks Go how many processors there are, which stops the world.
func recount() {
	runtime.SetDefaultGOMAXPROCS()
	count.Store(int64(runtime.GOMAXPROCS(0)))
}

const (
	// interval is how often Share looks whether more processors are needed, or fewer.
	interval = time.Second / 4
	// recountInterval is how often it looks how many there are: a container may be resized while it runs. Go itself does not
	// look where somebody has set GOMAXPROCS.
	recountInterval = 10 * time.Second
)

// Share keeps the watchdog to half of the processors, at least to one, until ctx ends, and lets it have all while waiting
// reports that requests wait for workers: then each worker waits for us whenever it has answered. A thread of ours that is
// woken for work which another would have done next takes processor time that the workers could use. Where the environment sets
// GOMAXPROCS, that stays. See docs/adr/0023-half-of-the-processors.md.
func Share(ctx context.Context, waiting func() bool) {
	if os.Getenv("GOMAXPROCS") != "" {
		return
	}
	tick, renew := time.NewTicker(interval), time.NewTicker(recountInterval)
	defer tick.Stop()
	defer renew.Stop()
	for {
		wanted := (Count() + 1) / 2
		if waiting() {
			wanted = Count()
		}
		if wanted != runtime.GOMAXPROCS(0) {
			runtime.GOMAXPROCS(wanted) // which stops the world
		}
		select {
		case <-ctx.Done():
			return
		case <-renew.C:
			recount()
		case <-tick.C:
		}
	}
}
