package worker

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/life"
	"fwatchdog/internal/process"
	"fwatchdog/protocol"
)

// Leave sends GOAWAY, closes stdin after the last stream, and kills the process when ctx ends before it has gone. It
// returns once the worker is Done.
func (f *Framed) Leave(ctx context.Context, why life.Reason) {
	f.goAway(why)
	select {
	case <-f.done:
		return
	case <-ctx.Done():
	}
	f.lastStacks(why)
	f.condemn(why)
	<-f.done
}

func (f *Framed) goAway(why life.Reason) {
	f.mu.Lock()
	f.blame(why)
	f.leaving = true
	f.pending = protocol.AppendGoAway(f.pending, string(why))
	f.unlockAndFlush()
}

// condemn kills the worker because of why, unless another reason came first. What it has in flight is lost.
func (f *Framed) condemn(why life.Reason) {
	f.mu.Lock()
	f.blame(why)
	f.deaf = true
	f.mu.Unlock()
	f.proc.Kill()
}

// blame records why the worker goes. The first reason stays, but one for which it is lost is graver than one for which
// it was sent. A crash is not one before the process has ended and told more. f.mu is held.
func (f *Framed) blame(why life.Reason) {
	if graver := graver(f.why, why); graver != f.why { // of a dead worker it is read without the lock
		f.why = graver
	}
}

// graver is why a worker goes for which there was a reason before.
func graver(before, why life.Reason) life.Reason {
	if why != life.Crash && (before == "" || before.Planned() && !why.Planned()) {
		return why
	}
	return before
}

// violated kills a worker with which there is no talking any more, and keeps err for those who ask why.
func (f *Framed) violated(err error) {
	f.counts.ProtocolErrors.Add(1)
	f.said.blame(err)
	f.talk.fail(err)
	f.condemn(life.Protocol)
}

// patience is how long a worker may live without a pipe.
const patience = 100 * time.Millisecond

// reap waits for the end of the process and puts everything in order, step by step as internal/process demands. It is
// the worker's last goroutine: it waits for the others.
func (f *Framed) reap() {
	f.awaitEnd() // a zombie still: its pid and its group are nobody else's
	f.pid.Store(0)
	f.deafen()
	f.watchSlowNoMore()
	f.wishes.ask(life.Crash)
	f.proc.Kill() // what is left of its group
	seen := f.stopWriting()
	readOut(f.proc, &f.readers)
	exit := f.proc.Reap()
	f.proc.Close()
	f.failAll(f.explain(exit), seen)
	f.talk.fail(&endedError{exit: exit})
	f.flood.tell(f.log)
	if f.talk.isReady { // else StartError tells
		more := []zap.Field{zap.Uint32("requests", f.served()), age(f.started)}
		if text := f.stacks.end(); text != "" {
			more = append(more, zap.String("stacks", text))
		}
		logEnd(f.log, zap.InfoLevel, zap.WarnLevel, &f.said, f.why, exit, more...)
	}
	close(f.done)
}

// served is how many requests the worker has got.
func (f *Framed) served() uint32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stream
}

// awaitEnd waits for the end of the process. To close a pipe is how most end; one that lives on without is of no use,
// unless it is about to go anyway.
func (f *Framed) awaitEnd() {
	select {
	case <-f.proc.Ended():
		return
	case err := <-f.severed:
		select {
		case <-f.proc.Ended():
			return
		case <-time.After(patience):
		}
		if !f.going() {
			f.violated(err)
		}
	}
	<-f.proc.Ended()
}

// going reports whether the worker was asked to go and has nothing left to do.
func (f *Framed) going() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.leaving && len(f.streams) == 0
}

func (f *Framed) deafen() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.deaf = true
}

// stopWriting ends the writing to a dead worker and returns how many bytes it has read in its life.
func (f *Framed) stopWriting() (seen uint64) {
	_ = f.proc.Stdin.SetWriteDeadline(time.Unix(1, 0)) // it fails when stdin is closed: nobody writes then
	f.writers.Wait()
	return f.stdin.taken - f.stdin.unread()
}

// readOut lets the readers of a dead process come to the end of its pipes.
func readOut(proc *process.Process, readers *sync.WaitGroup) {
	proc.EndReading()
	readers.Wait()
}

// explain settles why the worker has gone and returns it.
func (f *Framed) explain(exit process.Exit) life.Reason {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.why == "" {
		f.why = reasonOf(exit)
	}
	return f.why
}

// reasonOf is why a worker ended that nobody had sent away.
func reasonOf(exit process.Exit) life.Reason {
	if exit.Status() == 0 {
		return life.Exit
	}
	return life.Crash
}

// failAll tells every exchange that the worker has gone, of which it has read the first seen bytes.
func (f *Framed) failAll(why life.Reason, seen uint64) {
	f.mu.Lock()
	lost := make([]*stream, 0, len(f.streams))
	for _, s := range f.streams {
		lost = append(lost, s)
	}
	f.mu.Unlock()
	for _, s := range lost {
		s.finish(&exchange.LostError{Cause: causeOf(why), Unseen: s.start >= seen})
	}
}

// causeOf is what clients are told whose response was lost because the worker left for this reason.
func causeOf(why life.Reason) exchange.Cause {
	switch why {
	case life.MemoryHard, life.MemorySoft:
		return exchange.CauseMemory
	case life.Protocol:
		return exchange.CauseProtocol
	case life.Timeout, life.Heartbeat:
		return exchange.CauseTimeout
	}
	return exchange.CauseCrash
}
