package fwatchdog

import (
	"sync"
	"time"
)

// To hand a request to another goroutine makes Go wake a second thread, which takes longer than many a handler. So requests
// that come one after the other, each soon after the one before, are answered by the goroutine that reads them. Should one
// take long after all, the pipe is given to another goroutine: after two looks, and when it computes once Go's monitor finds that
// a timer is overdue, which it looks for each ten milliseconds.
const (
	inARow    = 100                    // requests that must have come alone before the reader answers one
	soonAfter = 250 * time.Microsecond // after the one before, answer included
	lookAfter = time.Millisecond
)

// alone tells which requests the reader answers itself, and whether it is still the reader when it has.
type alone struct {
	// The reader's.
	streak int       // requests in a row that came alone and soon
	last   time.Time // when the last one came that was alone

	mu        sync.Mutex // guards what follows
	answering bool       // the reader runs a handler
	begun     uint64     // how many it has run
	seen      uint64     // how many it had at the last look
	clock     *time.Timer
	ticking   bool // there will be another look
}

// next takes note of a request that came alone, and reports whether the reader is to answer it.
func (a *alone) next(came time.Time) bool {
	soon := came.Sub(a.last) < soonAfter
	a.last = came
	if !soon {
		a.streak = 0
		return false
	}
	a.streak++
	return a.streak > inARow
}

// notAlone takes note of a request that did not come alone.
func (a *alone) notAlone() { a.streak = 0 }

// begin notes that the reader runs a handler, and sees to it that somebody looks whether it comes back.
func (a *alone) begin(look func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answering = true
	a.begun++
	switch {
	case a.clock == nil:
		a.clock = time.AfterFunc(lookAfter, look)
	case !a.ticking:
		a.clock.Reset(lookAfter)
	}
	a.ticking = true
}

// end notes that the handler is done, and reports whether its goroutine still is the reader.
func (a *alone) end() (reading bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	reading = a.answering
	a.answering = false
	return reading
}

// late reports whether the reader has been in the same handler since the last look: then it is the reader no longer. It looks
// again later where the reader has run any.
func (a *alone) late() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	late := a.answering && a.begun == a.seen
	if late {
		a.answering = false
	}
	a.ticking = a.begun != a.seen
	if a.ticking {
		a.clock.Reset(lookAfter)
	}
	a.seen = a.begun
	return late
}

// relieve reads on in place of a reader that does not come back from a handler.
func (w *worker) relieve() {
	if w.alone.late() {
		w.read()
	}
}

// answerHere runs the handler of w.own on the reader's goroutine, and reports whether that is the reader still.
func (w *worker) answerHere() (reading bool) {
	s := w.own
	w.own = nil
	w.alone.begin(w.relieve)
	left := true // stays when the handler ends its goroutine
	defer func() {
		if reading = w.alone.end(); reading && left {
			go w.read()
		}
	}()
	s.answer(w.handler)
	left = false
	return reading
}
