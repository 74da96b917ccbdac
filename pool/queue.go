package pool

import (
	"sync"
	"time"

	"fwatchdog/internal/exchange"
)

// waiter is a request that stands in line. Pool.mu guards it until it has been told.
type waiter struct {
	prev, next *waiter
	x          *exchange.Exchange
	told       chan struct{} // of capacity 1: slot or err is set
	slot       *slot         // a place of it was lent to this waiter
	err        error         // or this is why not
	timer      *time.Timer   // of the queue timeout; one for the waiter's whole life
}

var waiters = sync.Pool{New: func() any {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return &waiter{told: make(chan struct{}, 1), timer: timer}
}}

// line is the requests that wait, first come first served. Joining and leaving at any point cost O(1).
type line struct {
	head, tail *waiter
	len        int
}

func (l *line) push(w *waiter) {
	w.prev, w.next = l.tail, nil
	if l.tail != nil {
		l.tail.next = w
	} else {
		l.head = w
	}
	l.tail = w
	l.len++
}

func (l *line) remove(w *waiter) {
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		l.head = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		l.tail = w.prev
	}
	w.prev, w.next = nil, nil
	l.len--
}
