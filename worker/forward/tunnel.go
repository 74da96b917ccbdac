package forward

import (
	"io"
	"net"
	"time"

	"fwatchdog/internal/exchange"
)

// tunnel is a connection that has become another protocol's.
type tunnel struct{ t *trip }

var _ exchange.Tunnel = (*tunnel)(nil)

// tunnel answers that the protocol is switched. There is no time limit from here on.
func (t *trip) tunnel() error {
	t.copyHead()
	t.deadline = time.Time{}
	t.cn.limit(t.deadline)
	if t.ctx.Err() != nil { // it has ended, and limit has undone that
		_ = t.cn.SetDeadline(past) // a closed connection has nobody who waits
	}
	t.x.Response.Tunnel = &tunnel{t}
	return nil
}

// Join copies bytes both ways until one side closes, or the exchange is no longer wanted.
func (u *tunnel) Join(client net.Conn) error {
	t := u.t
	sent := make(chan error, 1)
	go func() {
		_, err := io.Copy(t.cn.TCPConn, struct{ io.Reader }{client})
		_ = t.cn.SetReadDeadline(past) // it ends the other direction
		sent <- err
	}()
	_, err := io.Copy(struct{ io.Writer }{client}, t.cn.r)
	_ = client.SetReadDeadline(past)
	_ = t.cn.SetWriteDeadline(past)
	if first := <-sent; err == nil {
		err = first
	}
	return err
}

// Close closes the connection. Call it once, when Join has returned or will not be called.
func (u *tunnel) Close() error {
	u.t.hangUp()
	u.t.end()
	return nil
}
