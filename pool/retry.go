package pool

import (
	"context"
	"errors"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/life"
)

// Retry says which requests are given to another worker when theirs has failed. One of which no worker has read a byte goes
// on until one has, or until it has waited for as long as a request may: its function sees it once. Any other gets one more
// try. A streamed upload gets none: a part of it may be gone.
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
	case r == RetryIdempotent && lost && x.Response.Status == 0 && x.Request.Idempotent():
		return true
	}
	return exchange.MayRetry(failed)
}

// isUnseen reports whether a request was lost with a worker that had not read a byte of it.
func isUnseen(failed error) bool {
	lost := new(exchange.LostError)
	return errors.As(failed, &lost) && lost.Unseen
}

// another has x, with which the worker of l has failed, begun elsewhere, or returns why it is not. spent says that x has had
// its second try. Whoever lost its worker stands in line again; whom a live worker has refused gets a place that is free now,
// or none.
func (p *Pool) another(ctx context.Context, x *exchange.Exchange, l lent, failed error, spent bool) (lent, error) {
	unseen, lost := isUnseen(failed), errors.As(failed, new(*exchange.LostError))
	if lost {
		p.distrust(l.slot, x.Worker.Serial)
	}
	if l.failed != nil {
		l.slot.over() // not before: the first in line must not be lent a place of a worker that has gone
		if !spent && errors.Is(failed, exchange.ErrHostStops) {
			return lent{}, ErrDraining // no worker got it, so it may come again
		}
	}
	if ctx.Err() != nil || spent && !unseen || !p.cfg.Retry.allows(x, failed, lost) {
		return lent{}, failed
	}
	var again lent
	var refused error
	if lost {
		again, refused = p.lend(ctx, x)
	} else if elsewhere := p.takeElsewhere(x, l.slot); elsewhere != nil {
		again = begin(ctx, x, elsewhere)
	}
	switch {
	case again.slot != nil:
		if again.failed == nil {
			p.retries.Add(1)
		}
		return again, nil
	case unseen && !spent:
		return lent{}, refused
	}
	return lent{}, failed // where a function may have begun, a refusal must not say that none has
}

// distrust gives nothing more to the worker with this serial: it has gone, though its end is not yet known here.
func (p *Pool) distrust(s *slot, serial uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.id.Serial == serial && s.state == Ready {
		p.drain(s, life.Crash)
	}
}
