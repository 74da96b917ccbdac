package forward

import (
	"errors"
	"io"
	"net"
	"time"
)

// awaitEnd sees to the end of a trip whose time is up: the server learns from the half closed connection that nobody
// waits, and is watched until it has closed its own half. It reports whether it does.
func (c *Client) awaitEnd(t *trip) bool {
	t.settle()
	cn := t.cn
	if t.ctx.Err() != nil || cn.CloseWrite() != nil || cn.SetDeadline(time.Now().Add(c.cfg.Grace)) != nil || !c.keep(cn) {
		return false
	}
	go func() {
		defer c.late.Done()
		_, err := io.Copy(io.Discard, cn.r)
		_ = cn.Close() // nobody wants what may come
		if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
			c.cfg.Stuck()
		}
		c.forget(cn)
		t.end()
	}()
	return true
}

// keep notes a connection whose exchange has passed its time limit; Close closes it and waits for its goroutine.
func (c *Client) keep(cn *conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.linger[cn] = struct{}{}
	c.late.Add(1)
	return true
}

func (c *Client) forget(cn *conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.linger, cn)
}

// Late is how many exchanges have passed their time limit and have not ended.
func (c *Client) Late() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.linger)
}
