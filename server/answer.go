package server

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/logging"
)

// answer writes the function's response, or why there is none. took is the time since the request came.
func (s *Server) answer(ctx *fasthttp.RequestCtx, c *call, err error, took time.Duration) {
	if err == nil {
		err = s.writeResponse(ctx, c)
	}
	if err != nil {
		s.writeVerdict(ctx, c, err)
	}
	linger(ctx, c.upload.ended.Load())
	h := &ctx.Response.Header
	if !s.cfg.Profile.PassCallID {
		h.SetCanonical(callIDKey, c.Request.CallID)
	}
	if s.cfg.Profile.Duration.on(c.status, true) {
		c.text = appendSeconds(c.text[:0], took)
		h.SetCanonical(durationKey, c.text)
	}
}

// linger sees to it that a connection whose request has a body that was not read is closed gently.
func linger(ctx *fasthttp.RequestCtx, read bool) {
	if c, ok := ctx.Conn().(*conn); ok {
		c.unread.Store(!read && ctx.RequestBodyStream() != nil && ctx.Request.Header.ContentLength() != 0)
	}
}

// writeResponse passes on the function's response.
func (s *Server) writeResponse(ctx *fasthttp.RequestCtx, c *call) error {
	from, h := &c.Response, &ctx.Response.Header
	typed, encoded, length := false, false, -1
	named := connectionOf(from.Header)
	for _, f := range from.Header {
		switch {
		case !validField(f):
			s.discard(c)
			return fmt.Errorf("%w: the response header %q is not valid", errBadHeader, f.Key)
		case hopByHop(f.Key), named.has(f.Key), s.isOurs(f.Key):
			continue
		case is(f.Key, "content-length"):
			length = parseLength(f.Value)
		case is(f.Key, "content-type"):
			typed = true
		case is(f.Key, "content-encoding"):
			encoded = true
		}
		h.AddBytesKV(f.Key, f.Value)
	}
	c.status = from.Status
	ctx.SetStatusCode(c.status)
	if from.Tunnel != nil {
		s.beginTunnel(ctx, c)
	}
	if from.Stream != nil {
		c.unmeasured = length < 0
		c.body = responseBody{ctx: ctx, call: c, stream: from.Stream}
		if c.unmeasured && !ctx.Request.Header.IsHTTP11() && !ctx.IsHead() {
			c.untilClose = true
			return nil
		}
		ctx.Response.ImmediateHeaderFlush = true
		ctx.Response.SetBodyStream(&c.body, length)
		return nil
	}
	if !typed && !encoded && len(from.Body) > 0 { // as net/http does
		h.SetContentType(http.DetectContentType(from.Body))
	}
	c.sent = int64(len(from.Body))
	from.Body = ctx.Response.SwapBody(from.Body)
	return nil
}

// parseLength reads a Content-Length; -1 where it is none.
func parseLength(value []byte) int {
	length, err := strconv.Atoi(string(value))
	if err != nil || length < 0 {
		return -1
	}
	return length
}

// discard gives up a response that cannot be passed on.
func (s *Server) discard(c *call) {
	if c.Response.Stream != nil {
		_ = c.Response.Stream.Close() // what is left of it is not wanted
		c.Response.Stream = nil
	}
	if c.Response.Tunnel != nil {
		_ = c.Response.Tunnel.Close() // nothing went through it
		c.Response.Tunnel = nil
	}
}

// writeVerdict answers in the function's place.
func (s *Server) writeVerdict(ctx *fasthttp.RequestCtx, c *call, err error) {
	v := s.judge(err)
	c.status, c.cause = v.status, causeOf(err)
	ctx.Response.Reset()
	ctx.Response.Header.DisableNormalizing()
	if errors.Is(err, errWriteTimeout) { // the deadline has passed, but the poller may not have noticed yet
		_ = ctx.SetWriteDeadline(past) // a closed connection gets no answer either
	}
	s.write(ctx, v)
	c.sent = int64(len(ctx.Response.Body()))
	c.refused = refusalOf(err)
	if c.refused == "" && v.status >= http.StatusInternalServerError { // of refusals there may be thousands in a second: they are counted
		s.logFailure(c, err)
	}
}

// judge maps an error as the mode has it.
func (s *Server) judge(err error) verdict {
	if s.cfg.Profile.judge != nil {
		return s.cfg.Profile.judge(err)
	}
	return judge(err)
}

// write writes a verdict as an answer.
func (s *Server) write(ctx *fasthttp.RequestCtx, v verdict) {
	h := &ctx.Response.Header
	ctx.SetStatusCode(v.status)
	s.writeText(ctx, v)
	if v.cause != "" {
		h.Set("X-Fwatchdog-Reason", string(v.cause))
	}
	if v.again != "" {
		if !s.cfg.Profile.Terse {
			h.Set("Retry-After", strconv.Itoa(s.fn.RetryAfter()))
		}
		h.Set("X-OpenFaaS-Internal", v.again)
	}
	if s.draining.Load() || v.status == statusClientGone {
		ctx.SetConnectionClose()
	}
}

// writeText writes the body of a verdict and its type.
func (s *Server) writeText(ctx *fasthttp.RequestCtx, v verdict) {
	h := &ctx.Response.Header
	switch {
	case v.bare && v.text == "":
		return
	case v.plain:
		h.SetContentType("text/plain")
	case v.bare && s.cfg.Profile.ErrorType != "":
		h.SetContentType(s.cfg.Profile.ErrorType)
	default:
		h.SetContentType("text/plain; charset=utf-8")
	}
	text := v.text
	if !v.bare {
		text += "\n"
	}
	ctx.SetBodyString(text)
}

// logFailure tells why the function's answer is missing, or the rest of it.
func (s *Server) logFailure(c *call, err error) {
	if s.cfg.AccessLog == "off" {
		return
	}
	c.told = true
	s.log.Warn("request failed", append(fields(c, time.Since(c.start)), s.upstreamLine(c, err), zap.Error(err))...)
}

// upstreamLine is what of-watchdog says of a request that failed in mode http.
func (s *Server) upstreamLine(c *call, err error) zap.Field {
	switch {
	case s.cfg.Profile.Access != AccessText:
		return zap.Skip()
	case errors.Is(err, exchange.ErrDeadline):
		return logging.Line("Upstream HTTP killed due to exec_timeout: %s", c.Request.Timeout)
	}
	return logging.Line("Upstream HTTP request error: %s", err)
}

// refuse answers what is over max_inflight, with the words of the OpenFaaS watchdogs.
func (s *Server) refuse(ctx *fasthttp.RequestCtx) {
	text := fmt.Sprintf("Concurrent request limit exceeded. Max concurrent requests: %d", s.cfg.MaxInflight)
	v := verdict{status: http.StatusTooManyRequests, text: text, again: internalLimiter, plain: true}
	s.turnAway(ctx, v, ctx.Time(), "inflight_limit")
}

// turnAway answers a request for which there is no call. The caller has said Begin at that time.
func (s *Server) turnAway(ctx *fasthttp.RequestCtx, v verdict, begun time.Time, refused string) {
	s.reply(ctx, v)
	linger(ctx, false)
	s.watch.End(methodLabel(ctx.Method()), v.status, begun, 0, 0, false, refused)
	s.traceRefusal(ctx, v.status, refused)
}

// reply writes a verdict with the headers that every answer has.
func (s *Server) reply(ctx *fasthttp.RequestCtx, v verdict) {
	s.write(ctx, v)
	s.addCallID(ctx)
	if s.cfg.Profile.Duration.on(v.status, false) {
		ctx.Response.Header.Set(headerDuration, "0.000000")
	}
}

// addCallID gives an answer for which there is no call the id of its request, or a new one.
func (s *Server) addCallID(ctx *fasthttp.RequestCtx) {
	if s.cfg.Profile.PassCallID {
		return
	}
	id := peek(&ctx.Request.Header, callIDName)
	if len(id) == 0 {
		id = newCallID(new([36]byte))
	}
	ctx.Response.Header.SetCanonical(callIDKey, id)
}

// badRequest answers what is no HTTP request, or not a whole one.
func (s *Server) badRequest(ctx *fasthttp.RequestCtx, err error) {
	c, _ := ctx.Conn().(*conn)
	var timeout net.Error
	late := errors.As(err, &timeout) && timeout.Timeout()
	begun := time.Now()
	if c != nil && (late || errors.Is(err, io.ErrUnexpectedEOF)) && isHead(&ctx.Request.Header, c.lastHead()) {
		s.watch.Begin(begun)
		s.turnAway(ctx, s.judge(bodyError(err)), begun, "")
		return
	}
	v := verdict{status: http.StatusBadRequest, text: "this is not a valid HTTP request"}
	if small := new(fasthttp.ErrSmallBuffer); errors.As(err, &small) {
		if c != nil && c.outgrow() {
			return // what is written now goes nowhere
		}
		if c != nil {
			c.unread.Store(true) // the client may be sending the head still: its close must not overtake the answer
		}
		v = verdict{status: http.StatusRequestHeaderFieldsTooLarge, text: exchange.ErrHeadTooLarge.Error()}
	} else if late {
		v = verdict{status: http.StatusRequestTimeout, text: "the request did not come in time"}
	}
	s.watch.Begin(begun)
	s.reply(ctx, v)
	s.watch.End(methodLabel(nil), v.status, begun, 0, 0, false, "")
}

// isHead reports whether text is the head of a request with a body, and reads it again into h: fasthttp, which reads the first
// byte of a body itself, has forgotten the head when it could not.
func isHead(h *fasthttp.RequestHeader, text []byte) bool {
	return text != nil && h.Read(bufio.NewReader(bytes.NewReader(text))) == nil && h.ContentLength() != 0
}

// expect decides on a request that waits for 100 Continue.
func (s *Server) expect(ctx *fasthttp.RequestCtx) int {
	if s.cfg.MaxBody > 0 && int64(ctx.Request.Header.ContentLength()) > s.cfg.MaxBody {
		begun := time.Now()
		s.watch.Begin(begun)
		v := judge(errTooLarge)
		s.turnAway(ctx, v, begun, "")
		if c, ok := ctx.Conn().(*conn); ok {
			c.unread.Store(true) // the client may not have waited
		}
		return v.status
	}
	return http.StatusContinue
}
