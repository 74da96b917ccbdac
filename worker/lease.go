package worker

import (
	"context"

	"fwatchdog/internal/exchange"
)

// lease is a place that the pool has lent for an exchange.
type lease struct {
	u          *Upstream
	ctx        context.Context
	x          *exchange.Exchange
	prev, next *lease
	over       func()
	ended      bool // over was called
}

// begin notes an exchange, unless the worker is to go or has gone.
func (u *Upstream) begin(ctx context.Context, x *exchange.Exchange, over func()) *lease {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.leaving {
		return nil
	}
	l := &lease{u: u, ctx: ctx, x: x, over: over, next: u.first}
	if l.next != nil {
		l.next.prev = l
	}
	u.first = l
	u.n++
	return l
}

// end gives the place of an exchange back, once.
func (u *Upstream) end(l *lease) {
	if u.remove(l) {
		l.over()
	}
}

func (u *Upstream) remove(l *lease) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if l.ended {
		return false
	}
	l.ended = true
	u.n--
	if l.prev != nil {
		l.prev.next = l.next
	} else {
		u.first = l.next
	}
	if l.next != nil {
		l.next.prev = l.prev
	}
	if u.leaving {
		signal(u.changed)
	}
	return true
}

// lost gives back every place of a worker that has gone. What was in flight learns it by its broken connection.
func (u *Upstream) lost() {
	u.refuse()
	u.client.Close()
	for l := u.any(); l != nil; l = u.any() {
		u.end(l)
	}
}

func (u *Upstream) refuse() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.leaving = true
	signal(u.changed)
}

func (u *Upstream) any() *lease {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.first
}

// wanted is how many exchanges somebody waits for.
func (u *Upstream) wanted() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.n - u.client.Late()
}
