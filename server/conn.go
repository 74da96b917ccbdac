package server

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
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
	moveTo func(*conn) // serves the connection with larger buffers; nil where they are large
	exact  bool        // no time limit runs out late

	head     []byte // what was read last, as much as the buffer holds
	again    []byte // what is to be read once more before the connection
	readBy   deadline
	writeBy  deadline
	outgrown bool // the head does not fit: what fasthttp writes now is its refusal
	unread   bool // the last request was answered before all of its body was read
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
	c.outgrown = c.moveTo != nil
	return c.outgrown
}

// headed reports whether a whole head has come with what fasthttp read last.
func (c *conn) headed() bool { return bytes.Contains(c.head, []byte("\r\n\r\n")) }

// Write is part of net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	if c.outgrown {
		return len(p), nil
	}
	return c.TCPConn.Write(p)
}

// Close is part of net.Conn.
func (c *conn) Close() error {
	if c.unread {
		c.unread = false
		_ = c.TCPConn.CloseWrite() // whoever has gone already finds out with the next call
		_ = c.TCPConn.SetReadDeadline(time.Now().Add(lingering))
		_, _ = io.Copy(io.Discard, c.TCPConn)
	}
	if !c.outgrown {
		return c.TCPConn.Close()
	}
	c.outgrown = false // a second Close is one
	c.moveTo(&conn{TCPConn: c.TCPConn, exact: c.exact, again: c.head})
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
	begun  func() // told of each Accept
	moveTo func(*conn)
	exact  bool
}

// Accept is part of net.Listener.
func (l listener) Accept() (net.Conn, error) {
	l.begun()
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return c, nil // another kind of listener: its heads must fit the small buffer
	}
	return &conn{TCPConn: tcp, moveTo: l.moveTo, exact: l.exact}, nil
}

// settling is how long a listener that is to be closed may take to accept what has come.
const settling = 100 * time.Millisecond

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

// moved is the connections that outgrew their buffers, each served by a goroutine of its own.
type moved struct {
	serving sync.WaitGroup

	mu    sync.Mutex // guards conns
	conns map[*conn]struct{}
}

// serve serves c until it is closed.
func (m *moved) serve(c *conn, large *fasthttp.Server) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conns == nil {
		m.conns = map[*conn]struct{}{}
	}
	m.conns[c] = struct{}{}
	m.serving.Go(func() {
		_ = large.ServeConn(c) // its error concerns this connection only
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.conns, c)
	})
}

// end makes the connections, which are idle, end, and waits until none is served. It is their servers that close them: two
// that did would not agree on how.
func (m *moved) end() {
	m.mu.Lock()
	for c := range m.conns {
		_ = c.CloseRead() // one that is closed already has ended
	}
	m.mu.Unlock()
	m.serving.Wait()
}
