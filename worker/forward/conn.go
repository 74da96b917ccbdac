package forward

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"
)

const (
	// readBuffer holds the heads of most responses; one with a larger head gets largest.
	readBuffer = 4 << 10
	largest    = 1 << 20
)

// conn is a connection to the server.
type conn struct {
	*net.TCPConn
	r     *bufio.Reader
	head  fasthttp.ResponseHeader
	out   []byte    // what is written at once
	used  bool      // for an exchange before this one
	timed bool      // it has a deadline
	since time.Time // when it became idle

	raw  syscall.RawConn
	look func(fd uintptr) // asks the kernel for seen: made once, it would be garbage a request
	seen [1]unix.PollFd
}

func newConn(tcp *net.TCPConn) *conn {
	cn := &conn{TCPConn: tcp, r: bufio.NewReaderSize(tcp, readBuffer)}
	cn.raw, _ = tcp.SyscallConn() // it fails where there is no connection
	cn.look = func(fd uintptr) {
		cn.seen[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN | unix.POLLRDHUP}
		if _, err := unix.Poll(cn.seen[:], 0); err != nil {
			cn.seen[0].Revents = unix.POLLERR
		}
	}
	cn.head.DisableNormalizing()
	cn.head.SetNoDefaultContentType(true)
	return cn
}

// dial opens a connection.
func (c *Client) dial(ctx context.Context, deadline time.Time) (*conn, error) {
	dialer := c.dialer
	dialer.Deadline = deadline
	opened, err := dialer.DialContext(ctx, "tcp", c.addr)
	if err != nil {
		return nil, &BrokenError{Unsent: true, Err: err}
	}
	tcp, ok := opened.(*net.TCPConn)
	if !ok {
		_ = opened.Close() // it was never used
		return nil, &BrokenError{Unsent: true, Err: fmt.Errorf("%s is no TCP address", c.addr)}
	}
	return newConn(tcp), nil
}

// take returns an idle connection, or nil.
func (c *Client) take() *conn {
	for {
		cn := c.pop()
		if cn == nil || time.Since(cn.since) < idleTimeout && cn.quiet() {
			return cn
		}
		_ = cn.Close() // nobody uses it
	}
}

func (c *Client) pop() *conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.idle)
	if n == 0 {
		return nil
	}
	cn := c.idle[n-1]
	c.idle[n-1] = nil
	c.idle = c.idle[:n-1]
	return cn
}

// put keeps a connection for later, or closes it.
func (c *Client) put(cn *conn) {
	cn.used, cn.since = true, time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.idle) >= idleMost {
		_ = cn.Close() // nothing is lost
		return
	}
	c.idle = append(c.idle, cn)
	if !c.awake {
		c.awake = true
		c.sweep.Reset(idleTimeout)
	}
}

// closeIdle closes the connections that were idle for long.
func (c *Client) closeIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, old := time.Now(), 0
	for old < len(c.idle) && now.Sub(c.idle[old].since) >= idleTimeout {
		_ = c.idle[old].Close() // nobody uses it
		old++
	}
	c.idle = slices.Delete(c.idle, 0, old)
	c.awake = len(c.idle) > 0 && !c.closed
	if c.awake {
		c.sweep.Reset(idleTimeout - now.Sub(c.idle[0].since))
	}
}

// quiet reports whether the server has neither closed the idle connection nor written to it: what nobody has asked for would
// be taken for the next answer.
func (cn *conn) quiet() bool { return cn.raw.Control(cn.look) == nil && cn.seen[0].Revents == 0 }

// limit sets the deadline of all that follows; the zero time is none.
func (cn *conn) limit(deadline time.Time) {
	if cn.timed || !deadline.IsZero() {
		_ = cn.SetDeadline(deadline) // a closed connection fails in what follows
		cn.timed = !deadline.IsZero()
	}
}

// enlarge gives the connection the largest buffer, for a head that does not fit the present one.
func (cn *conn) enlarge() {
	begun, err := cn.r.Peek(cn.r.Buffered())
	if err != nil {
		return // there is as much as it says
	}
	cn.reread(bytes.Clone(begun), largest)
}

// reread makes begun what is read next, before what comes on the connection.
func (cn *conn) reread(begun []byte, size int) {
	cn.r = bufio.NewReaderSize(io.MultiReader(bytes.NewReader(begun), cn.TCPConn), size)
}

// mergeLengths drops from the head every Content-Length that repeats the one before it, as RFC 9112 section 6.3 allows. It
// reports whether there was one.
func (cn *conn) mergeLengths() bool {
	begun, err := cn.r.Peek(cn.r.Buffered())
	if err != nil {
		return false // there is as much as it says
	}
	kept := make([]byte, 0, len(begun))
	var length []byte
	inHead := true
	for line := range bytes.Lines(begun) {
		inHead = inHead && len(bytes.TrimRight(line, "\r\n")) > 0 && line[len(line)-1] == '\n' // and not cut off
		if key, value, _ := bytes.Cut(line, []byte{':'}); inHead && isContentLength(bytes.TrimRight(key, " \t")) {
			value = bytes.TrimSpace(value)
			if length != nil && bytes.Equal(length, value) {
				continue
			}
			length = value
		}
		kept = append(kept, line...)
	}
	if len(kept) == len(begun) {
		return false
	}
	cn.reread(kept, cn.r.Size())
	return true
}
