package worker

import (
	"time"

	"go.uber.org/zap"
)

// slowPause is how long a worker is not asked for its stacks again: a JVM stands still while it writes them, and a flood of
// slow requests must not fill the log.
const slowPause = time.Minute

// slow is what it takes to notice, while they last, requests that last long. One timer serves all of a worker's: the numbers
// of streams rise with the time at which they were opened, so it is set for the oldest that was not looked at yet.
type slow struct {
	after time.Duration // Config.SlowAfter; 0 when nobody looks; constant once the worker is READY
	timer *time.Timer   // runs lookForSlow

	// Framed.mu guards these.
	set   bool      // the timer runs
	seen  uint32    // streams up to this one were looked at
	asked time.Time // when the worker was asked for its stacks last
}

// watchSlow begins to look for slow requests, where the worker can be asked what it is at and goes on after it.
func (f *Framed) watchSlow() {
	if f.cfg.SlowAfter == 0 || len(f.talk.stacks) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.slow.after = f.cfg.SlowAfter
	f.slow.timer = time.AfterFunc(time.Hour, f.lookForSlow)
	f.slow.timer.Stop() // until there is a request
}

// watchSlowNoMore ends that.
func (f *Framed) watchSlowNoMore() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.slow.timer != nil {
		f.slow.timer.Stop() // when it has fired it finds no streams
	}
}

// mayBeSlow sees to it that the stream, which has just been opened, is looked at when it has become slow. f.mu is held.
func (f *Framed) mayBeSlow(s *stream) {
	if f.slow.after == 0 {
		return
	}
	s.begun = time.Now()
	if !f.slow.set {
		f.slow.set = true
		f.slow.timer.Reset(f.slow.after)
	}
}

// lookForSlow asks the worker for its stacks when it has a slow request, unless it was asked a short time ago.
func (f *Framed) lookForSlow() {
	callID, running := f.nextSlow(time.Now())
	if running == 0 {
		return
	}
	if text := f.showStacks(); text != "" {
		f.log.Warn("stacks of a slow request", zap.String("call_id", callID), zap.Duration("running", running.Round(time.Millisecond)),
			zap.String("stacks", text))
	}
}

// nextSlow returns the oldest of the requests that have become slow since the last look, and for how long it has been running;
// 0 when there is none, or the worker is not to be asked yet. It sets the timer for the next look.
func (f *Framed) nextSlow(now time.Time) (callID string, running time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	slow, young := f.unseen(now)
	if f.slow.set = young != nil; f.slow.set {
		f.slow.timer.Reset(young.begun.Add(f.slow.after).Sub(now))
	}
	if slow == nil || f.deaf || !f.slow.asked.IsZero() && now.Sub(f.slow.asked) < slowPause {
		return "", 0
	}
	f.slow.asked = now
	return string(slow.callID), now.Sub(slow.begun)
}

// unseen returns the oldest slow stream that was not looked at, and the oldest that is not slow yet. f.mu is held.
func (f *Framed) unseen(now time.Time) (slow, young *stream) {
	seen := f.slow.seen
	for id, s := range f.streams {
		switch {
		case id <= f.slow.seen:
		case now.Sub(s.begun) < f.slow.after:
			young = older(young, s)
		default:
			slow = older(slow, s)
			seen = max(seen, id)
		}
	}
	f.slow.seen = seen
	return slow, young
}

// older is the older of two streams, of which the first may be nil.
func older(s, other *stream) *stream {
	if s == nil || other.id < s.id {
		return other
	}
	return s
}
