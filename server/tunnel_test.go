package server_test

import (
	"context"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"fwatchdog/internal/exchange"
	"fwatchdog/server"
)

// tunnel counts what is done with it, and says hello.
type tunnel struct{ joined, closed atomic.Int32 }

func (u *tunnel) Join(client net.Conn) error {
	u.joined.Add(1)
	_, err := io.WriteString(client, "hello")
	return err
}

func (u *tunnel) Close() error { u.closed.Add(1); return nil }

func (u *tunnel) is(t *testing.T, joined, closed int32) {
	t.Helper()
	if j, c := u.joined.Load(), u.closed.Load(); j != joined || c != closed {
		t.Errorf("it was joined %d times and closed %d times, want %d and %d", j, c, joined, closed)
	}
}

// switching is a server whose function changes the protocol, where a request asks for it, once it may.
func switching(t *testing.T, u *tunnel, may <-chan struct{}, headers ...string) *fixture {
	return serve(t, server.Config{Profile: server.ProfileOf("http")}, func(_ context.Context, x *exchange.Exchange) error {
		if len(x.Request.Upgrade) == 0 {
			return fill(x, 200, "plain")
		}
		<-may
		x.Response.Begin(101, 100)
		for _, h := range headers {
			key, value, _ := strings.Cut(h, ": ")
			x.Response.Add([]byte(key), []byte(value))
		}
		x.Response.Tunnel = u
		return nil
	})
}

// now is a channel that lets everybody pass.
func now() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

func TestProtocolIsNotSwitchedWithAHeaderThatIsRefused(t *testing.T) {
	u := &tunnel{}
	f := switching(t, u, now(), "x a: 1")
	if a := f.send(get("/", "Connection: Upgrade", "Upgrade: websocket")); a.StatusCode != 500 {
		t.Errorf("got %d", a.StatusCode)
	}
	if ends := f.watch.seen(t, 1); len(ends) != 1 {
		t.Errorf("it has ended %d times", len(ends))
	}
	f.stop()
	u.is(t, 0, 1)
}

func TestATunnelIsJoinedAlthoughTheConnectionIsToClose(t *testing.T) {
	for _, connection := range []string{"Upgrade", "Upgrade, close", "close, Upgrade"} {
		t.Run(connection, func(t *testing.T) {
			u := &tunnel{}
			f := switching(t, u, now())
			conn := f.dial()
			if _, err := io.WriteString(conn, get("/", "Connection: "+connection, "Upgrade: websocket")); err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(conn)
			head, rest, _ := strings.Cut(string(text), "\r\n\r\n")
			if err != nil || !strings.HasPrefix(head, "HTTP/1.1 101 ") || !strings.Contains(head, "\r\nConnection: Upgrade") || rest != "hello" {
				t.Errorf("got %q (%v)", text, err)
			}
			f.stop()
			u.is(t, 1, 1)
		})
	}
}

func TestATunnelIsJoinedThatBeginsWhileTheServerDrains(t *testing.T) {
	u, may := &tunnel{}, make(chan struct{})
	f := switching(t, u, may)
	conn := f.dial()
	if _, err := io.WriteString(conn, get("/", "Connection: Upgrade", "Upgrade: websocket")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it runs", func() bool { return f.InFlight() == 1 })
	go f.stop()
	eventually(t, "the server drains", f.Draining)
	close(may)
	if text, err := io.ReadAll(conn); err != nil || !strings.HasSuffix(string(text), "\r\n\r\nhello") {
		t.Errorf("got %q (%v)", text, err)
	}
	f.stop()
	u.is(t, 1, 1)
}

func TestATunnelIsClosedWhoseClientIsGone(t *testing.T) {
	u, may := &tunnel{}, make(chan struct{})
	f := switching(t, u, may)
	conn := f.dial()
	// The answer to the first request waits for that to the second: that it cannot be written shows before the tunnel is joined.
	if _, err := io.WriteString(conn, get("/")+get("/", "Connection: Upgrade", "Upgrade: websocket")); err != nil {
		t.Fatal(err)
	}
	f.watch.seen(t, 1)
	eventually(t, "the second runs", func() bool { return f.InFlight() == 1 })
	if err := conn.SetLinger(0); err != nil { // so that it is a reset
		t.Fatal(err)
	}
	conn.Close()
	close(may)
	eventually(t, "it is over", func() bool { return f.InFlight() == 0 })
	f.stop()
	u.is(t, 0, 1)
}

func TestARequestWithABodyOrOfHTTP10BecomesNoTunnel(t *testing.T) {
	u := &tunnel{}
	f := switching(t, u, now())
	for name, request := range map[string]string{
		"chunks":    get("/", "Connection: Upgrade", "Upgrade: websocket", "Transfer-Encoding: chunked") + "2\r\nok\r\n0\r\n\r\n",
		"two bytes": get("/", "Connection: Upgrade", "Upgrade: websocket", "Content-Length: 2") + "ok",
		"HTTP/1.0":  "GET / HTTP/1.0\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
	} {
		if a := f.send(request); a.StatusCode != 200 || a.body != "plain" {
			t.Errorf("%s: got %d %q", name, a.StatusCode, a.body)
		}
	}
	u.is(t, 0, 0)
}
