package supervisor

import (
	"testing"
	"time"

	"fwatchdog/pool"
)

func TestPoolGrowsByWhatIsMissing(t *testing.T) {
	const ms = time.Millisecond
	one := pool.Load{Min: 1, Max: 8, Wanted: 1, Ready: 1, Places: 1}
	for _, test := range []struct {
		name   string
		change func(*pool.Load)
		want   int
		again  time.Duration
	}{
		{"nobody waits", func(*pool.Load) {}, 0, 0},
		{"one waits, not for long", func(l *pool.Load) { l.Waiting, l.Oldest = 1, 19*ms }, 0, ms},
		{"one waits too long", func(l *pool.Load) { l.Waiting, l.Oldest = 1, 20*ms }, 1, 20 * ms},
		{"many wait: as many as can boot", func(l *pool.Load) { l.Waiting, l.Oldest = 100, time.Second }, 4, 20 * ms},
		{"two wait", func(l *pool.Load) { l.Waiting, l.Oldest = 2, time.Second }, 2, 20 * ms},
		{"two wait, workers have two places", func(l *pool.Load) { l.Waiting, l.Oldest, l.Places = 2, time.Second, 2 }, 1, 20 * ms},
		{"three wait, workers have two places", func(l *pool.Load) { l.Waiting, l.Oldest, l.Places = 3, time.Second, 2 }, 2, 20 * ms},
		{"what they wait for starts already", func(l *pool.Load) { l.Waiting, l.Oldest, l.Wanted, l.Starting = 2, time.Second, 3, 2 }, 0, 20 * ms},
		{"what they wait for rests after a failed start", func(l *pool.Load) { l.Waiting, l.Oldest, l.Wanted = 2, time.Second, 3 }, 0, 20 * ms},
		{"part of it starts already", func(l *pool.Load) { l.Waiting, l.Oldest, l.Wanted, l.Starting = 3, time.Second, 3, 2 }, 1, 20 * ms},
		{"no processor is left to boot one", func(l *pool.Load) { l.Waiting, l.Oldest, l.Wanted, l.Starting = 100, time.Second, 5, 4 }, 0, 20 * ms},
		{"successors boot", func(l *pool.Load) { l.Waiting, l.Oldest, l.Wanted, l.Ready, l.Starting = 100, time.Second, 3, 3, 3 }, 1, 20 * ms},
		{"the upper bound is near", func(l *pool.Load) { l.Waiting, l.Oldest, l.Wanted, l.Ready = 100, time.Second, 7, 7 }, 1, 20 * ms},
		{"the upper bound is reached", func(l *pool.Load) { l.Waiting, l.Oldest, l.Wanted, l.Ready = 100, time.Second, 8, 8 }, 0, 0},
		{"no worker is ready", func(l *pool.Load) { l.Waiting, l.Oldest, l.Ready, l.Starting = 100, time.Second, 0, 1 }, 0, 20 * ms},
		{"enough is to spare", func(l *pool.Load) { l.Free, l.Spare = 2, 2 }, 0, 0},
		{"too little is to spare", func(l *pool.Load) { l.Free, l.Spare = 0, 2 }, 2, 20 * ms},
		{"too little is to spare, workers have four places", func(l *pool.Load) { l.Free, l.Spare, l.Places = 3, 8, 4 }, 2, 20 * ms},
		{"what is to be spare starts already", func(l *pool.Load) { l.Spare, l.Wanted, l.Starting = 2, 3, 2 }, 0, 20 * ms},
		{"one waits, and another is to be spare", func(l *pool.Load) { l.Spare, l.Waiting, l.Oldest = 1, 1, time.Second }, 2, 20 * ms},
		{"one has not waited long, but another is to be spare", func(l *pool.Load) { l.Spare, l.Waiting = 1, 1 }, 1, 20 * ms},
		{"two generations are in service", func(l *pool.Load) { l.Ready = 2 }, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := one
			test.change(&l)
			if got := growth(l, 4); got != test.want {
				t.Errorf("grew by %d, want %d", got, test.want)
			}
			if got := again(l); got != test.again {
				t.Errorf("looks again after %v, want %v", got, test.again)
			}
		})
	}
}
