// Package life holds the few words that pool, worker and supervisor say to one another about a worker: which one it is,
// how it does, and why it left. It decides nothing.
package life

import "time"

// Reason is why a worker left. It is a label beside a state, in logs and metrics; never a state.
type Reason string

// The reasons, a fixed list: they are the values of a metric's label.
const (
	MaxRequests Reason = "max_requests" // it has served as many requests as one worker may
	MaxAge      Reason = "max_age"      // it has lived as long as one worker may
	Idle        Reason = "idle"         // an elastic pool shrank
	MemorySoft  Reason = "memory_soft"  // over the soft memory limit: replaced, then drained
	MemoryHard  Reason = "memory_hard"  // over the hard memory limit: killed
	Timeout     Reason = "timeout"      // a cancelled request did not end within its grace
	Heartbeat   Reason = "heartbeat"    // it did not answer PING
	Crash       Reason = "crash"        // it ended by itself with a signal or an exit code other than 0
	Exit        Reason = "exit"         // it ended by itself with exit code 0
	Protocol    Reason = "protocol"     // it broke the protocol
	GoAway      Reason = "goaway"       // it asked to be replaced
	Reload      Reason = "reload"       // a new generation took over
	Resize      Reason = "resize"       // the pool was made smaller
	StartFailed Reason = "start_failed" // it never became READY
	Stop        Reason = "stop"         // the watchdog stops
)

// Reasons is every Reason there is.
var Reasons = []Reason{MaxRequests, MaxAge, Idle, MemorySoft, MemoryHard, Timeout, Heartbeat, Crash, Exit, Protocol,
	GoAway, Reload, Resize, StartFailed, Stop}

// ID names a worker.
type ID struct {
	// Slot is the numbered place in the pool, from 0; the worker's successor may have the same one.
	Slot int
	// Serial is the worker's own number, from 1, never used again.
	Serial uint64
	// Generation counts reloads, from 1.
	Generation int
}

// Vitals is what can be told about a live worker at one moment.
type Vitals struct {
	// Pid is the process; 0 when there is none (any more).
	Pid int
	// Pings and Pongs are the number of the last PING that was sent and of the last one that was answered, and PingTook
	// how long that took.
	Pings, Pongs uint64
	PingTook     time.Duration
	// Boot is the time from the start of the process to READY.
	Boot time.Duration
	// PingBusy says that the worker answers PING while its handlers run.
	PingBusy bool
}

// Usage is what a worker and the processes that it started were measured to take.
type Usage struct {
	// Memory is in bytes.
	Memory int64
	// CPU is the part of one processor, 1 is all of it, between the last two measurements; 0 after the first.
	CPU float64
}

// Planned reports whether a worker that left for this reason was sent, and not lost.
func (r Reason) Planned() bool {
	switch r {
	case MaxRequests, MaxAge, Idle, MemorySoft, GoAway, Reload, Resize, Stop:
		return true
	}
	return false
}
