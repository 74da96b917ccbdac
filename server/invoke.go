package server

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"fwatchdog/internal/exchange"
)

// handle is where fasthttp hands over: probes are answered here, all else is the function's.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	path, _, _ := bytes.Cut(ctx.Request.Header.RequestURI(), []byte{'?'})
	switch {
	case string(path) == "/_/health":
		s.health(ctx)
	case string(path) == "/_/ready" && !s.cfg.Profile.NoReady:
		s.ready(ctx)
	default:
		s.invoke(ctx)
	}
}

// invoke is the way of a request through the server.
func (s *Server) invoke(ctx *fasthttp.RequestCtx) {
	if s.draining.Load() {
		ctx.Response.Header.SetConnectionClose()
	}
	s.watch.Begin(ctx.Time())
	first := s.cfg.Profile.GuardFirst
	checked, ok := s.admit(ctx, first)
	if !ok {
		return
	}
	c := s.calls.begin(s, ctx.Conn(), ctx.Time())
	if c == nil {
		s.refuse(ctx)
		return
	}
	if !first {
		if checked, ok = s.admit(ctx, true); !ok {
			s.calls.end(c)
			return
		}
	}
	c.checked = checked
	s.serve(ctx, c)
}

// serve is the way of a request for which there is a call.
func (s *Server) serve(ctx *fasthttp.RequestCtx, c *call) {
	defer s.recover(ctx, c)
	if s.cfg.Profile.WholeTimeouts {
		s.limit(ctx, c)
	}
	err := s.readRequest(ctx, c)
	if err == nil {
		err = s.ask(c)
	}
	took := time.Since(c.start)
	s.answer(ctx, c, err, took)
	if text := s.notice.Load(); text != nil {
		ctx.Response.Header.Set(headerReloadError, *text)
	}
	switch {
	case c.Response.Tunnel != nil:
		s.join(ctx, c)
	case c.untilClose:
		s.sendUntilClose(ctx, c)
	case c.Response.Stream == nil:
		s.finish(c, took)
	}
}

// finish is the end of a call, which took so long: nothing holds its exchange any more.
func (s *Server) finish(c *call, took time.Duration) {
	if !c.probe {
		s.watch.End(c.method, c.status, c.start, took, c.Waited, c.Worker.Serial != 0, c.refused)
	}
	s.logAccess(c, took)
	s.endTrace(c, took)
	c.Exchange.Reset()
	c.refused, c.cause, c.cut = "", "", false
	c.upload, c.said = upload{}, wishes{}
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
		s.finish(c, time.Since(c.start))
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
	c.logged = s.logged(h)
	if err := s.readHeader(h, c); err != nil {
		return err
	}
	body := ctx.RequestBodyStream()
	length := h.ContentLength()
	switch {
	case c.probe:
		r.Target = []byte(s.cfg.Profile.ReadyPath)
		return nil
	case !s.reaches(r.Method):
		return errVerb
	case body == nil || length == 0:
		return nil
	case s.cfg.MaxBody > 0 && int64(length) > s.cfg.MaxBody:
		return errTooLarge
	}
	c.upload = upload{ctx: ctx, body: body, length: length, timeout: s.cfg.ReadTimeout, left: s.cfg.MaxBody, limited: s.cfg.MaxBody > 0}
	if s.cfg.Profile.WholeTimeouts && s.cfg.ReadTimeout > 0 {
		c.upload.until = c.start.Add(s.cfg.ReadTimeout)
	}
	r.Length = length
	if length < 0 || length > smallBody || s.cfg.Profile.Unread {
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

// maxHeaders is how many headers a request may have: ten times what any has. Each takes room here, however short it is.
const maxHeaders = 2000

// readHeader takes over the headers, but for those that concern the connection only, and sees to it that the call has
// an id. Its error is one of the client's: behind a name that is none, which fasthttp lets through, a server may not see the rest
// of the head, and take the body for the next request.
func (s *Server) readHeader(h *fasthttp.RequestHeader, c *call) (err error) {
	r := &c.Request
	said := &c.said
	chunked := h.ContentLength() < 0
	for key, value := range h.AllInOrder() {
		switch {
		case !isToken(key):
			err = errHeaderName
			continue
		case said.take(key, value), s.withholds(key, value, chunked):
			continue
		case len(r.Header) == maxHeaders:
			err = exchange.ErrHeadTooLarge
			continue
		}
		if is(key, callIDName) {
			r.CallID = value
		}
		r.Header = append(r.Header, exchange.Field{Key: key, Value: value})
	}
	r.Timeout = s.timeout(said.timeout)
	if hasBody(h) || !h.IsHTTP11() {
		said.upgrade = nil // of a tunnel and an upload both would read from the connection
	}
	s.obey(r, &said.connection, said.upgrade)
	s.addHeader(c)
	return err
}

// wishes is what a request says to whoever answers it.
type wishes struct {
	connection       tokens
	upgrade, timeout []byte
}

// take notes a header, and reports whether it concerns the connection only.
func (w *wishes) take(key, value []byte) bool {
	switch {
	case is(key, "connection"):
		w.connection.add(value)
	case is(key, "upgrade"):
		w.upgrade = value
	case is(key, "x-timeout"):
		w.timeout = value
		return false
	default:
		return hopByHop(key)
	}
	return true
}

// withholds reports whether a header is not the client's to say.
func (s *Server) withholds(key, value []byte, chunked bool) bool {
	switch {
	case is(key, "content-length"):
		return chunked // what is declared beside chunks is no length (RFC 9112 section 6.3)
	case is(key, "x-auth-seconds"):
		return s.cfg.Guard != nil // it is ours to say
	case is(key, callIDName):
		return len(value) == 0 && !s.cfg.Profile.PassCallID // it gets a new one
	}
	return false
}

// obey lets the headers that Connection names go no further, and keeps the protocol that it asks for.
func (s *Server) obey(r *exchange.Request, connection *tokens, upgrade []byte) {
	if len(connection.first)+len(connection.more) == 0 {
		return
	}
	r.Header = slices.DeleteFunc(r.Header, func(f exchange.Field) bool { return connection.has(f.Key) })
	if s.cfg.Profile.Upgrades && is(upgrade, "websocket") && connection.has([]byte("upgrade")) {
		r.Upgrade = upgrade
	}
}

// addHeader adds the headers that are ours to say.
func (s *Server) addHeader(c *call) {
	r := &c.Request
	if s.cfg.Guard != nil && !c.probe {
		r.Header = append(r.Header, exchange.Field{Key: []byte(headerAuth), Value: fmt.Appendf(nil, "%f", c.checked.Seconds())})
	}
	if len(r.CallID) == 0 && !s.cfg.Profile.PassCallID {
		r.CallID = newCallID(&c.newID)
		r.Header = append(r.Header, exchange.Field{Key: callIDKey, Value: r.CallID})
	}
	s.beginTrace(c)
}

// timeout is how long the function may take: exec_timeout, which the request's X-Timeout may shorten.
func (s *Server) timeout(value []byte) time.Duration {
	if len(value) == 0 {
		return s.cfg.ExecTimeout
	}
	return s.cfg.Profile.Timeout.wished(string(value), s.cfg.ExecTimeout)
}

// duration reads a duration or, where that is allowed, a bare number of seconds.
func duration(text string, seconds bool) (time.Duration, bool) {
	d, err := time.ParseDuration(text)
	if err == nil || !seconds {
		return d, err == nil
	}
	n, err := strconv.ParseFloat(text, 64)
	return time.Duration(n * float64(time.Second)), err == nil
}

// reaches reports whether the function is asked for this verb.
func (s *Server) reaches(method []byte) bool {
	verbs := s.cfg.Profile.Verbs
	return verbs == nil || slices.Contains(verbs, string(method))
}

// limit lets all of the answer take no longer than WriteTimeout from the end of the request's header on. Fasthttp, which has
// a limit of its own, leaves this one alone and takes it away with the next request.
func (s *Server) limit(ctx *fasthttp.RequestCtx, c *call) {
	if s.cfg.WriteTimeout > 0 {
		_ = ctx.SetWriteDeadline(c.start.Add(s.cfg.WriteTimeout)) // a closed connection fails in Write
	}
}
