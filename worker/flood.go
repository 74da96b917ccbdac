package worker

import (
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"
)

// flood lets so many lines a second of one worker through to the log, a second's worth at once, and counts the others: a
// function that prints in a loop must not fill a disk, nor hide what the other workers say.
type flood struct {
	limiter *rate.Limiter  // nil is no limit
	total   *atomic.Uint64 // lines left out, of all workers
	missed  atomic.Uint64  // of this one, since it was said last
}

func newFlood(perSecond int, total *atomic.Uint64) *flood {
	f := &flood{total: total}
	if perSecond > 0 {
		f.limiter = rate.NewLimiter(rate.Limit(perSecond), perSecond)
	}
	return f
}

// usual is the longest line that counts as one, in bytes; what is longer counts as several.
const usual = 512

// pass reports whether a line may be written. Before the first that may after some that might not, log says how many these
// were.
func (f *flood) pass(log *zap.Logger, size int) bool {
	if f.limiter != nil && !f.limiter.AllowN(time.Now(), min(1+size/usual, f.limiter.Burst())) {
		f.missed.Add(1)
		f.total.Add(1)
		return false
	}
	f.tell(log)
	return true
}

// tell says how many lines were left out, if any were.
func (f *flood) tell(log *zap.Logger) {
	if n := f.missed.Swap(0); n > 0 {
		log.Warn("function wrote too much", zap.Uint64("lines", n))
	}
}
