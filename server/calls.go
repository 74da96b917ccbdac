package server

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/tracing"
)

// call is one request in flight. It is the context of its exchange: to make one per request costs nothing.
type call struct {
	exchange.Exchange
	server     *Server
	start      time.Time
	method     string // for the metric: lower case, "unknown" when HTTP does not define it
	status     int
	unmeasured bool  // the answer has not told the length of its body
	untilClose bool  // so that it ends with the connection: the client knows no chunks
	sent       int64 // bytes of the answer's body
	logged     bool  // the log has a line for it, however it ends
	told       bool  // the log says already why it failed
	refused    string
	cause      string // a word for why the function's answer is missing, or the rest of it; "" where there is none
	cut        bool   // the answer broke off after it had begun
	trace      tracing.Trace
	checked    time.Duration // what Config.Guard took
	probe      bool          // /_/ready asks the function: neither limited nor counted
	free       bool          // it may last as long as it likes; calls.mu guards it
	body       responseBody
	upload     upload
	said       wishes // here, and not on the stacks of ten thousand connections
	small      []byte // a small request's body
	newID      [36]byte
	text       []byte // for numbers in headers

	mu    sync.Mutex // guards done, err and after
	done  chan struct{}
	err   error
	after []*func() // run when done is closed

	prev, next *call // of the list in calls, which guards these and the rest
	conn       net.Conn
	fd         int // watched; -1 when it is not
}

// Deadline is part of context.Context: there is none, the time limit counts from the moment a worker has the request.
func (c *call) Deadline() (time.Time, bool) { return time.Time{}, false }

// Value is part of context.Context.
func (c *call) Value(any) any { return nil }

// Done is part of context.Context: closed when the response is no longer wanted.
func (c *call) Done() <-chan struct{} { return c.done }

// Err is part of context.Context: exchange.ErrClientGone or exchange.ErrHostStops once Done is closed.
func (c *call) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

var _ context.Context = (*call)(nil)

// AfterFunc is what context.AfterFunc uses, so that it costs no goroutine for a call that is not cancelled: f runs in one of
// its own once Done is closed, unless stop was called before, which reports whether it was in time.
func (c *call) AfterFunc(f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		go f()
		return func() bool { return false }
	}
	c.after = append(c.after, &f)
	return func() bool { return c.forget(&f) }
}

// forget takes a function off those that run after the call, and reports whether it was there.
func (c *call) forget(f *func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.after, f)
	if i < 0 {
		return false
	}
	c.after = slices.Delete(c.after, i, i+1)
	return true
}

// asks notes whether there is a call on the connection.
func (c *call) asks(yes bool) {
	if conn, ok := c.conn.(*conn); ok {
		conn.asking.Store(yes)
	}
}

func (c *call) cancel(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
		close(c.done)
		for _, f := range c.after {
			go (*f)()
		}
		c.after = nil
	}
}

// calls is every request in flight, oldest first.
type calls struct {
	max     int
	longest time.Duration // a call may last; 0 is no limit
	epoll   int

	mu     sync.Mutex // guards all that follows
	n      int        // probes included
	probes int        // of them
	head   *call      // the oldest
	tail   *call
	young  *call         // the oldest that is not watched yet
	byFD   map[int]*call // those that are watched
	empty  vacancy       // of what is in flight
	unused []*call
	over   error // why every call is cancelled that still begins; nil while they may
}

func newCalls(maxInflight int, longest time.Duration) (*calls, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("watch for clients that leave: %w", err)
	}
	return &calls{max: maxInflight, longest: longest, epoll: epoll, byFD: map[int]*call{}}, nil
}

// keepCalls is how many calls are kept for later requests.
const keepCalls = 1024

// begin returns a call of s for a request on conn, or nil when there are too many in flight.
func (t *calls) begin(s *Server, conn net.Conn, now time.Time) *call {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.isFull() {
		return nil
	}
	return t.add(s, conn, now)
}

// beginProbe returns a call beyond the limit.
func (t *calls) beginProbe(s *Server, conn net.Conn) *call {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.add(s, conn, now)
	c.probe = true
	t.probes++
	return c
}

// full reports whether the next call would be refused.
func (t *calls) full() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.isFull()
}

// isFull is full. t.mu is held.
func (t *calls) isFull() bool { return t.max > 0 && t.n-t.probes >= t.max }

// add returns a call that is in the list. t.mu is held.
func (t *calls) add(s *Server, conn net.Conn, now time.Time) *call {
	c := t.new()
	c.server, c.start, c.conn = s, now, conn
	c.asks(true)
	c.sent, c.unmeasured, c.untilClose, c.logged, c.told = 0, false, false, false, false
	c.prev, c.next = t.tail, nil
	if t.tail != nil {
		t.tail.next = c
	} else {
		t.head = c
	}
	t.tail = c
	if t.young == nil {
		t.young = c
	}
	t.n++
	if t.over != nil {
		c.cancel(t.over)
	}
	return c
}

// new returns a call that was used before, or a fresh one. t.mu is held.
func (t *calls) new() *call {
	if n := len(t.unused); n > 0 {
		c := t.unused[n-1]
		t.unused = t.unused[:n-1]
		return c
	}
	return &call{done: make(chan struct{}), fd: -1}
}

// end takes the call out of the list, and its connection out of the watch.
func (t *calls) end(c *call) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.young == c {
		t.young = c.next
	}
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		t.head = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	} else {
		t.tail = c.prev
	}
	if c.fd >= 0 {
		delete(t.byFD, c.fd)
		_ = unix.EpollCtl(t.epoll, unix.EPOLL_CTL_DEL, c.fd, nil) // it may have been closed
		c.fd = -1
	}
	c.free = false
	c.asks(false)
	if c.probe {
		c.probe = false
		t.probes--
	}
	c.prev, c.next, c.conn = nil, nil, nil
	if t.n--; t.n == 0 {
		t.empty.tell()
	}
	if c.err == nil && len(t.unused) < keepCalls { // where its context has ended somebody may still come, late, and ask why
		t.unused = append(t.unused, c)
	}
}

// running is how many requests are in flight.
func (t *calls) running() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n
}

// idle returns a channel that is closed when nothing is in flight.
func (t *calls) idle() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.empty.await(t.n)
}

// vacancy tells whoever waits that nothing is left. Its owner's lock guards it.
type vacancy struct {
	told chan struct{} // closed then; nil while nobody asks
}

// await returns a channel that is closed when nothing is left of the n that there are.
func (v *vacancy) await(n int) <-chan struct{} {
	if v.told == nil {
		v.told = make(chan struct{})
	}
	told := v.told
	if n == 0 {
		v.tell()
	}
	return told
}

func (v *vacancy) tell() {
	if v.told != nil {
		close(v.told)
		v.told = nil
	}
}

// wait returns when nothing is in flight.
func (t *calls) wait() { <-t.idle() }

// cancelAll ends the context of every call, and of those to come, and returns how many there were.
func (t *calls) cancelAll(err error) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = err
	for c := t.head; c != nil; c = c.next {
		c.cancel(err)
	}
	return t.n
}
