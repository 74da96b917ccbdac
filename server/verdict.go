package server

import (
	"errors"
	"net/http"
	"strings"

	"fwatchdog/internal/exchange"
	"fwatchdog/pool"
)

// statusClientGone is what is counted when the client has left, or had to, before the answer; nobody sees it.
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
	bare   bool           // the text goes without a newline, or there is none
}

// judge is the whole mapping from errors to answers.
func judge(err error) verdict {
	var lost *exchange.LostError
	var refused *exchange.RefusedError
	text := err.Error()
	switch {
	case refusalOf(err) != "":
		return verdict{status: http.StatusServiceUnavailable, text: text, again: internalSelf}
	case errors.Is(err, exchange.ErrClientGone), errors.Is(err, errWriteTimeout):
		return verdict{status: statusClientGone, text: text}
	case errors.Is(err, exchange.ErrHostStops):
		return verdict{status: http.StatusServiceUnavailable, text: "the watchdog stops, and waits for the function no longer"}
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
	case errors.Is(err, exchange.ErrBody), errors.Is(err, errHeaderName):
		return verdict{status: http.StatusBadRequest, text: text}
	}
	return verdict{status: http.StatusInternalServerError, text: text}
}

// judgeClassic is what differs from judge in mode classic.
func judgeClassic(err error) verdict {
	if errors.Is(err, errTooSlow) {
		return verdict{status: http.StatusBadRequest, text: errTooSlow.Error()}
	}
	if errors.Is(err, errVerb) {
		return verdict{status: http.StatusMethodNotAllowed, bare: true}
	}
	return judge(err)
}

// judgeForked is what differs from judge in modes serializing and streaming.
func judgeForked(err error) verdict {
	v := judge(err)
	if errors.Is(err, errTooSlow) || errors.Is(err, exchange.ErrBody) {
		v.status = http.StatusInternalServerError
	}
	v.bare = v.status == http.StatusInternalServerError
	return v
}

// refusalOf names why the pool gave the request no place; "" when it did.
func refusalOf(err error) string {
	switch {
	case errors.Is(err, pool.ErrQueueFull):
		return "queue_full"
	case errors.Is(err, pool.ErrQueueTimeout):
		return "queue_timeout"
	case errors.Is(err, pool.ErrNotReady):
		return "not_ready"
	case errors.Is(err, pool.ErrDraining):
		return "draining"
	}
	return ""
}

// internalUpstream is the X-OpenFaaS-Internal of an answer that mode http gives in place of the upstream.
const internalUpstream = "of-watchdog"

// judgeUpstream is what differs from judge in mode http: whatever the upstream did not answer is 500, and empty.
func judgeUpstream(err error) verdict {
	v := judge(err)
	switch {
	case errors.Is(err, exchange.ErrDeadline):
		v = verdict{status: http.StatusGatewayTimeout, again: internalUpstream, bare: true}
	case errors.As(err, new(*exchange.LostError)), errors.As(err, new(*exchange.RefusedError)), errors.Is(err, errTooSlow),
		errors.Is(err, exchange.ErrBody), v.status == http.StatusInternalServerError:
		v = verdict{status: http.StatusInternalServerError, again: internalUpstream, bare: true}
	}
	return v
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

// errVerb is a verb that does not reach the function.
var errVerb = errors.New("this method is not allowed")

// errHeaderName is a request that cannot be passed on: see readHeader.
var errHeaderName = errors.New("the name of a header is not valid")

// errBadHeader is a response that cannot be sent: to send it would let a header's text end the header.
var errBadHeader = errors.New("the function answered with an invalid header")
