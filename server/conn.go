package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

// Fasthttp reads a request's head into one buffer for each connection and refuses what does not fit. Ten thousand
// connections must not cost ten thousand of the largest heads, so the buffers are small, and a connection whose head
// outgrows its buffer is moved to a second fasthttp server with large ones, bytes and all. It stays there.
const (
	smallHead = 4 << 10
	// largeHead holds the largest head that a worker can get in one frame, and a little more: what does not fit here
	// would not fit there either.
	largeHead = 68 << 10
)

// conn is a client's connection that remembers what fasthttp has in its buffer and has not understood yet.
type conn struct {
	*net.TCPConn
	all    *conns
	moveTo func(*conn) // serves the connection with larger buffers; nil where they are large
	exact  bool        // no time limit runs out late
	since  time.Time   // when it was accepted

	head     []byte // what was read last, as much as the buffer holds
	again    []byte // what is to be read once more before the connection
	readBy   deadline
	writeBy  deadline
	asking   atomic.Bool          // there is a call on it
	outgrown atomic.Bool          // the head does not fit: what fasthttp writes now is its refusal
	unread   atomic.Bool          // the last request was answered before all of its body was read
	heir     atomic.Pointer[heir] // the call that is to take the connection over
}

// lingering is how long a client may go on sending a body that was answered already. To close at once would reset the
// connection, and the reset may overtake the answer.
const lingering = time.Second

// Read is part of net.Conn. A reader with an empty buffer asks for all of it; one that asks for less has the rest of it
// full of a head that goes on.
func (c *conn) Read(p []byte) (int, error) {
	if len(c.again) > 0 {
		n := copy(p, c.again)
		c.again = c.again[n:]
		return n, nil
	}
	n, err := c.TCPConn.Read(p)
	if n > 0 && c.moveTo != nil && len(p) <= smallHead {
		kept := min(smallHead-len(p), len(c.head))
		c.head = append(c.head[:0], c.head[len(c.head)-kept:]...)
		c.head = append(c.head, p[:n]...)
	}
	return n, err
}

// outgrow reports whether the connection can be moved, and makes it go when fasthttp closes it.
func (c *conn) outgrow() bool {
	if c.moveTo == nil {
		return false
	}
	c.unread.Store(false) // the last request's body has come since: this head stands behind it
	c.outgrown.Store(true)
	return true
}

// endOfHead stands behind the head of a request.
var endOfHead = []byte("\r\n\r\n")

// lastHead returns the head of the request of which nothing but the head has come; nil where there is none.
func (c *conn) lastHead() []byte {
	head, whole := bytes.CutSuffix(c.head, endOfHead)
	if !whole {
		return nil
	}
	if before := bytes.LastIndex(head, endOfHead); before >= 0 {
		return c.head[before+len(endOfHead):]
	}
	return c.head
}

// Write is part of net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	if c.outgrown.Load() {
		return len(p), nil
	}
	return c.TCPConn.Write(p)
}

// Close is part of net.Conn. Fasthttp may call it from two goroutines.
func (c *conn) Close() error {
	if h := c.heir.Swap(nil); h != nil {
		h.end()
	}
	if c.unread.Swap(false) {
		_ = c.TCPConn.CloseWrite() // whoever has gone already finds out with the next call
		_ = c.TCPConn.SetReadDeadline(time.Now().Add(lingering))
		_, _ = io.Copy(io.Discard, c.TCPConn)
	}
	c.all.remove(c)
	if !c.outgrown.Swap(false) { // a second Close is one
		return c.TCPConn.Close()
	}
	c.moveTo(&conn{TCPConn: c.TCPConn, all: c.all, exact: c.exact, since: c.since, again: c.head})
	return nil
}

// Listen returns a listener on a TCP address, as net.Listen takes it, that loses no connection when Shutdown closes it. A
// client of Multipath TCP, which Go's listeners speak otherwise, is served over one path: such a socket takes no filter.
func Listen(address string) (net.Listener, error) {
	var cfg net.ListenConfig
	cfg.SetMultipathTCP(false)
	return cfg.Listen(context.Background(), "tcp", address)
}

// listener wraps what it accepts.
type listener struct {
	net.Listener
	all    *conns
	begun  func() // told of each Accept
	moveTo func(*conn)
	exact  bool
	log    *zap.Logger
}

// acceptFirst and acceptLast are the pauses before another try to accept a connection for which the system has nothing left.
const (
	acceptFirst = 5 * time.Millisecond
	acceptLast  = 500 * time.Millisecond
)

// isShort reports whether the system has had too little of something, which others will give back: descriptors, as a rule.
func isShort(err error) bool {
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.ENOMEM)
}

// Accept is part of net.Listener.
func (l listener) Accept() (net.Conn, error) {
	l.begun()
	c, err := l.Listener.Accept()
	for pause := acceptFirst; isShort(err); pause = min(2*pause, acceptLast) { // fasthttp would end for it
		if pause == acceptFirst {
			l.log.Warn("no connection can be accepted for the moment", zap.Error(err))
		}
		time.Sleep(pause)
		c, err = l.Listener.Accept()
	}
	if err != nil {
		return nil, err
	}
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return c, nil // another kind of listener: its heads must fit the small buffer
	}
	accepted := &conn{TCPConn: tcp, all: l.all, moveTo: l.moveTo, exact: l.exact, since: time.Now()}
	l.all.add(accepted)
	return accepted, nil
}

// settling is how long a listener that is to be closed may take to accept what has come: as a rule a few milliseconds, and
// more only where somebody else has the processors.
const settling = 5 * time.Second

// noSYN is the classic BPF program of a socket that is to get no new connection: it drops the segments that have SYN set.
// The kernel shows it each segment from the TCP header on (socket(7), SO_ATTACH_FILTER).
var noSYN = [...]unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 13}, // the flags (RFC 9293, 3.1)
	{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: 0x02, Jf: 1},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	{Code: unix.BPF_RET | unix.BPF_K, K: 1<<32 - 1},
}

// settle waits until no connection stands in the kernel's queue: those that do when the listener is closed are reset,
// requests and all. So that none comes between the last look and the close, the kernel lets no new one begin: its client
// asks again a second later, and is refused.
func (l listener) settle() {
	socket, ok := l.Listener.(syscall.Conn)
	if !ok {
		return // a test's
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return // it is closed
	}
	_ = raw.Control(func(fd uintptr) { // where it cannot be had, a moment remains in which a connection may be reset
		_ = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: uint16(len(noSYN)), Filter: &noSYN[0]})
	})
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	// Two looks in a row: a handshake that had begun may end after the first.
	for end, empty := time.Now().Add(settling), 0; empty < 2 && time.Now().Before(end); {
		<-tick.C
		empty++
		if queued(raw) {
			empty = 0
		}
	}
}

// queued reports whether Accept would return at once.
func queued(raw syscall.RawConn) (yes bool) {
	_ = raw.Control(func(fd uintptr) { // it fails when the socket is closed: nothing is queued
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		yes = err == nil && n > 0
	})
	return yes
}

// conns is the connections that are open. Those that outgrew their buffers are served by a goroutine each.
type conns struct {
	moved sync.WaitGroup

	mu     sync.Mutex // guards the fields below
	open   map[*conn]struct{}
	empty  vacancy // of what is open
	closed bool    // none may read or write any more
}

// add keeps a connection until it is closed.
func (t *conns) add(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open == nil {
		t.open = map[*conn]struct{}{}
	}
	t.open[c] = struct{}{}
	if t.closed {
		c.stop()
	}
}

func (t *conns) remove(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.open, c)
	if len(t.open) == 0 {
		t.empty.tell()
	}
}

// gone returns a channel that is closed when no connection is open.
func (t *conns) gone() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.empty.await(len(t.open))
}

// serve serves a connection that was moved until it is closed.
func (t *conns) serve(c *conn, large *fasthttp.Server) {
	t.add(c)
	t.moved.Go(func() { _ = large.ServeConn(c) }) // its error concerns this connection only
}

// stopIdle ends the connections that are older than age and have no call, whatever part of a request has come on them. What has
// come is read still. Each is closed by the server that serves it: two that did would not agree on how.
func (t *conns) stopIdle(age time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.open {
		if !c.asking.Load() && time.Since(c.since) >= age {
			_ = c.CloseRead() // one that is closed already has ended
		}
	}
}

// end ends the connections that were moved and are idle, and waits until none is served.
func (t *conns) end() {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		t.moved.Wait()
	}()
	for t.stopIdle(arriving); !await(gone, arriving); {
		t.stopIdle(arriving)
	}
}

// stopAll ends every connection, at once.
func (t *conns) stopAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for c := range t.open {
		c.stop()
	}
}

// stop makes reads and writes fail from now on.
func (c *conn) stop() {
	c.readBy.pass(c.TCPConn.SetReadDeadline)
	c.writeBy.pass(c.TCPConn.SetWriteDeadline)
}
