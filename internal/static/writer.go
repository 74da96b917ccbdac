package static

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"fwatchdog/internal/exchange"
)

// piece is how much of a body is kept back until it is clear whether more comes, in bytes.
const piece = 64 << 10

// writer is a ResponseWriter whose handler runs in a goroutine of its own. A body that fits one piece becomes whole; of
// a longer one the pieces go to whoever reads the stream, which is the response's.
type writer struct {
	head    bool // HEAD: the length is told, a body never comes
	header  http.Header
	status  int
	kept    []byte
	headed  chan struct{}  // closed when status and header are final and kept is full, or the handler is over
	pieces  *io.PipeWriter // takes what comes after kept
	rest    *io.PipeReader
	long    bool // there is more than kept
	flushed bool // headed is closed
	over    chan struct{}
}

func newWriter(head bool) *writer {
	w := &writer{head: head, header: http.Header{}, headed: make(chan struct{}), over: make(chan struct{})}
	w.rest, w.pieces = io.Pipe()
	return w
}

// run is the goroutine of the handler. It ends when the handler has written all, or when the stream is closed.
func (w *writer) run(handler http.Handler, r *http.Request) {
	defer close(w.over)
	handler.ServeHTTP(w, r)
	if w.status == 0 {
		w.status = http.StatusOK
	}
	w.release()
	_ = w.pieces.Close() // never fails
}

// release lets the response begin.
func (w *writer) release() {
	if !w.flushed {
		w.flushed = true
		close(w.headed)
	}
}

// Header is part of http.ResponseWriter.
func (w *writer) Header() http.Header { return w.header }

// WriteHeader is part of http.ResponseWriter.
func (w *writer) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

// Write is part of http.ResponseWriter.
func (w *writer) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if !w.long && len(w.kept)+len(p) <= piece {
		w.kept = append(w.kept, p...)
		return len(p), nil
	}
	w.long = true
	w.release()
	return w.pieces.Write(p)
}

// fill waits for the header and makes the response. A file may keep its reader waiting: one on a network whose server has gone.
func (w *writer) fill(ctx context.Context, to *exchange.Response) error {
	select {
	case <-w.headed:
	case <-ctx.Done():
		_ = w.rest.CloseWithError(errUnwanted) // never fails
		return ctx.Err()
	}
	if w.head && !w.long {
		<-w.over
		w.tellLength()
	}
	size := 0
	for key, values := range w.header {
		for _, value := range values {
			size += len(key) + len(value)
		}
	}
	to.Begin(w.status, size)
	for key, values := range w.header {
		for _, value := range values {
			to.Add([]byte(key), []byte(value))
		}
	}
	if w.long || w.head {
		to.Stream = stream{w}
		return nil
	}
	<-w.over
	to.Body = append(to.Body, w.kept...)
	return nil
}

// tellLength tells how long the body would be that the handler has written for HEAD.
func (w *writer) tellLength() {
	if len(w.kept) > 0 && w.header.Get("Content-Length") == "" {
		w.header.Set("Content-Length", strconv.Itoa(len(w.kept)))
	}
}

// stream is a long body.
type stream struct{ w *writer }

// WriteTo is part of exchange.Stream.
func (s stream) WriteTo(to io.Writer) (int64, error) {
	first, err := to.Write(s.w.kept)
	if err != nil {
		return int64(first), err
	}
	more, err := io.Copy(to, s.w.rest)
	n := int64(first) + more
	if length := s.w.header.Get("Content-Length"); err == nil && length != "" && length != strconv.FormatInt(n, 10) {
		err = fmt.Errorf("static: %d bytes of %s were written: %w", n, length, io.ErrUnexpectedEOF)
	}
	return n, err
}

// errUnwanted ends a handler whose body nobody takes.
var errUnwanted = errors.New("static: the rest is not wanted")

// Close is part of exchange.Stream. It waits for the handler.
func (s stream) Close() error {
	_ = s.w.rest.CloseWithError(errUnwanted) // never fails
	<-s.w.over
	return nil
}
