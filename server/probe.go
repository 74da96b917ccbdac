package server

import (
	"net/http"

	"github.com/valyala/fasthttp"
)

// Probes wait for no worker, are not counted, and are answered beyond the limit of requests.

// health answers /_/health.
func (s *Server) health(ctx *fasthttp.RequestCtx) {
	if s.wants(ctx) {
		ctx.SetContentType("text/plain; charset=utf-8")
		ctx.SetBodyString("OK")
	}
}

// ready answers /_/ready.
func (s *Server) ready(ctx *fasthttp.RequestCtx) {
	p := &s.cfg.Profile
	switch {
	case !s.wants(ctx):
	case p.LockIsHealth && s.calls.full():
		ctx.SetStatusCode(http.StatusTooManyRequests)
	case !s.fn.Ready():
		s.unwell(ctx, "no worker is ready\n")
	case p.ReadyPath != "":
		s.serve(ctx, s.calls.beginProbe(s, ctx.Conn()))
	case !p.Terse:
		ctx.SetBodyString("OK")
	}
}

// wants reports whether a probe is one, of an instance that is neither on its way out nor without its lock file. Else it
// is answered.
func (s *Server) wants(ctx *fasthttp.RequestCtx) bool {
	switch {
	case !ctx.IsGet():
		ctx.SetStatusCode(http.StatusMethodNotAllowed)
	case s.draining.Load():
		s.unwell(ctx, "draining\n")
	case s.cfg.Locked != nil && !s.cfg.Locked():
		s.unwell(ctx, "the lock file is missing\n")
	default:
		return true
	}
	return false
}

// unwell answers a probe with 503 and why.
func (s *Server) unwell(ctx *fasthttp.RequestCtx, why string) {
	ctx.SetStatusCode(http.StatusServiceUnavailable)
	if !s.cfg.Profile.Terse {
		ctx.SetBodyString(why)
	}
}
