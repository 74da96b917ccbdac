package server

import (
	"net"
	"time"

	"github.com/valyala/fasthttp"
)

// openTunnel hands the client's connection over to the function once the response's head is written. The call lasts for
// as long as the tunnel does, and no time limit but the end of the instance ends it.
func (s *Server) openTunnel(ctx *fasthttp.RequestCtx, c *call) {
	h := &ctx.Response.Header
	h.ResetConnectionClose()
	h.SetBytesV("Upgrade", c.Request.Upgrade)
	h.Set("Connection", "Upgrade")
	tunnel := c.Response.Tunnel
	s.calls.setFree(c)
	ctx.Hijack(func(client net.Conn) {
		_ = tunnel.Join(client) // how a protocol ends that is not ours is its own matter
		_ = tunnel.Close()      // and this says nothing new
		s.finish(c, time.Since(c.start))
	})
}
