// Package cpus divides the processors between the watchdog and the function's workers.
package cpus

import (
	"context"
	"os"
	"runtime"
	"time"
)

// count is read before anybody calls Share.
var count = runtime.GOMAXPROCS(0)

// Count is how many processors the watchdog and its workers have together: the machine's, or what the container may use of
// them, as Go found it at the start.
func Count() int { return count }

// interval is how often Share looks whether more processors are needed, or fewer.
const interval = time.Second / 4

// Share keeps the watchdog to half of the processors, at least to one, until ctx ends, and lets it have all while waiting
// reports that requests wait for workers: then each worker waits for us whenever it has answered. A thread of ours that is
// woken for work which another would have done next takes processor time that the workers could use. Where the environment sets
// GOMAXPROCS, that stays. See docs/adr/0023-half-of-the-processors.md.
func Share(ctx context.Context, waiting func() bool) {
	if os.Getenv("GOMAXPROCS") != "" {
		return
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		wanted := (count + 1) / 2
		if waiting() {
			wanted = count
		}
		if wanted != runtime.GOMAXPROCS(0) {
			runtime.GOMAXPROCS(wanted) // which stops the world
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
