package server

import (
	"context"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"fwatchdog/internal/exchange"
)

// call is one request in flight. It is the context of its exchange: to make one per request costs nothing.
type call struct {
	exchange.Exchange
	server  *Server
	start   time.Time
	method  string // for the metric: lower case, "unknown" when HTTP does not define it
	status  int
	refused string
	body    responseBody
	upload  upload
	small   []byte // a small request's body
	newID   [36]byte
	text    []byte // for numbers in headers

	mu   sync.Mutex // guards done and err
	done chan struct{}
	err  error

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

func (c *call) cancel(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
		close(c.done)
	}
}

// calls is every request in flight, oldest first.
type calls struct {
	max   int
	epoll int

	mu     sync.Mutex // guards all that follows
	n      int
	head   *call // the oldest
	tail   *call
	young  *call         // the oldest that is not watched yet
	byFD   map[int]*call // those that are watched
	empty  chan struct{} // closed when nothing is in flight; nil while nobody asks
	unused []*call
}

func newCalls(maxInflight int) (*calls, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("watch for clients that leave: %w", err)
	}
	return &calls{max: maxInflight, epoll: epoll, byFD: map[int]*call{}}, nil
}

// keepCalls is how many calls are kept for later requests.
const keepCalls = 1024

// begin returns a call of s for a request on conn, or nil when there are too many in flight.
func (t *calls) begin(s *Server, conn net.Conn) *call {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.max > 0 && t.n >= t.max {
		return nil
	}
	c := t.new()
	c.server, c.start, c.conn = s, now, conn
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
	c.prev, c.next, c.conn = nil, nil, nil
	if t.n--; t.n == 0 && t.empty != nil {
		close(t.empty)
		t.empty = nil
	}
	if c.err != nil { // nobody else holds it any more: its context has ended, the next needs another
		c.done, c.err = make(chan struct{}), nil
	}
	if len(t.unused) < keepCalls {
		t.unused = append(t.unused, c)
	}
}

// idle returns a channel that is closed when nothing is in flight.
func (t *calls) idle() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n == 0 {
		closed := make(chan struct{})
		close(closed)
		return closed
	}
	if t.empty == nil {
		t.empty = make(chan struct{})
	}
	return t.empty
}

// wait returns when nothing is in flight.
func (t *calls) wait() { <-t.idle() }

// cancelAll ends the context of every call and returns how many there were.
func (t *calls) cancelAll(err error) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := t.head; c != nil; c = c.next {
		c.cancel(err)
	}
	return t.n
}

// watchEvery is how often young calls are looked through, and at which age the connection of one is watched.
const watchEvery = 100 * time.Millisecond

// watch cancels the calls of clients that have closed their connection. Fasthttp does not tell, and a read would take
// bytes that are its own, so the kernel is asked: only for calls that last. It returns when stop is closed.
func (t *calls) watch(stop <-chan struct{}) {
	defer unix.Close(t.epoll)
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var events [128]unix.EpollEvent
	for {
		select {
		case <-stop:
			return
		case now := <-tick.C:
			t.watchOld(now)
			n, _ := unix.EpollWait(t.epoll, events[:], 0) // an interrupted wait is repeated by the next tick
			for _, event := range events[:max(n, 0)] {
				t.clientLeft(int(event.Fd))
			}
		}
	}
}

// watchOld begins to watch the calls that have become old.
func (t *calls) watchOld(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := t.young; c != nil && now.Sub(c.start) >= watchEvery; c = c.next {
		t.young = c.next
		t.watchConn(c)
	}
}

// watchConn asks the kernel to tell when the client of c closes. t.mu is held.
func (t *calls) watchConn(c *call) {
	sc, ok := c.conn.(syscall.Conn)
	if !ok {
		return // not a socket: a test's
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return // closed already: the answer will find out
	}
	_ = raw.Control(func(fd uintptr) {
		event := unix.EpollEvent{Events: unix.EPOLLRDHUP | unix.EPOLLONESHOT, Fd: int32(fd)}
		if unix.EpollCtl(t.epoll, unix.EPOLL_CTL_ADD, int(fd), &event) == nil {
			c.fd = int(fd)
			t.byFD[c.fd] = c
		}
	})
}

func (t *calls) clientLeft(fd int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.byFD[fd]; c != nil {
		c.cancel(exchange.ErrClientGone)
	}
}
