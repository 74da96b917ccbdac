package forward_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"fwatchdog/internal/exchange"
	"fwatchdog/worker/forward"
)

func TestConnectionThatTheServerClosedIsReplacedOnce(t *testing.T) {
	var first atomic.Bool
	first.Store(true)
	closed := make(chan struct{})
	r := connect(t, noPath, func(c net.Conn, in *bufio.Reader) {
		head(in)
		text(c, "ok")
		if first.Swap(false) {
			_ = c.Close()
			close(closed)
			return
		}
		head(in)
		text(c, "again")
	})
	if got := r.ask(t.Context(), get("/")); got.body != "ok" {
		t.Fatal(got.err)
	}
	<-closed
	if got := r.ask(t.Context(), get("/")); got.body != "ok" || r.accepted.Load() != 2 {
		t.Errorf("got %q, %v, on %d connections", got.body, got.err, r.accepted.Load())
	}
	if got := r.ask(t.Context(), get("/")); got.body != "again" {
		t.Errorf("got %q, %v: it was not kept", got.body, got.err)
	}
}

func TestServerThatWentWithTheRequestMayHaveSeenIt(t *testing.T) {
	for _, dead := range []bool{true, false} {
		var r *rig
		r = connect(t, noPath, func(c net.Conn, in *bufio.Reader) {
			head(in)
			text(c, "ok")
			head(in)
			r.dead.Store(dead)
			_ = r.listener.Close()
		})
		r.ask(t.Context(), get("/"))
		broken := new(forward.BrokenError)
		if got := r.ask(t.Context(), get("/")); !errors.As(got.err, &broken) || broken.Unsent {
			t.Errorf("got %v", got.err)
		}
	}
}

func TestRequestWithABodyIsNotSentTwice(t *testing.T) {
	var got atomic.Int32
	r := connect(t, noPath, func(c net.Conn, in *bufio.Reader) {
		head(in)
		text(c, "ok")
		head(in)
		got.Add(1) // and no answer
	})
	r.ask(t.Context(), get("/"))
	if a := r.ask(t.Context(), post("x")); a.err == nil || got.Load() != 1 {
		t.Errorf("got %v, the server %d requests", a.err, got.Load())
	}
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	ended := make(chan time.Duration, 1)
	r := connect(t, noPath, func(c net.Conn, in *bufio.Reader) {
		head(in)
		began := time.Now()
		text(c, "ok")
		head(in)
		ended <- time.Since(began)
	})
	r.ask(t.Context(), get("/"))
	select {
	case idle := <-ended:
		if idle < 400*time.Millisecond {
			t.Errorf("closed after %v", idle)
		}
	case <-time.After(patience):
		t.Error("the idle connection stays")
	}
}

func TestTimeLimitEndsTheExchangeAndTellsTheServer(t *testing.T) {
	left := make(chan struct{})
	r := connect(t, forward.Config{URL: new(url.URL), Grace: patience}, func(_ net.Conn, in *bufio.Reader) {
		head(in)
		_, _ = io.Copy(io.Discard, in) // until we close our half
		close(left)
	})
	req := get("/")
	req.Timeout = 50 * time.Millisecond
	if got := r.ask(t.Context(), req); !errors.Is(got.err, exchange.ErrDeadline) {
		t.Errorf("got %v", got.err)
	}
	<-left
	if r.stuck.Load() != 0 {
		t.Error("a server that heeds the end is said to be stuck")
	}
}

func TestServerThatDoesNotHeedTheTimeLimitIsStuck(t *testing.T) {
	for name, begin := range map[string]string{"": "", "within the body": "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 9\r\n\r\nabc"} {
		t.Run(name, func(t *testing.T) {
			release := make(chan struct{})
			r := connect(t, forward.Config{URL: new(url.URL), Grace: 50 * time.Millisecond}, func(c net.Conn, in *bufio.Reader) {
				head(in)
				fmt.Fprint(c, begin)
				<-release
			})
			req := get("/")
			req.Timeout = 50 * time.Millisecond
			got := r.ask(t.Context(), req)
			if err := errors.Join(got.err, got.cut); err == nil || got.err != nil && !errors.Is(got.err, exchange.ErrDeadline) {
				t.Errorf("got %v, %v", got.err, got.cut)
			}
			if r.stuck.Load() != 1 || r.Late() != 0 {
				t.Errorf("%d times stuck, %d late", r.stuck.Load(), r.Late())
			}
			close(release)
		})
	}
}

func TestExchangeEndsWithItsContext(t *testing.T) {
	for name, begin := range map[string]string{"before the head": "", "within the body": "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 9\r\n\r\nabc"} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			left := make(chan struct{})
			r := connect(t, noPath, func(c net.Conn, in *bufio.Reader) {
				head(in)
				fmt.Fprint(c, begin)
				time.AfterFunc(20*time.Millisecond, cancel)
				_, _ = io.Copy(io.Discard, in)
				close(left)
			})
			got := r.ask(ctx, get("/"))
			if errors.Join(got.err, got.cut) == nil {
				t.Error("it did not end")
			}
			<-left
		})
	}
}

func TestPiecesArePassedOnAsTheyCome(t *testing.T) {
	for _, framing := range []string{"Content-Length: 3", "Transfer-Encoding: chunked", "Connection: close"} {
		next := make(chan struct{})
		r := connect(t, noPath, func(c net.Conn, in *bufio.Reader) {
			head(in)
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n%s\r\n\r\n", framing)
			for range 3 {
				if framing[0] == 'T' {
					fmt.Fprint(c, "1\r\nx\r\n")
				} else {
					fmt.Fprint(c, "x")
				}
				<-next
			}
			if framing[0] == 'T' {
				fmt.Fprint(c, "0\r\n\r\n")
			}
		})
		x := &exchange.Exchange{Request: get("/")}
		if err := r.Do(t.Context(), x, func() {}); err != nil {
			t.Fatal(err)
		}
		n, err := x.Response.Stream.WriteTo(writer(func(p []byte) (int, error) {
			next <- struct{}{} // the server goes on when a piece has come
			return len(p), nil
		}))
		if n != 3 || err != nil {
			t.Errorf("%s: %d bytes, %v", framing, n, err)
		}
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

func TestWhyABodyIsNotWholeIsTold(t *testing.T) {
	refuse := writer(func([]byte) (int, error) { return 0, errors.New("cannot be written") })
	for name, test := range map[string]struct {
		limit time.Duration
		end   func(body exchange.Stream)
		want  error
	}{
		"its reader closes it":       {0, func(b exchange.Stream) { _ = b.Close() }, exchange.ErrClientGone},
		"its reader cannot write it": {0, func(b exchange.Stream) { _, _ = b.WriteTo(refuse) }, exchange.ErrClientGone},
		"the time is up":             {50 * time.Millisecond, func(b exchange.Stream) { _, _ = b.WriteTo(io.Discard) }, exchange.ErrDeadline},
	} {
		t.Run(name, func(t *testing.T) {
			r := connect(t, noPath, func(c net.Conn, in *bufio.Reader) {
				head(in)
				fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 10\r\n\r\nabc")
				_, _ = io.Copy(io.Discard, in)
			})
			x := &exchange.Exchange{Request: get("/")}
			x.Request.Timeout = test.limit
			if err := r.Do(t.Context(), x, func() {}); err != nil {
				t.Fatal(err)
			}
			test.end(x.Response.Stream)
			if err := r.failed.Load(); err == nil || !errors.Is(*err, test.want) {
				t.Errorf("not told of %v", test.want)
			}
		})
	}
}

func TestBodyThatIsNotWantedAnyMoreIsCutOff(t *testing.T) {
	left := make(chan struct{})
	r := connect(t, noPath, func(c net.Conn, in *bufio.Reader) {
		head(in)
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n")
		_, _ = io.Copy(io.Discard, in)
		close(left)
	})
	x, over := &exchange.Exchange{Request: get("/")}, 0
	if err := r.Do(t.Context(), x, func() { over++ }); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_ = x.Response.Stream.Close() // a second Close is one
	}
	<-left
	if over != 1 {
		t.Errorf("over %d times", over)
	}
}

func TestTunnelCarriesBytesBothWays(t *testing.T) {
	r := connect(t, noPath, func(c net.Conn, in *bufio.Reader) {
		if h := head(in); h != "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" {
			t.Errorf("the server saw %q", h)
		}
		fmt.Fprint(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-A: 1\r\n\r\nfirst")
		_, _ = io.Copy(c, in)
	})
	x, over := &exchange.Exchange{Request: get("/")}, 0
	x.Request.Upgrade, x.Request.Timeout = []byte("websocket"), time.Hour
	if err := r.Do(t.Context(), x, func() { over++ }); err != nil {
		t.Fatal(err)
	}
	ours, theirs := forward.TCPPair(t)
	joined := make(chan struct{})
	go func() {
		defer close(joined)
		_ = x.Response.Tunnel.Join(theirs) // however it ends
		_ = x.Response.Tunnel.Close()
	}()
	for _, want := range []string{"first", "hello"} {
		got := make([]byte, len(want))
		if _, err := io.ReadFull(ours, got); err != nil || string(got) != want {
			t.Errorf("got %q, %v", got, err)
		}
		fmt.Fprint(ours, "hello")
	}
	_ = ours.Close()
	<-joined
	if over != 1 || x.Response.Status != 101 {
		t.Errorf("over %d times, status %d", over, x.Response.Status)
	}
}

func TestRequestIsNotRepeatedForAServerThatDied(t *testing.T) {
	var r *rig
	r = connect(t, noPath, func(c net.Conn, in *bufio.Reader) {
		head(in)
		text(c, "ok")
		head(in)
		r.dead.Store(true) // of this request, though its port may be another's soon
	})
	r.ask(t.Context(), get("/"))
	if got := r.ask(t.Context(), get("/")); got.err == nil || r.accepted.Load() != 1 {
		t.Errorf("got %v, on %d connections", got.err, r.accepted.Load())
	}
}

func TestRequestWithABodyGetsAConnectionThatIsOpen(t *testing.T) {
	closed := make(chan struct{}, 100)
	r := connect(t, noPath, func(c net.Conn, in *bufio.Reader) {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		text(c, "ok")
		_ = c.Close() // though it has not said so
		closed <- struct{}{}
	})
	for range 20 {
		if got := r.ask(t.Context(), post("x")); got.err != nil {
			t.Fatal(got.err)
		}
		<-closed
	}
}
