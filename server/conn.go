package server

import (
	"io"
	"net"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// Fasthttp reads a request's head into one buffer for each connection and refuses what does not fit. Ten thousand
// connections must not cost ten thousand of the largest heads, so the buffers are small, and a connection whose head
// outgrows its buffer is moved to a second fasthttp server with large ones, bytes and all. It stays there.
const (
	smallHead = 8 << 10
	// largeHead holds the largest head that a worker can get in one frame, and a little more: what does not fit here
	// would not fit there either.
	largeHead = 68 << 10
)

// conn is a client's connection that remembers what fasthttp has in its buffer and has not understood yet.
type conn struct {
	*net.TCPConn
	moveTo func(*conn) // serves the connection with larger buffers; nil where they are large

	head     []byte // what was read last, as much as the buffer holds
	again    []byte // what is to be read once more before the connection
	outgrown bool   // the head does not fit: what fasthttp writes now is its refusal
	unread   bool   // the last request was answered before all of its body was read
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
	if c.moveTo != nil && len(p) <= smallHead {
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
	c.moveTo(&conn{TCPConn: c.TCPConn, again: c.head})
	return nil
}

// listener wraps what it accepts.
type listener struct {
	net.Listener
	moveTo func(*conn)
}

// Accept is part of net.Listener.
func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return c, nil // another kind of listener: its heads must fit the small buffer
	}
	return &conn{TCPConn: tcp, moveTo: l.moveTo}, nil
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

// end closes the connections, which are idle, and waits until none is served.
func (m *moved) end() {
	m.mu.Lock()
	for c := range m.conns {
		_ = c.Close() // its server finds out
	}
	m.mu.Unlock()
	m.serving.Wait()
}
