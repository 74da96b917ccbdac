package forward

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"

	"github.com/valyala/fasthttp"
)

// measure finds out how long the request's body is, and reads it where that has to be done first.
func (t *trip) measure() error {
	r := &t.x.Request
	if r.Stream == nil {
		t.whole, t.length = r.Body, int64(len(r.Body))
		return nil
	}
	t.length = int64(r.Length)
	if !t.c.cfg.BufferBody {
		return nil
	}
	return t.readWhole()
}

func isContentLength(key []byte) bool {
	return len(key) == len("content-length") && bytes.EqualFold(key, []byte("content-length"))
}

// readWhole reads the request's body before the server hears of it.
func (t *trip) readWhole() error {
	ctx := t.ctx
	if !t.deadline.IsZero() {
		limited, cancel := context.WithDeadline(ctx, t.deadline)
		defer cancel()
		ctx = limited
	}
	body, err := t.x.Request.ReadAll(ctx)
	t.whole, t.length = body, int64(len(body))
	return err
}

// copyLimit is the largest body that is copied behind the head, in bytes, so that both leave in one write.
const copyLimit = 16 << 10

// send writes the head and a body that is there, and begins with one that is streamed. A server that has answered need not
// read on, so that the answer may be there although the write failed; then readHead finds it.
func (t *trip) send() error {
	b := t.appendHead(t.cn.out[:0])
	rest := t.whole
	if len(rest) <= copyLimit {
		b, rest = append(b, rest...), nil
	}
	t.cn.out = b[:0]
	var err error
	if rest == nil {
		_, err = t.cn.Write(b)
	} else {
		_, err = (&net.Buffers{b, rest}).WriteTo(t.cn.TCPConn)
	}
	if err != nil && t.length == 0 {
		return &BrokenError{Err: err}
	}
	if t.x.Request.Stream != nil && t.whole == nil {
		t.upload = newUpload(t)
	}
	return nil
}

// appendHead writes the request's head as the client sent it, but for what concerns the connection only.
func (t *trip) appendHead(b []byte) []byte {
	r := &t.x.Request
	b = append(append(b, r.Method...), ' ')
	b = append(append(append(b, t.c.prefix...), path(r.Target)...), " HTTP/1.1\r\n"...)
	hosted, measured := false, r.Stream != nil // an upload has an end, be it empty
	for _, f := range r.Header {
		switch {
		case isContentLength(f.Key):
			measured = true
			continue
		case len(f.Key) == len("Host") && bytes.EqualFold(f.Key, []byte("Host")):
			hosted = true
		}
		b = append(append(append(append(b, f.Key...), ": "...), f.Value...), "\r\n"...)
	}
	if !hosted {
		b = append(append(append(b, "Host: "...), t.c.host...), "\r\n"...)
	}
	switch {
	case t.length > 0 || t.length == 0 && measured:
		b = append(strconv.AppendInt(append(b, "Content-Length: "...), t.length, 10), "\r\n"...)
	case t.length < 0:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	if len(r.Upgrade) > 0 {
		b = append(append(append(b, "Connection: Upgrade\r\nUpgrade: "...), r.Upgrade...), "\r\n"...)
	}
	return append(append(b, t.c.extra...), "\r\n"...)
}

// path is the target without scheme and host, which a client that takes us for a proxy sends.
func path(target []byte) []byte {
	_, rest, absolute := bytes.Cut(target, []byte("://"))
	if !absolute || target[0] == '/' {
		return target
	}
	_, query, asks := bytes.Cut(rest, []byte("?"))
	switch i := bytes.IndexAny(rest, "/?"); {
	case i >= 0 && rest[i] == '/':
		return rest[i:]
	case asks:
		return append([]byte("/?"), query...)
	}
	return []byte("/")
}

// readHead reads the response's head, passing over those that only announce it.
func (t *trip) readHead() error {
	cn := t.cn
	for {
		err := cn.head.Read(cn.r)
		if small := new(fasthttp.ErrSmallBuffer); errors.As(err, &small) && cn.r.Size() < largest {
			cn.enlarge()
			continue
		}
		if errors.Is(err, fasthttp.ErrDuplicateContentLength) && cn.mergeLengths() {
			continue
		}
		if err != nil {
			return &BrokenError{Err: err}
		}
		status := cn.head.StatusCode()
		switch {
		case status == http.StatusSwitchingProtocols && len(t.x.Request.Upgrade) == 0:
			return &BrokenError{Err: errors.New("it switches protocols unasked")}
		case status >= 200 && status <= 999 || status == http.StatusSwitchingProtocols:
			return nil
		case status < 100 || status > 999:
			return &BrokenError{Err: fmt.Errorf("it answered with the status %d", status)}
		}
	}
}
