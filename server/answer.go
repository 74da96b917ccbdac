package server

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"fwatchdog/internal/exchange"
	"fwatchdog/pool"
)

// statusClientGone is what is counted when the client has left before the answer; nobody sees it.
const statusClientGone = 499

// The values of X-OpenFaaS-Internal. A queue worker that sees one sends the request again.
const (
	internalLimiter = "faas-middleware"
	internalSelf    = "fwatchdog"
)

// verdict is an answer that is ours and not the function's.
type verdict struct {
	status int
	text   string
	cause  exchange.Cause // X-Fwatchdog-Reason
	again  string         // X-OpenFaaS-Internal, when no worker got the request, so that it may come again
	plain  bool           // the text's type goes without a charset, as the OpenFaaS watchdogs write it
}

// judge is the whole mapping from errors to answers.
func judge(err error) verdict {
	var lost *exchange.LostError
	var refused *exchange.RefusedError
	text := err.Error()
	switch {
	case errors.Is(err, pool.ErrQueueFull), errors.Is(err, pool.ErrQueueTimeout), errors.Is(err, pool.ErrDraining):
		return verdict{status: http.StatusServiceUnavailable, text: text, again: internalSelf}
	case errors.Is(err, exchange.ErrClientGone):
		return verdict{status: statusClientGone, text: text}
	case errors.Is(err, exchange.ErrHostStops):
		return verdict{status: http.StatusServiceUnavailable, text: text}
	case errors.Is(err, exchange.ErrDeadline):
		return verdict{status: http.StatusGatewayTimeout, text: text}
	case errors.As(err, &lost):
		return verdict{status: http.StatusBadGateway, text: text, cause: lost.Cause}
	case errors.As(err, &refused):
		return judgeRefusal(refused)
	case errors.Is(err, exchange.ErrHeadTooLarge):
		return verdict{status: http.StatusRequestHeaderFieldsTooLarge, text: text}
	case errors.Is(err, errTooLarge):
		return verdict{status: http.StatusRequestEntityTooLarge, text: errTooLarge.Error()}
	case errors.Is(err, errTooSlow):
		return verdict{status: http.StatusRequestTimeout, text: errTooSlow.Error()}
	case errors.Is(err, exchange.ErrBody):
		return verdict{status: http.StatusBadRequest, text: text}
	}
	return verdict{status: http.StatusInternalServerError, text: text}
}

// judgeRefusal maps a worker's ERROR. Only its first line is the client's business; the stack is for the log.
func judgeRefusal(e *exchange.RefusedError) verdict {
	message, _, _ := strings.Cut(e.Text, "\n")
	switch e.Refusal {
	case exchange.Raised:
		return verdict{status: http.StatusInternalServerError, text: message}
	case exchange.NotStarted:
		return verdict{status: http.StatusServiceUnavailable, text: message, again: internalSelf}
	case exchange.BadRequest:
		return verdict{status: http.StatusBadRequest, text: message}
	case exchange.Cancelled:
		return verdict{status: http.StatusBadGateway, text: message, cause: exchange.CauseCancelled}
	}
	return verdict{status: http.StatusBadGateway, text: message, cause: exchange.CauseProtocol}
}

// answer writes the function's response, or why there is none.
func (s *Server) answer(ctx *fasthttp.RequestCtx, c *call, err error) {
	if err == nil {
		err = s.writeResponse(ctx, c)
	}
	if err != nil {
		s.writeVerdict(ctx, c, err)
	}
	linger(ctx, c.upload.ended.Load())
	h := &ctx.Response.Header
	h.SetBytesV(headerCallID, c.Request.CallID)
	c.text = strconv.AppendFloat(c.text[:0], time.Since(c.start).Seconds(), 'f', 6, 64)
	h.SetBytesV(headerDuration, c.text)
}

// linger sees to it that a connection whose request has a body that was not read is closed gently.
func linger(ctx *fasthttp.RequestCtx, read bool) {
	if c, ok := ctx.Conn().(*conn); ok {
		c.unread = !read && ctx.RequestBodyStream() != nil && ctx.Request.Header.ContentLength() != 0
	}
}

// writeResponse passes on the function's response.
func (s *Server) writeResponse(ctx *fasthttp.RequestCtx, c *call) error {
	from, h := &c.Response, &ctx.Response.Header
	typed, length := false, -1
	named := connectionOf(from.Header)
	for _, f := range from.Header {
		switch {
		case !validField(f):
			s.discard(c)
			return fmt.Errorf("%w: the response header %q is not valid", errBadHeader, f.Key)
		case hopByHop(f.Key, named):
			continue
		case string(f.Key) == "content-length":
			length, _ = strconv.Atoi(string(f.Value)) // checked below: only a stream needs it
		case string(f.Key) == "content-type":
			typed = true
		}
		h.AddBytesKV(f.Key, f.Value)
	}
	c.status = from.Status
	ctx.SetStatusCode(c.status)
	if from.Stream != nil {
		c.body = responseBody{ctx: ctx, call: c, stream: from.Stream}
		ctx.Response.ImmediateHeaderFlush = true
		ctx.Response.SetBodyStream(&c.body, length)
		return nil
	}
	if !typed && len(from.Body) > 0 {
		h.SetContentType(http.DetectContentType(from.Body))
	}
	from.Body = ctx.Response.SwapBody(from.Body)
	return nil
}

// discard gives up a response that cannot be passed on.
func (s *Server) discard(c *call) {
	if c.Response.Stream != nil {
		_ = c.Response.Stream.Close() // what is left of it is not wanted
		c.Response.Stream = nil
	}
}

// writeVerdict answers in the function's place.
func (s *Server) writeVerdict(ctx *fasthttp.RequestCtx, c *call, err error) {
	v := judge(err)
	c.status = v.status
	ctx.Response.Reset()
	ctx.Response.Header.DisableNormalizing()
	s.write(ctx, v)
	s.logVerdict(c, v, err)
}

// write writes a verdict as an answer.
func (s *Server) write(ctx *fasthttp.RequestCtx, v verdict) {
	h := &ctx.Response.Header
	ctx.SetStatusCode(v.status)
	h.SetContentType("text/plain; charset=utf-8")
	if v.plain {
		h.SetContentType("text/plain")
	}
	ctx.SetBodyString(v.text + "\n")
	if v.cause != "" {
		h.Set("X-Fwatchdog-Reason", string(v.cause))
	}
	if v.again != "" {
		h.Set("Retry-After", strconv.Itoa(s.fn.RetryAfter()))
		h.Set("X-OpenFaaS-Internal", v.again)
	}
	if s.draining.Load() || v.status == statusClientGone {
		ctx.SetConnectionClose()
	}
}

func (s *Server) logVerdict(c *call, v verdict, err error) {
	if v.status < http.StatusInternalServerError {
		return
	}
	s.log.Warn("request failed", zap.ByteString("call_id", c.Request.CallID), zap.Int("status", v.status),
		zap.ByteString("method", c.Request.Method), zap.ByteString("target", c.Request.Target),
		zap.Int("slot", c.Worker.Slot), zap.Uint64("serial", c.Worker.Serial), zap.Error(err))
}

// refuse answers what is over max_inflight, with the words of the OpenFaaS watchdogs.
func (s *Server) refuse(ctx *fasthttp.RequestCtx) {
	text := fmt.Sprintf("Concurrent request limit exceeded. Max concurrent requests: %d", s.cfg.MaxInflight)
	v := verdict{status: http.StatusTooManyRequests, text: text, again: internalLimiter, plain: true}
	s.turnAway(ctx, v, "inflight_limit")
}

// turnAway answers a request for which there is no call. The caller has said Begin.
func (s *Server) turnAway(ctx *fasthttp.RequestCtx, v verdict, refused string) {
	s.write(ctx, v)
	linger(ctx, false)
	h := &ctx.Response.Header
	if id := ctx.Request.Header.Peek(headerCallID); len(id) > 0 {
		h.SetBytesV(headerCallID, id)
	} else {
		h.SetBytesV(headerCallID, newCallID(new([36]byte)))
	}
	h.Set(headerDuration, "0.000000")
	s.watch.End(methodLabel(ctx.Method()), v.status, 0, 0, refused)
}

// probe answers health and readiness. Neither waits for a worker, nor is counted.
func (s *Server) probe(ctx *fasthttp.RequestCtx, well bool) {
	switch {
	case !ctx.IsGet():
		ctx.SetStatusCode(http.StatusMethodNotAllowed)
	case s.draining.Load():
		ctx.SetStatusCode(http.StatusServiceUnavailable)
		ctx.SetBodyString("draining\n")
	case !well:
		ctx.SetStatusCode(http.StatusServiceUnavailable)
		ctx.SetBodyString("no worker is ready\n")
	default:
		ctx.SetBodyString("OK")
	}
}

// badRequest answers what is no HTTP request.
func (s *Server) badRequest(ctx *fasthttp.RequestCtx, err error) {
	v := verdict{status: http.StatusBadRequest, text: "this is not a valid HTTP request"}
	var timeout net.Error
	if small := new(fasthttp.ErrSmallBuffer); errors.As(err, &small) {
		if c, ok := ctx.Conn().(*conn); ok && c.outgrow() {
			return // what is written now goes nowhere
		}
		v = verdict{status: http.StatusRequestHeaderFieldsTooLarge, text: exchange.ErrHeadTooLarge.Error()}
	} else if errors.As(err, &timeout) && timeout.Timeout() {
		v = verdict{status: http.StatusRequestTimeout, text: "the request did not come in time"}
	}
	s.write(ctx, v)
}

// expect decides on a request that waits for 100 Continue.
func (s *Server) expect(ctx *fasthttp.RequestCtx) int {
	if s.cfg.MaxBody > 0 && int64(ctx.Request.Header.ContentLength()) > s.cfg.MaxBody {
		s.watch.Begin()
		v := judge(errTooLarge)
		s.turnAway(ctx, v, "")
		return v.status
	}
	return http.StatusContinue
}

// errBadHeader is a response that cannot be sent: to send it would let a header's text end the header.
var errBadHeader = errors.New("the function answered with an invalid header")
