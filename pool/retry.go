package pool

import (
	"context"
	"errors"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/life"
)

// Retry says which requests are given to another worker when theirs has failed. Never to a third one, and never with a
// streamed upload, of which a part may be gone.
type Retry string

// The choices. The empty one is RetryUnsent.
const (
	RetryUnsent     Retry = "unsent"     // those that no function has begun with
	RetryIdempotent Retry = "idempotent" // also those that change nothing the second time, before the response began
	RetryOff        Retry = "off"        // none
)

// allows reports whether x, which failed so, may be given to another worker. lost says that its worker is.
func (r Retry) allows(x *exchange.Exchange, failed error, lost bool) bool {
	switch {
	case r == RetryOff || x.Request.Stream != nil:
		return false
	case r == RetryIdempotent && lost && x.Response.Status == 0 && idempotent(x.Request.Method):
		return true
	}
	return exchange.MayRetry(failed)
}

// idempotent reports whether HTTP says that a request with this method does no more when it is made twice.
func idempotent(method []byte) bool {
	switch string(method) {
	case "GET", "HEAD", "OPTIONS", "PUT", "DELETE":
		return true
	}
	return false
}

// retry gives x, with which s's worker has failed, to another worker where that is allowed. Whoever lost its worker
// stands in line again; whom a live worker has refused gets a place that is free now, or none.
func (p *Pool) retry(ctx context.Context, x *exchange.Exchange, s *slot, failed error) error {
	lost := errors.As(failed, new(*exchange.LostError))
	if lost {
		p.distrust(s, x.Worker.Serial)
	}
	if ctx.Err() != nil || !p.cfg.Retry.allows(x, failed, lost) {
		return failed
	}
	again := s
	if lost {
		var refused error
		if again, refused = p.lend(ctx, x); refused != nil && exchange.MayRetry(failed) {
			return refused
		}
	} else {
		again = p.takeElsewhere(x, s)
	}
	if again == nil {
		return failed // where a function may have begun, a refusal must not say that none has
	}
	p.retries.Add(1)
	return again.worker.Do(ctx, x, again.over)
}

// distrust gives nothing more to the worker with this serial: it has gone, though its end is not yet known here.
func (p *Pool) distrust(s *slot, serial uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.id.Serial == serial && s.state == Ready {
		p.drain(s, life.Crash)
	}
}
