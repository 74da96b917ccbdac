package forward

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"syscall"
	"time"

	"fwatchdog/internal/exchange"
)

// trip is one exchange on its way. One goroutine makes it, the caller of Do and later the one that takes the body; a
// second one uploads where the request's body is streamed.
type trip struct {
	c        *Client
	ctx      context.Context
	x        *exchange.Exchange
	over     func()
	deadline time.Time // zero: none

	cn       *conn
	unwatch  func() bool // of ctx
	upload   *upload     // nil without one
	length   int64       // of the request's body; -1 is unknown
	whole    []byte      // the request's body, when it is not streamed
	reusable bool        // the connection can serve another exchange
	ended    bool        // over was called, or will be
}

// past is a deadline that makes whoever waits return at once.
var past = time.Unix(1, 0)

// run makes the trip up to the response's head, and its whole body where that is there already.
func (t *trip) run() error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	if err := t.measure(); err != nil {
		return err
	}
	err := t.attempt(t.c.take())
	if t.stale(err) {
		t.hangUp()
		err = sent(t.attempt(nil))
	}
	if err != nil {
		return err
	}
	return t.respond()
}

// sent is an error of a second attempt: the server may have begun with the first.
func sent(err error) error {
	broken := new(BrokenError)
	if errors.As(err, &broken) {
		broken.Unsent = false
	}
	return err
}

// attempt sends the request, on a new connection when cn is nil, and reads the response's head.
func (t *trip) attempt(cn *conn) (err error) {
	if cn == nil {
		if cn, err = t.c.dial(t.ctx, t.deadline); err != nil {
			return err
		}
	}
	t.cn = cn
	cn.limit(t.deadline)
	t.unwatch = context.AfterFunc(t.ctx, func() { _ = cn.SetDeadline(past) }) // a closed one has nobody who waits
	if err := t.send(); err != nil {
		return err
	}
	return t.readHead()
}

// repeatable reports whether the request may be sent again to a server that may have read it: it does no more the second
// time, and is still all there.
func (t *trip) repeatable() bool { return t.length == 0 && t.x.Request.Idempotent() }

// stale reports whether the attempt failed only because the server had closed the connection before. One that has gone may
// have gone because of this request.
func (t *trip) stale(err error) bool {
	return err != nil && t.cn != nil && t.cn.used && t.repeatable() && t.ctx.Err() == nil && !t.expired() && !t.began() &&
		!t.c.cfg.Dead() && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE))
}

// began reports whether a byte of the response has come.
func (t *trip) began() bool { return t.cn.r.Buffered() > 0 }

func (t *trip) expired() bool { return !t.deadline.IsZero() && !time.Now().Before(t.deadline) }

// respond fills x.Response by the head that was read.
func (t *trip) respond() error {
	head := &t.cn.head
	if head.StatusCode() == http.StatusSwitchingProtocols {
		return t.tunnel()
	}
	t.copyHead()
	r := &t.x.Response
	length := head.ContentLength()
	t.reusable = !head.ConnectionClose() && length != -2
	switch {
	case t.bodiless():
		t.reusable = !head.ConnectionClose()
		t.finish()
	case length >= 0 && length <= t.cn.r.Buffered(): // it has come with the head
		body, err := t.cn.r.Peek(length)
		if err != nil {
			return &BrokenError{Err: err}
		}
		r.Body = append(r.Body, body...)
		_, _ = t.cn.r.Discard(length) // it is there
		t.finish()
	default:
		return t.stream(length)
	}
	return nil
}

// stream leaves the body to whoever takes the response. Where nobody says of what type it is, its beginning is awaited and
// looked at.
func (t *trip) stream(length int) error {
	b := newBody(t, length)
	if len(t.cn.head.ContentType()) == 0 && len(t.cn.head.ContentEncoding()) == 0 {
		first, err := b.peek()
		if err != nil {
			return err
		}
		if len(first) > 0 {
			t.x.Response.Add([]byte("Content-Type"), []byte(http.DetectContentType(first)))
		}
	}
	t.x.Response.Stream = b
	return nil
}

// sniffed is room for the type of a body, in bytes.
const sniffed = 64

// copyHead fills in status and headers.
func (t *trip) copyHead() {
	head, r := &t.cn.head, &t.x.Response
	size := sniffed
	var named []byte // by all lines of Connection, which may be written in any case
	for key, value := range head.All() {
		size += len(key) + len(value)
		switch {
		case len(key) != len("Connection") || !bytes.EqualFold(key, []byte("Connection")):
		case named == nil:
			named = value
		default:
			named = bytes.Join([][]byte{named, value}, []byte{','})
		}
	}
	r.Begin(head.StatusCode(), size)
	for key, value := range head.All() {
		if !dropped(key, named) {
			r.Add(key, value)
		}
	}
}

// bodiless reports whether the response has no body, whatever its headers say.
func (t *trip) bodiless() bool {
	status := t.cn.head.StatusCode()
	return string(t.x.Request.Method) == http.MethodHead || status == http.StatusNoContent ||
		status == http.StatusNotModified || t.cn.head.ContentLength() == 0
}

// finish is the end of a trip whose response has come whole. A request that the server did not read to its end is of no
// use to it any more.
func (t *trip) finish() {
	if t.upload != nil && !t.upload.finishes() {
		t.reusable = false
	}
	t.settle()
	if t.reusable && t.cn.r.Buffered() == 0 {
		t.c.put(t.cn)
	} else {
		_ = t.cn.Close() // the response is here
	}
	t.end()
}

// fail is the end of a trip because of err. A server that was only too slow is told so, and its place is kept until it
// has ended, or has had its grace.
func (t *trip) fail(err error) {
	t.c.cfg.Failed(err)
	if t.cn == nil {
		t.end()
		return
	}
	if errors.Is(err, exchange.ErrDeadline) && t.c.awaitEnd(t) {
		return
	}
	t.hangUp()
	t.end()
}

// hangUp closes the connection.
func (t *trip) hangUp() {
	t.settle()
	_ = t.cn.Close() // nobody wants what may come
	t.cn = nil
}

// settle ends what else works on the connection; a connection that ctx has touched is of no more use.
func (t *trip) settle() {
	if t.unwatch != nil && !t.unwatch() {
		t.reusable = false
	}
	t.unwatch = nil
	if t.upload != nil {
		t.upload.stop()
	}
}

func (t *trip) end() {
	if !t.ended {
		t.ended = true
		t.over()
	}
}

// dropped reports whether a header of the response goes no further: one that concerns the connection, by its name or
// because named, the values of Connection, has its name; Date, which the front writes; and X-Duration-Seconds, which it tells.
func dropped(key, named []byte) bool {
	switch len(key) {
	case 2, 4, 7, 10, 16, 17, 18, 19:
		for _, name := range notPassedOn {
			if len(name) == len(key) && bytes.EqualFold(name, key) {
				return true
			}
		}
	}
	if len(named) > 0 {
		for part := range bytes.SplitSeq(named, []byte{','}) {
			if bytes.EqualFold(bytes.TrimSpace(part), key) {
				return true
			}
		}
	}
	return false
}

var notPassedOn = [][]byte{[]byte("Date"), []byte("X-Duration-Seconds"), []byte("Connection"), []byte("Keep-Alive"), []byte("Proxy-Connection"), []byte("TE"),
	[]byte("Trailer"), []byte("Transfer-Encoding"), []byte("Upgrade"),
	[]byte("Proxy-Authenticate"), []byte("Proxy-Authorization")}
