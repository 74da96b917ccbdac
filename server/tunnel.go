package server

import (
	"bytes"
	"net"
	"time"

	"github.com/valyala/fasthttp"
)

// beginTunnel makes the answer that of a connection which goes over to another protocol. The call lasts for as long as the
// tunnel does, and no time limit but the end of the instance ends it.
func (s *Server) beginTunnel(ctx *fasthttp.RequestCtx, c *call) {
	h := &ctx.Response.Header
	h.ResetConnectionClose()
	h.SetBytesV("Upgrade", c.Request.Upgrade)
	h.Set("Connection", "Upgrade")
	s.calls.setFree(c)
}

// join connects client and function until one of them ends it.
func (s *Server) join(ctx *fasthttp.RequestCtx, c *call) {
	tunnel := c.Response.Tunnel
	s.takeOver(ctx, &heir{
		send: func(client net.Conn) { _ = tunnel.Join(client) }, // how a protocol ends that is not ours is its own matter
		end: func() {
			_ = tunnel.Close() // as above
			s.finish(c, time.Since(c.start))
		},
	})
}

// sendUntilClose sends a body of unknown length to a client of HTTP/1.0. Fasthttp would send it in chunks.
func (s *Server) sendUntilClose(ctx *fasthttp.RequestCtx, c *call) {
	ctx.Response.Header.SetConnectionClose()
	body := &c.body
	by := time.Time{}
	if s.cfg.Profile.WholeTimeouts && s.cfg.WriteTimeout > 0 {
		by = c.start.Add(s.cfg.WriteTimeout) // what limit has set is gone by then
	}
	s.takeOver(ctx, &heir{
		by:   by,
		send: func(client net.Conn) { _, _ = body.WriteTo(client) }, // it has noted how it ended
		end:  func() { _ = body.Close() },                           // as above
	})
}

// heir is a call whose answer goes on when the handler has returned, without fasthttp.
type heir struct {
	send func(client net.Conn) // what follows the head
	by   time.Time             // when that must be sent; zero: no limit, or one of its own
	end  func()                // ends the call
}

// takeOver writes the answer's head once the handler has returned, and lets the heir send the rest. Where the client has gone by
// then, fasthttp closes the connection and tells nobody: so Close ends a call that did not come into its inheritance.
func (s *Server) takeOver(ctx *fasthttp.RequestCtx, h *heir) {
	head := bytes.Clone(ctx.Response.Header.Header())
	own, ok := ctx.Conn().(*conn)
	if ok {
		own.heir.Store(h)
	}
	ctx.HijackSetNoResponse(true) // with a response it would not hijack a connection that is to close
	ctx.Hijack(func(client net.Conn) {
		if ok && own.heir.Swap(nil) == nil {
			return // it was closed
		}
		if s.cfg.WriteTimeout > 0 {
			_ = client.SetWriteDeadline(time.Now().Add(s.cfg.WriteTimeout)) // a closed connection fails in Write
		}
		if _, err := client.Write(head); err == nil {
			_ = client.SetWriteDeadline(h.by) // as above
			h.send(client)
		}
		h.end()
	})
}
