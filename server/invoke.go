package server

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"fwatchdog/internal/exchange"
)

// handle is where fasthttp hands over: probes are answered here, all else is the function's.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	path, _, _ := bytes.Cut(ctx.Request.Header.RequestURI(), []byte{'?'})
	switch string(path) {
	case "/_/health":
		s.probe(ctx, true)
	case "/_/ready":
		s.probe(ctx, s.fn.Ready())
	default:
		s.invoke(ctx)
	}
}

// invoke is the way of a request through the server.
func (s *Server) invoke(ctx *fasthttp.RequestCtx) {
	if s.draining.Load() {
		ctx.Response.Header.SetConnectionClose()
	}
	s.watch.Begin()
	c := s.calls.begin(s, ctx.Conn())
	if c == nil {
		s.refuse(ctx)
		return
	}
	defer s.recover(ctx, c)
	err := s.readRequest(ctx, c)
	if err == nil {
		err = s.fn.Do(c, &c.Exchange)
	}
	s.answer(ctx, c, err)
	if c.Response.Stream == nil {
		s.finish(c)
	}
}

// finish is the end of a call: nothing holds its exchange any more.
func (s *Server) finish(c *call) {
	s.watch.End(c.method, c.status, time.Since(c.start), c.Waited, c.refused)
	c.Exchange.Reset()
	c.upload = upload{}
	if cap(c.small) > smallBody {
		c.small = nil
	}
	s.calls.end(c)
}

// recover turns a panic of ours into a 500: it costs one request, and nothing that the request held.
func (s *Server) recover(ctx *fasthttp.RequestCtx, c *call) {
	if r := recover(); r != nil {
		s.log.Error("request panicked", zap.Any("panic", r), zap.ByteString("call_id", c.Request.CallID), zap.Stack("stack"))
		ctx.Response.Reset()
		c.status = http.StatusInternalServerError
		ctx.SetStatusCode(c.status)
		ctx.SetConnectionClose()
		s.finish(c)
	}
}

// smallBody is the largest body that is read before a worker is asked for, in bytes: what fits one frame.
const smallBody = 64 << 10

// readRequest fills c.Request. Its slices are fasthttp's and live until the response is written.
func (s *Server) readRequest(ctx *fasthttp.RequestCtx, c *call) error {
	h := &ctx.Request.Header
	r := &c.Request
	r.Method, r.Target = h.Method(), h.RequestURI()
	c.method = methodLabel(r.Method)
	r.Timeout = s.timeout(h)
	s.readHeader(h, c)
	body := ctx.RequestBodyStream()
	length := h.ContentLength()
	switch {
	case body == nil || length == 0:
		return nil
	case s.cfg.MaxBody > 0 && int64(length) > s.cfg.MaxBody:
		return errTooLarge
	}
	c.upload = upload{ctx: ctx, body: body, timeout: s.cfg.ReadTimeout, left: s.cfg.MaxBody, limited: s.cfg.MaxBody > 0}
	if length < 0 || length > smallBody {
		r.Stream = &c.upload
		return nil
	}
	if cap(c.small) < length {
		c.small = make([]byte, length)
	}
	r.Body = c.small[:length]
	_, err := io.ReadFull(&c.upload, r.Body)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = bodyError(err)
	}
	return err
}

// readHeader takes over the headers, but for those that concern the connection only, and sees to it that the call has
// an id.
func (s *Server) readHeader(h *fasthttp.RequestHeader, c *call) {
	r := &c.Request
	named := h.Peek("Connection")
	for key, value := range h.AllInOrder() {
		if hopByHop(key, named) {
			continue
		}
		if len(key) == len(headerCallID) && bytes.EqualFold(key, []byte(headerCallID)) {
			r.CallID = value
		}
		r.Header = append(r.Header, exchange.Field{Key: key, Value: value})
	}
	if len(r.CallID) == 0 {
		r.CallID = newCallID(&c.newID)
		r.Header = append(r.Header, exchange.Field{Key: []byte(headerCallID), Value: r.CallID})
	}
}

// timeout is how long the function may take: exec_timeout, which the request's X-Timeout may shorten.
func (s *Server) timeout(h *fasthttp.RequestHeader) time.Duration {
	limit := s.cfg.ExecTimeout
	value := h.Peek("X-Timeout")
	if len(value) == 0 {
		return limit
	}
	wish, err := time.ParseDuration(string(value))
	if err != nil {
		seconds, err := strconv.ParseFloat(string(value), 64)
		if err != nil {
			return limit
		}
		wish = time.Duration(seconds * float64(time.Second))
	}
	if wish <= 0 || limit > 0 && wish > limit {
		return limit
	}
	return wish
}
