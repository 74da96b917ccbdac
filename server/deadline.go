package server

import (
	"errors"
	"sync"
	"time"
)

// deadline is when a connection's reads, or its writes, fail. Fasthttp sets one anew at every turn of every request, nearly
// the same each time, and to tell the poller of it is dear: with short requests it was a twentieth of all processor time.
// So a time limit runs out up to a lateness too late, never too early, and a deadline between the two needs no telling. Not
// so where the limit is for a whole answer: none may leave after it.
type deadline struct {
	mu    sync.Mutex // guards the fields below; held while the poller is told, so that they are what it knows
	least time.Time  // the deadline that was asked for
	most  time.Time  // the one that is in force
	over  bool       // it has passed for good
}

// lateness is by which part of it a time limit may run out late.
const lateness = 64

// set makes by the deadline, or lets the one in force do unless it is to be exact. tell is the socket's method. A time that is
// zero, which is none, or past is taken as it is.
func (d *deadline) set(by time.Time, exact bool, tell func(time.Time) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over {
		return nil
	}
	if !by.IsZero() && !by.Before(d.least) && !by.After(d.most) {
		return nil
	}
	d.least, d.most = by, by
	if left := time.Until(by); left > 0 && !exact {
		d.most = by.Add(left / lateness)
	}
	return tell(d.most)
}

// pass makes the deadline pass now, whatever is set later. On a closed connection there is nothing to be done.
func (d *deadline) pass(tell func(time.Time) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.over = true
	_ = tell(past)
}

// past is a deadline that has passed.
var past = time.Unix(1, 0)

// SetDeadline is part of net.Conn.
func (c *conn) SetDeadline(by time.Time) error {
	return errors.Join(c.SetReadDeadline(by), c.SetWriteDeadline(by))
}

// SetReadDeadline is part of net.Conn.
func (c *conn) SetReadDeadline(by time.Time) error {
	return c.readBy.set(by, c.exact, c.TCPConn.SetReadDeadline)
}

// SetWriteDeadline is part of net.Conn.
func (c *conn) SetWriteDeadline(by time.Time) error {
	return c.writeBy.set(by, c.exact, c.TCPConn.SetWriteDeadline)
}
