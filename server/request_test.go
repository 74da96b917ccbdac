package server_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"fwatchdog/internal/exchange"
	"fwatchdog/server"
)

func TestNameOfAHeaderWithABlankIsRefused(t *testing.T) {
	for _, mode := range []string{"", "classic", "serializing", "streaming", "http"} {
		f := serve(t, server.Config{Profile: server.ProfileOf(mode)}, echo)
		if a := f.send(post("body", "Foo Bar: 1")); a.StatusCode != 400 {
			t.Errorf("mode %q: got %d %q", mode, a.StatusCode, a.body)
		}
	}
}

func TestHeaderOnTwoLinesIsOne(t *testing.T) {
	f := serve(t, server.Config{}, func(_ context.Context, x *exchange.Exchange) error {
		for _, h := range x.Request.Header {
			if string(h.Key) == "X-Two" {
				return fill(x, 200, strings.Join(strings.Fields(string(h.Value)), " "))
			}
		}
		return fill(x, 500, "none")
	})
	for _, request := range []string{get("/", "X-Two: a\r\n   b"), post("body", "X-Two: a\r\n   b")} {
		if a := f.send(request); a.body != "a b" {
			t.Errorf("%q: got %q", request, a.body)
		}
	}
}

func TestLargeHeadBehindABodyThatEndedAfterItsAnswerBegan(t *testing.T) {
	begun := make(chan struct{})
	f := serve(t, server.Config{Profile: server.ProfileOf("streaming")}, func(_ context.Context, x *exchange.Exchange) error {
		if x.Request.Stream == nil {
			return fill(x, 200, "second")
		}
		x.Response.Begin(200, 10)
		x.Response.Stream = &late{x.Request.Stream, begun}
		return nil
	})
	conn := f.dial()
	fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
	<-begun
	fmt.Fprint(conn, "2\r\nok\r\n0\r\n\r\n")
	r := bufio.NewReader(conn)
	if a := receive(t, r, "POST /"); a.body != "ok" || a.Close {
		t.Fatalf("got %q, close: %v", a.body, a.Close)
	}
	second := get("/", "Cookie: "+strings.Repeat("c", 5000))
	fmt.Fprint(conn, second)
	if a := receive(t, r, second); a.body != "second" {
		t.Errorf("got %q", a.body)
	}
}

// late is a response that is the request's body, which comes once it has begun.
type late struct {
	io.Reader
	begun chan struct{}
}

func (l *late) WriteTo(w io.Writer) (int64, error) {
	close(l.begun)
	return io.Copy(w, struct{ io.Reader }{l.Reader})
}

func (l *late) Close() error { return nil }

func TestClientOfHTTP10ThatTakesNothingIsCutOffAfterTheWholeWriteTimeout(t *testing.T) {
	f := serve(t, server.Config{Profile: server.ProfileOf("streaming"), WriteTimeout: 200 * time.Millisecond, MaxInflight: 1},
		func(_ context.Context, x *exchange.Exchange) error {
			x.Response.Begin(200, 10)
			x.Response.Stream = &pieces{next: func() ([]byte, error) { return make([]byte, 64<<10), nil }}
			return nil
		})
	conn := f.dial()
	_ = conn.SetReadBuffer(4096)
	fmt.Fprint(conn, "GET / HTTP/1.0\r\n\r\n")
	eventually(t, "it runs", func() bool { return f.InFlight() == 1 })
	eventually(t, "its place is free again", func() bool { return f.InFlight() == 0 })
}
