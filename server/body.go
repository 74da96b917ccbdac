package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"fwatchdog/internal/exchange"
)

// What can be wrong with a client's body.
var (
	errTooLarge = errors.New("the body is larger than max_body")
	errTooSlow  = fmt.Errorf("%w in time", exchange.ErrBody)
)

// errWriteTimeout is why a call ends that was not over within the whole WriteTimeout: its connection is closed.
var errWriteTimeout = fmt.Errorf("the response did not end within write_timeout: %w", context.Canceled)

// upload is a client's body, read by one goroutine.
type upload struct {
	ctx     *fasthttp.RequestCtx
	body    io.Reader
	timeout time.Duration // for each piece
	until   time.Time     // for all, instead; zero: no limit
	limited bool
	left    int64 // bytes that max_body still allows
	length  int   // what the client has declared; -1 is unknown
	got     int   // bytes of it that have come
	ended   atomic.Bool
	closed  atomic.Bool
}

// Read reads what there is, under a deadline that starts anew with each call unless there is one for the whole body.
func (u *upload) Read(p []byte) (int, error) {
	switch {
	case !u.until.IsZero():
		_ = u.ctx.SetReadDeadline(u.until) // a closed connection fails in Read
	case u.timeout > 0:
		_ = u.ctx.SetReadDeadline(time.Now().Add(u.timeout)) // a closed connection fails in Read
	}
	if u.closed.Load() { // Close came before the deadline, which has made it undone
		return 0, bodyError(os.ErrClosed)
	}
	n, err := u.body.Read(p)
	u.got += n
	if err == io.EOF && u.got < u.length { // fasthttp takes the end of the connection for that of the body
		err = io.ErrUnexpectedEOF
	}
	if u.limited {
		if u.left -= int64(n); u.left < 0 {
			return 0, errTooLarge
		}
	}
	switch {
	case err == io.EOF:
		u.ended.Store(true)
	case err != nil:
		err = bodyError(err)
	}
	return n, err
}

// Close makes a Read that waits return. What was not read is thrown away with the connection.
func (u *upload) Close() error {
	if u.ended.Load() {
		return nil
	}
	u.closed.Store(true)
	return u.ctx.SetReadDeadline(past)
}

// bodyError says what is wrong with the client's body when reading it has failed with err.
func bodyError(err error) error {
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return errTooSlow
	}
	if errors.Is(err, exchange.ErrBody) {
		return err
	}
	return fmt.Errorf("%w: %w", exchange.ErrBody, err)
}

// responseBody is the streamed body of a call's response. Fasthttp writes it after the handler has returned and closes
// it then, which is the end of the call.
type responseBody struct {
	ctx    *fasthttp.RequestCtx
	call   *call
	stream exchange.Stream
}

var _ fasthttp.BodyWriterTo = (*responseBody)(nil)

// SupportsBodyWriteTo says that WriteTo does all that Read does.
func (b *responseBody) SupportsBodyWriteTo() bool { return true }

// Read is there because fasthttp takes readers; it always uses WriteTo.
func (b *responseBody) Read([]byte) (int, error) { return 0, errors.ErrUnsupported }

// WriteTo passes on each piece as it comes. When the function does not finish, the connection is reset: the client must
// not take what it got for the whole.
func (b *responseBody) WriteTo(w io.Writer) (int64, error) {
	if length := b.ctx.Response.Header.ContentLength(); length >= 0 && !b.call.untilClose {
		w = &direct{b.ctx.Conn(), length}
	}
	n, err := b.stream.WriteTo(patient{b, w})
	b.call.sent = n
	if err != nil {
		b.call.cause, b.call.cut = causeOf(err), cutBy(err)
		if b.call.cut && !b.call.server.cfg.Profile.Terse {
			b.call.server.logFailure(b.call, err)
		}
		abort(b.ctx.Conn())
	}
	return n, err
}

// direct writes a body of known length to the connection, past the buffer in which fasthttp would gather its pieces; that
// is empty, for the head was flushed.
type direct struct {
	conn net.Conn
	left int // bytes that are still to come
}

// errTooLong is a body that is longer than it said.
var errTooLong = errors.New("the body is longer than its Content-Length")

// Write is part of io.Writer.
func (d *direct) Write(piece []byte) (int, error) {
	if len(piece) > d.left {
		return 0, errTooLong
	}
	n, err := d.conn.Write(piece)
	d.left -= n
	return n, err
}

// patient renews the write deadline before each piece.
type patient struct {
	body *responseBody
	w    io.Writer
}

// Write is part of io.Writer.
func (p patient) Write(piece []byte) (int, error) {
	if cfg := &p.body.call.server.cfg; cfg.WriteTimeout > 0 && !cfg.Profile.WholeTimeouts {
		timeout := cfg.WriteTimeout
		_ = p.body.ctx.SetWriteDeadline(time.Now().Add(timeout)) // a closed connection fails in Write
	}
	return p.w.Write(piece)
}

// Close is called by fasthttp when the body is written, or will not be.
func (b *responseBody) Close() error {
	err := b.stream.Close()
	b.call.server.finish(b.call, time.Since(b.call.start))
	return err
}

// abort makes the close of the connection a reset.
func abort(client net.Conn) {
	if c, ok := client.(*conn); ok {
		c.unread.Store(false)
		_ = c.SetLinger(0) // a closed connection needs none
	}
}
