package worker

import (
	"errors"
	"sync/atomic"
	"time"

	"fwatchdog/internal/bounds"
	"fwatchdog/internal/exchange"
	"fwatchdog/internal/process"
	"fwatchdog/protocol"
)

// Config says how workers are started and how long they are waited for.
type Config struct {
	// Command is the program, its arguments and its environment, to which the protocol's variables are added.
	// Command.FD3 says that the worker writes its frames on fd 3.
	Command process.Command
	// Concurrency is the most streams at once that the operator wants; 0 leaves it to the worker.
	Concurrency int
	// HelloTimeout is the longest from the start of the process to HELLO, StartTimeout from there to READY.
	HelloTimeout, StartTimeout time.Duration
	// CancelGrace is how long a stream may take to end once it was cancelled.
	CancelGrace time.Duration
	// SlowAfter is how long a request may take before the log has the stacks of its worker, where the worker's language can
	// show them; 0 is as long as it likes.
	SlowAfter time.Duration
	// LineLimit is the longest log line, in bytes; what is longer becomes several. 0 is no limit.
	LineLimit int
	// LineRate is how many lines a second of one worker the log takes; the others are counted. 0 is no limit.
	LineRate int
	// Stopping says that the watchdog is to end: a process that speaks no protocol and ends then is no cause for alarm. nil
	// is never.
	Stopping *atomic.Bool
	// Counts is where all workers of a pool count; it must be set.
	Counts *Counts
}

// Counts are events of all workers of a pool, dead ones included.
type Counts struct {
	// Cancelled counts requests that a worker was told to stop, by protocol.CancelReason: CANCELs, or connections that were
	// closed before the response was whole.
	Cancelled [4]atomic.Uint64
	// LateResponses counts terminal frames that came after a CANCEL, ProtocolErrors violations, StrayBytes text where
	// frames should be.
	LateResponses, ProtocolErrors, StrayBytes atomic.Uint64
	// LinesDropped counts lines of functions that the log did not take because there were too many.
	LinesDropped atomic.Uint64
}

// gaveUp counts an exchange that has ended so, if that is because its worker was told to stop.
func (c *Counts) gaveUp(err error) {
	switch {
	case errors.Is(err, exchange.ErrDeadline):
		c.Cancelled[protocol.CancelDeadline].Add(1)
	case errors.Is(err, exchange.ErrClientGone):
		c.Cancelled[protocol.CancelClientGone].Add(1)
	case errors.Is(err, exchange.ErrHostStops):
		c.Cancelled[protocol.CancelHostStops].Add(1)
	}
}

// Validate reports every field that is out of range.
func (c Config) Validate() error {
	var check bounds.Check
	bad := check.Bad
	bad(c.Concurrency < 0, "worker_concurrency", c.Concurrency, "0, which is what the worker says, or more")
	bad(c.HelloTimeout <= 0, "hello_timeout", c.HelloTimeout, "more than 0")
	bad(c.StartTimeout <= 0, "start_timeout", c.StartTimeout, "more than 0")
	bad(c.CancelGrace < 0, "cancel_grace", c.CancelGrace, "0 or more")
	bad(c.LineRate < 0, "log_rate", c.LineRate, "0, which is no limit, or more")
	bad(c.LineLimit < 0, "log_buffer_size", c.LineLimit, "0, which is no limit, or more")
	return check.Err()
}
