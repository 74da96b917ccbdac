package pool

import (
	"context"
	"errors"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/life"
)

// retry gives x, with which s's worker has failed, to another worker where that is allowed, and never to a third.
// Whoever lost its worker stands in line again; whom a live worker has refused gets a place that is free now, or none.
func (p *Pool) retry(ctx context.Context, x *exchange.Exchange, s *slot, failed error) error {
	lost := errors.As(failed, new(*exchange.LostError))
	if lost {
		p.distrust(s, x.Worker.Serial)
	}
	if !exchange.MayRetry(failed) || x.Request.Stream != nil || ctx.Err() != nil {
		return failed
	}
	again := s
	if lost {
		var err error
		if again, err = p.lend(ctx, x); err != nil {
			return err
		}
	} else if again = p.takeElsewhere(x, s); again == nil {
		return failed
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
