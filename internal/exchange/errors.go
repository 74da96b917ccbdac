package exchange

import (
	"context"
	"errors"
	"fmt"
)

// Errors of an exchange that carry no more than their kind.
var (
	// ErrDeadline says that Request.Timeout has passed; the function was told to stop.
	ErrDeadline = errors.New("the function did not answer within its time limit")
	// ErrHeadTooLarge says that method, target and headers do not fit one frame. No worker saw the request.
	ErrHeadTooLarge = errors.New("the request's headers are too large for a function")
	// ErrBody says that the client's body could not be read to its end.
	ErrBody = errors.New("the request's body could not be read")
)

// Why an exchange is no longer wanted: what the Err of a context given to Do is, wrapping context.Canceled.
var (
	// ErrClientGone says that the client has closed its connection.
	ErrClientGone = fmt.Errorf("the client has gone: %w", context.Canceled)
	// ErrHostStops says that the watchdog ends and waits no longer.
	ErrHostStops = fmt.Errorf("the watchdog stops: %w", context.Canceled)
)

// Cause is what a client is told about a response that got lost with its worker: the value of X-Fwatchdog-Reason.
type Cause string

// The causes, a fixed list.
const (
	CauseCrash     Cause = "crash"
	CauseMemory    Cause = "memory"
	CauseProtocol  Cause = "protocol"
	CauseTimeout   Cause = "timeout"
	CauseCancelled Cause = "cancelled"
)

// LostError says that the worker went, or broke the protocol, before the response was over.
type LostError struct {
	Cause Cause
	// Unseen says that the worker had not read a byte of the request: it may be given to another one.
	Unseen bool
}

// Error says what happened to the worker.
func (e *LostError) Error() string {
	if e.Unseen {
		return fmt.Sprintf("the worker was lost before it read the request (%s)", e.Cause)
	}
	return fmt.Sprintf("the worker was lost while it had the request (%s)", e.Cause)
}

// Refusal is what a worker answered in place of a response.
type Refusal int

// The refusals.
const (
	// Raised: the handler raised an error.
	Raised Refusal = iota + 1
	// NotStarted: the worker did not begin with the request; another may.
	NotStarted
	// BadRequest: the SDK could not make a request of what the client sent.
	BadRequest
	// Cancelled: the handler gave up although nobody had asked it to.
	Cancelled
	// Broken: the SDK says that the host broke the protocol.
	Broken
)

// RefusedError is a worker's ERROR.
type RefusedError struct {
	Refusal Refusal
	// Text is what the worker said: the first line is the message, the rest a stack.
	Text string
}

// Error returns the worker's text.
func (e *RefusedError) Error() string { return "the function failed: " + e.Text }

// MayRetry reports whether err, an error of Do, says that no function has begun with the request.
func MayRetry(err error) bool {
	var lost *LostError
	if errors.As(err, &lost) {
		return lost.Unseen
	}
	var refused *RefusedError
	return errors.As(err, &refused) && refused.Refusal == NotStarted
}
