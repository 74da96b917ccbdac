package workertest

import (
	"strings"
	"testing"
	"time"

	"fwatchdog/protocol"
	fwatchdog "fwatchdog/sdk/go"
)

// Request is what a client asks. The zero value is a GET of "/" without anything.
type Request struct {
	Method  string
	Target  string
	Headers []string // "name: value"
	Body    []byte
	Timeout time.Duration // the time that is left for the response
}

// Response is what the client gets.
type Response struct {
	Status  int
	Headers []string // "name: value", names in lower case
	Body    []byte
	// Frames are the types of the frames that it came in: "RESP+END" when it came whole.
	Frames []string
	// Logs are the lines that the handler logged.
	Logs []string
	// Code and Error are those of the failure that ended it; 0 and "" when it is whole.
	Code  protocol.ErrorCode
	Error string
}

// Header returns the first value of a header.
func (r Response) Header(name string) string {
	for _, h := range r.Headers {
		if key, value, _ := strings.Cut(h, ": "); strings.EqualFold(key, name) {
			return value
		}
	}
	return ""
}

// Call starts a worker for one request and returns its response.
func Call(tb testing.TB, handler fwatchdog.Handler, r Request) Response {
	tb.Helper()
	h := Start(tb, handler)
	return h.Response(h.Request(r))
}

// inline is how much of a body goes with its head.
const inline = protocol.MaxPayload / 2

// Request sends a whole request and returns the number of its stream. A handler that answers without reading a large body
// is not sent the rest of it.
func (h *Host) Request(r Request) (stream uint32) {
	h.tb.Helper()
	body := r.Body
	r.Body = body[:min(len(body), inline)]
	body = body[len(r.Body):]
	stream = h.begin(r, len(body) == 0)
	var answered []Frame
	for credit := protocol.DefaultWindow; len(body) > 0; {
		if credit == 0 {
			f := h.NextOn(stream)
			if f.Type != protocol.TypeWindow {
				answered = append(answered, h.grant(f))
				if f.End || f.Type == protocol.TypeError {
					break
				}
				continue
			}
			more, err := protocol.ParseWindow(f.Payload)
			if err != nil {
				h.tb.Fatal(err)
			}
			credit += int(more)
		}
		n := min(len(body), protocol.MaxPayload, credit)
		h.Send(protocol.AppendData(nil, stream, body[:n], n == len(body)))
		body, credit = body[n:], credit-n
	}
	h.backlog = append(answered, h.backlog...)
	return stream
}

// Open sends a request whose body follows: as DATA, by Send.
func (h *Host) Open(r Request) (stream uint32) {
	h.tb.Helper()
	return h.begin(r, false)
}

func (h *Host) begin(r Request, whole bool) uint32 {
	h.tb.Helper()
	h.stream++
	method, target := r.Method, r.Target
	if method == "" {
		method = "GET"
	}
	if target == "" {
		target = "/"
	}
	b := protocol.BeginRequest(nil, h.stream, uint32(r.Timeout.Milliseconds()), []byte(method), []byte(target))
	for _, header := range r.Headers {
		name, value, _ := strings.Cut(header, ": ")
		b.Pair([]byte(name), []byte(value))
	}
	frame, err := b.End(r.Body, whole)
	if err != nil {
		h.tb.Fatal(err)
	}
	h.Send(frame)
	return h.stream
}

// Response reads the response of a stream to its end, and lets the worker send more as it reads.
func (h *Host) Response(stream uint32) Response {
	h.tb.Helper()
	var r Response
	for {
		if f := h.grant(h.NextOn(stream)); h.add(&r, f) {
			return r
		}
	}
}

// grant lets the worker send as much as it has sent, once.
func (h *Host) grant(f Frame) Frame {
	if f.Type == protocol.TypeData && !f.End && !f.granted && len(f.Payload) > 0 {
		h.Send(protocol.AppendWindow(nil, f.Stream, uint32(len(f.Payload))))
		f.granted = true
	}
	return f
}

// add adds a frame to a response and reports whether it was the last.
func (h *Host) add(r *Response, f Frame) (last bool) {
	h.tb.Helper()
	var err error
	switch f.Type {
	case protocol.TypeLog:
		_, text, parsed := protocol.ParseLog(f.Payload)
		r.Logs, err = append(r.Logs, string(text)), parsed
	case protocol.TypeError:
		code, text, parsed := protocol.ParseError(f.Payload)
		r.Code, r.Error, err = code, string(text), parsed
	case protocol.TypeData:
		r.Body = append(r.Body, f.Payload...)
	case protocol.TypeResponse:
		head, parsed := protocol.ParseResponse(f.Payload)
		r.Status, r.Body, err = head.Status, head.Body, parsed
		for name, value := range head.Headers.All() {
			r.Headers = append(r.Headers, string(name)+": "+string(value))
		}
	}
	if err != nil {
		h.tb.Fatal(err)
	}
	r.Frames = append(r.Frames, strings.SplitN(f.String(), " ", 2)[0])
	return f.Type == protocol.TypeError || f.End
}
