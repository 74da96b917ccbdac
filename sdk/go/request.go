package fwatchdog

import (
	"context"
	"io"
	"iter"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"fwatchdog/protocol"
)

// Request is one request. It is valid until the handler returns; its strings and the bytes of Bytes are the handler's to
// keep.
type Request struct {
	// Method is as received.
	Method string
	// Target is path and query as received, not decoded.
	Target string
	// Path is the part of Target before the first '?', not decoded.
	Path string
	// RawQuery is the part of Target behind the first '?'.
	RawQuery string
	// Headers holds all headers, "host" among them.
	Headers Headers
	// Body reads the body as it comes in. What was read lets the host send more, so a handler that reads slowly slows
	// the sender down and keeps little in memory. A handler need not read it.
	Body io.Reader
	// ContentLength is the number of bytes in the body, -1 when it is not known.
	ContentLength int64

	stream *stream
}

// from fills a Request in place.
func (r *Request) from(s *stream, q protocol.Request) {
	r.stream = s
	r.Method = method(q.Method)
	r.Target = string(q.Target)
	r.Path, r.RawQuery, _ = strings.Cut(r.Target, "?")
	r.Headers = Headers{q.Headers}
	r.Body = (*body)(s)
	r.ContentLength = int64(len(q.Body))
	if !s.whole {
		r.ContentLength = announced(r.Headers)
	}
}

// method returns the common ones without making a new string.
func method(b []byte) string {
	for _, m := range [...]string{"GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"} {
		if string(b) == m {
			return m
		}
	}
	return string(b)
}

func announced(h Headers) int64 {
	n, err := strconv.ParseUint(h.Get("content-length"), 10, 63)
	if err != nil {
		return -1
	}
	return int64(n)
}

// CallID is the id that the host gave the request, or took from the caller: the header X-Call-Id.
func (r *Request) CallID() string { return r.Headers.Get("x-call-id") }

// Query decodes RawQuery. Parts that cannot be decoded are left out.
func (r *Request) Query() url.Values {
	values, _ := url.ParseQuery(r.RawQuery) // the error is about the parts that are left out
	return values
}

// Bytes reads what is left of the body.
func (r *Request) Bytes() ([]byte, error) {
	if b, ok := r.stream.takeWhole(); ok {
		return b, nil
	}
	return io.ReadAll(r.Body)
}

// Deadline returns the time by which the response must be there, and whether there is one.
func (r *Request) Deadline() (time.Time, bool) { return r.stream.deadline, !r.stream.deadline.IsZero() }

// Context returns a context that ends at the deadline, when the host no longer wants the response, when it has closed the
// pipe, though it may still take the response then, and when the handler has returned.
func (r *Request) Context() context.Context { return r.stream.context() }

// Level is how much a log line matters.
type Level = protocol.Level

// The levels of Log.
const (
	Debug Level = protocol.LevelDebug
	Info  Level = protocol.LevelInfo
	Warn  Level = protocol.LevelWarn
	Error Level = protocol.LevelError
)

// Log writes a line to the host's log, beside the request's call id. It may be called after the handler has returned: the
// line then belongs to no request.
func (r *Request) Log(level Level, text string) { r.stream.log(level, text) }

func (s *stream) log(level Level, text string) {
	_ = s.w.out.send(func(dst []byte) ([]byte, error) { // a log line has nobody to complain to
		id := s.id
		if s.ended {
			id = 0
		}
		return protocol.AppendLog(dst, id, level, text, s.w.limit), nil
	})
}

// body is a stream seen as the reader of its request's body.
type body stream

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) { return (*stream)(b).read(p) }

// pieces are the buffers of WriteTo.
var pieces = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// WriteTo implements io.WriterTo: io.Copy then needs no buffer of its own, and none at all when the whole body is there.
func (b *body) WriteTo(w io.Writer) (int64, error) {
	if whole, ok := (*stream)(b).takeWhole(); ok {
		n, err := w.Write(whole)
		return int64(n), err
	}
	piece := pieces.Get().(*[32 << 10]byte)
	defer pieces.Put(piece)
	return io.CopyBuffer(w, struct{ io.Reader }{b}, piece[:])
}

// Headers are the headers of a request. A name is looked up without regard to its case.
type Headers struct{ pairs protocol.Pairs }

// All visits the headers in the order received; a repeated header comes repeatedly. Names are in lower case.
func (h Headers) All() iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for k, v := range h.pairs.All() {
			if !yield(string(k), string(v)) {
				return
			}
		}
	}
}

// Get returns the first value of a header, "" when it is not there.
func (h Headers) Get(name string) string {
	for k, v := range h.pairs.All() {
		if len(k) == len(name) && strings.EqualFold(string(k), name) {
			return string(v)
		}
	}
	return ""
}

// Values returns all values of a header.
func (h Headers) Values(name string) []string {
	var values []string
	for k, v := range h.All() {
		if strings.EqualFold(k, name) {
			values = append(values, v)
		}
	}
	return values
}
