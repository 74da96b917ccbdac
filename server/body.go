package server

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"fwatchdog/internal/exchange"
)

// What can be wrong with a client's body.
var (
	errTooLarge = errors.New("the body is larger than max_body")
	errTooSlow  = errors.New("the body did not come in time")
)

// upload is a client's body, read by one goroutine.
type upload struct {
	ctx     *fasthttp.RequestCtx
	body    io.Reader
	timeout time.Duration // for each piece
	limited bool
	left    int64 // bytes that max_body still allows
	ended   atomic.Bool
}

// Read reads what there is, under a deadline that starts anew with each call.
func (u *upload) Read(p []byte) (int, error) {
	if u.timeout > 0 {
		_ = u.ctx.SetReadDeadline(time.Now().Add(u.timeout)) // a closed connection fails in Read
	}
	n, err := u.body.Read(p)
	if u.limited {
		if u.left -= int64(n); u.left < 0 {
			return 0, errTooLarge
		}
	}
	if err != nil {
		u.ended.Store(true)
	}
	if err != nil && err != io.EOF {
		err = bodyError(err)
	}
	return n, err
}

// Close makes a Read that waits return. What was not read is thrown away with the connection.
func (u *upload) Close() error {
	if u.ended.Load() {
		return nil
	}
	return u.ctx.SetReadDeadline(time.Unix(1, 0))
}

// bodyError says what is wrong with the client's body when reading it has failed with err.
func bodyError(err error) error {
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return errTooSlow
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
	n, err := b.stream.WriteTo(patient{b, w})
	if err != nil {
		abort(b.ctx.Conn())
	}
	return n, err
}

// patient renews the write deadline before each piece.
type patient struct {
	body *responseBody
	w    io.Writer
}

// Write is part of io.Writer.
func (p patient) Write(piece []byte) (int, error) {
	if timeout := p.body.call.server.cfg.WriteTimeout; timeout > 0 {
		_ = p.body.ctx.SetWriteDeadline(time.Now().Add(timeout)) // a closed connection fails in Write
	}
	return p.w.Write(piece)
}

// Close is called by fasthttp when the body is written, or will not be.
func (b *responseBody) Close() error {
	err := b.stream.Close()
	b.call.server.finish(b.call)
	return err
}

// abort makes the close of the connection a reset.
func abort(client net.Conn) {
	if c, ok := client.(*conn); ok {
		c.unread = false
		_ = c.SetLinger(0) // a closed connection needs none
	}
}
