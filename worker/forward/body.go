package forward

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http/httputil"

	"fwatchdog/internal/exchange"
)

// body is a response's body that comes piece by piece.
type body struct {
	t      *trip
	from   io.Reader
	length int // of the body; -1 is chunked, -2 is until the connection ends
}

var _ exchange.Stream = (*body)(nil)

func newBody(t *trip, length int) *body {
	b := &body{t: t, length: length, from: t.cn.r}
	switch {
	case length >= 0:
		b.from = io.LimitReader(t.cn.r, int64(length))
	case length == -1:
		b.from = httputil.NewChunkedReader(t.cn.r)
	}
	return b
}

// peek waits for the first piece of the body, and returns it; nothing when the body is empty.
func (b *body) peek() ([]byte, error) {
	first := make([]byte, sniffLength)
	n, err := b.from.Read(first)
	if n == 0 && err != nil && err != io.EOF {
		return nil, &BrokenError{Err: err}
	} // behind the first piece an error comes again
	b.from = io.MultiReader(bytes.NewReader(first[:n]), b.from)
	return first[:n], nil
}

// sniffLength is how much http.DetectContentType looks at.
const sniffLength = 512

// errTruncated is a body that is not all there.
var errTruncated = &BrokenError{Err: errors.New("it broke off within the body")}

// WriteTo writes the body, each piece as soon as it comes. A body that does not come whole is an error.
func (b *body) WriteTo(w io.Writer) (int64, error) {
	if b.t == nil {
		return 0, io.ErrClosedPipe
	}
	n, err := copyPieces(w, b.from)
	if err == nil {
		err = b.check(n)
	}
	if err != nil {
		b.fail(blame(err))
		return n, err
	}
	t := b.t
	b.t = nil
	t.finish()
	return n, nil
}

// blame is whose fault it is that a body was not written: the server's, or that of the client, who has gone.
func blame(err error) error {
	if read, broken := new(readError), new(BrokenError); errors.As(err, &read) || errors.As(err, &broken) {
		return err
	}
	return exchange.ErrClientGone
}

// check looks whether a body of so many bytes is whole, and reads what stands behind it.
func (b *body) check(n int64) error {
	switch {
	case b.length >= 0 && n < int64(b.length):
		return errTruncated
	case b.length == -1 && !skipTrailer(b.t.cn.r):
		b.t.reusable = false // the body itself has come
	case b.length == -2 && b.t.c.cfg.Dead():
		return errTruncated
	}
	return nil
}

// skipTrailer reads the fields behind a chunked body, and the empty line that ends them.
func skipTrailer(r *bufio.Reader) bool {
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return false
		}
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			return true
		}
	}
}

// fail ends the trip: the body does not come whole, or its reader has gone.
func (b *body) fail(err error) {
	t := b.t
	b.t = nil
	t.fail(t.why(err))
}

// Close says that the rest of the body is not wanted.
func (b *body) Close() error {
	if b.t != nil {
		b.fail(exchange.ErrClientGone)
	}
	return nil
}
