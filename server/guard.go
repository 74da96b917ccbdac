package server

import (
	"bytes"
	"errors"
	"net/http"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"fwatchdog/internal/auth"
	"fwatchdog/internal/logging"
)

// admit asks the guard whether the request may reach the function, where now is the time for it, and returns how long that
// took. Else the request is answered. The caller has said Begin.
func (s *Server) admit(ctx *fasthttp.RequestCtx, now bool) (took time.Duration, ok bool) {
	if s.cfg.Guard == nil || !now {
		return 0, true
	}
	begun := time.Now()
	err := s.cfg.Guard.Check(string(peek(&ctx.Request.Header, "authorization")))
	took = time.Since(begun)
	if err == nil {
		return took, true
	}
	v := verdict{status: http.StatusUnauthorized, text: err.Error()}
	if errors.Is(err, auth.ErrForbidden) {
		v.status = http.StatusForbidden
	}
	s.turnAway(ctx, v, ctx.Time(), "")
	h := &ctx.Response.Header
	h.Set("X-OpenFaaS-Internal", internalLimiter)
	h.Set("X-Content-Type-Options", "nosniff")
	h.SetContentType("text/plain; charset=utf-8") // in every mode
	if v.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer realm=IAM function invoke")
	}
	path, _, _ := bytes.Cut(ctx.Request.Header.RequestURI(), []byte{'?'})
	s.log.Info("access denied", zap.ByteString("method", ctx.Method()), zap.ByteString("path", path), zap.Int("status", v.status), zap.Error(err),
		logging.Line("%s %s - %d ACCESS DENIED - (%s)", logging.Printable(string(ctx.Method())), logging.Printable(string(path)), v.status,
			took.Round(time.Millisecond)))
	return took, false
}
