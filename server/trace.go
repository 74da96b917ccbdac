package server

import (
	"cmp"
	"errors"
	"iter"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/tracing"
)

// What is done for tracing. Without a Tracer it is a comparison here and there.

// beginTrace begins the spans of a call, and gives the function a traceparent below which its own belong. Without a Tracer
// it gets the client's, byte for byte.
func (s *Server) beginTrace(c *call) {
	if s.cfg.Tracer == nil || c.probe {
		return
	}
	r := &c.Request
	about := tracing.Request{Start: c.start, Method: r.Method, Target: r.Target}
	readTrace(&about, walk(r.Header))
	parent, continued := s.cfg.Tracer.Begin(&c.trace, about)
	if parent == nil {
		return
	}
	r.Header = slices.DeleteFunc(r.Header, func(f exchange.Field) bool {
		return is(f.Key, "traceparent") || !continued && is(f.Key, "tracestate")
	})
	r.Header = append(r.Header, exchange.Field{Key: headerTraceparent, Value: parent})
}

var headerTraceparent = []byte("traceparent")

// walk walks over headers as fasthttp does.
func walk(header []exchange.Field) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		for _, f := range header {
			if !yield(f.Key, f.Value) {
				return
			}
		}
	}
}

// readTrace takes from a request's headers what concerns tracing. More than one traceparent is as none; of tracestate there
// may be several (W3C Trace Context, sections 3.2 and 3.3.1).
func readTrace(into *tracing.Request, header iter.Seq2[[]byte, []byte]) {
	parents, state := 0, []byte(nil)
	for key, value := range header {
		switch {
		case is(key, "traceparent"):
			parents++
			into.Traceparent = string(value)
		case is(key, "tracestate") && len(state) > 0:
			state = append(append(state, ','), value...)
		case is(key, "tracestate"):
			state = append(state, value...)
		case is(key, "user-agent"):
			into.Agent = value
		}
	}
	into.Tracestate = string(state)
	if parents > 1 {
		into.Traceparent = ""
	}
}

// ask asks the function.
func (s *Server) ask(c *call) error {
	if !c.trace.Recorded() {
		return s.fn.Do(c, &c.Exchange)
	}
	c.trace.Asked()
	err := s.fn.Do(c, &c.Exchange)
	if c.Response.Stream == nil && c.Response.Tunnel == nil {
		c.trace.Answered()
	}
	return err
}

// endTrace ends the spans of a call.
func (s *Server) endTrace(c *call, took time.Duration) {
	if !c.trace.Recorded() {
		return
	}
	s.cfg.Tracer.End(&c.trace, tracing.End{Took: took, Waited: c.Waited, Status: c.status, Failure: c.failure(),
		CallID: c.Request.CallID, Worker: c.Worker,
		Unserved: c.Worker.Serial == 0 && (c.Waited > 0 || c.refused != "")}) // without a pool nobody waits
}

// failure is a word for what went wrong with a call: why it was refused, what became of its worker, or else the status.
func (c *call) failure() string {
	switch {
	case c.refused != "":
		return c.refused
	case c.cut:
		return cmp.Or(c.cause, "aborted")
	case c.status >= http.StatusInternalServerError:
		return cmp.Or(c.cause, strconv.Itoa(c.status))
	}
	return ""
}

// refusals are words for what a worker answered in place of a response.
var refusals = map[exchange.Refusal]string{exchange.Raised: "raised", exchange.NotStarted: "not_started",
	exchange.BadRequest: "bad_request", exchange.Cancelled: string(exchange.CauseCancelled), exchange.Broken: string(exchange.CauseProtocol)}

// causeOf is a word for why the function's answer, or the rest of it, is missing; "" where there is none.
func causeOf(err error) string {
	var lost *exchange.LostError
	var refused *exchange.RefusedError
	switch {
	case errors.As(err, &lost):
		return string(lost.Cause)
	case errors.As(err, &refused):
		return refusals[refused.Refusal]
	case errors.Is(err, exchange.ErrDeadline):
		return string(exchange.CauseTimeout)
	}
	return ""
}

// cutBy reports whether a response that has begun broke off with err for another reason than that the client took no more.
func cutBy(err error) bool {
	var op *net.OpError
	return !errors.Is(err, exchange.ErrClientGone) && !errors.Is(err, errWriteTimeout) && !(errors.As(err, &op) && op.Op == "write")
}

// traceRefusal makes the span of a request for which there is no call.
func (s *Server) traceRefusal(ctx *fasthttp.RequestCtx, status int, refused string) {
	if s.cfg.Tracer == nil {
		return
	}
	h := &ctx.Request.Header
	about := tracing.Request{Start: time.Now(), Method: h.Method(), Target: h.RequestURI()}
	readTrace(&about, h.AllInOrder())
	var t tracing.Trace
	s.cfg.Tracer.Begin(&t, about)
	if !t.Recorded() {
		return
	}
	end := tracing.End{Status: status, CallID: peek(h, callIDName)}
	if status >= http.StatusInternalServerError {
		end.Failure = refused
	}
	s.cfg.Tracer.End(&t, end)
}
