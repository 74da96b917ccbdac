package server_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"fwatchdog/internal/exchange"
	"fwatchdog/server"
)

// ends demands that the server stops long before anybody's patience ends.
func (f *fixture) ends(stop func()) {
	f.t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		stop()
	}()
	select {
	case <-done:
	case <-time.After(patience / 2):
		f.t.Error("it has not stopped")
	}
	<-done
}

func TestRequestThatNeverComesWholeDoesNotHoldUpTheEnd(t *testing.T) {
	for name, begin := range map[string]string{
		"nothing":          "",
		"a part of a head": "GET / HT",
		"a large head":     "GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 10_000),
		"no body":          "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			f := serve(t, server.Config{}, echo)
			conn := f.dial()
			if _, err := io.WriteString(conn, begin); err != nil {
				t.Fatal(err)
			}
			f.send(get("/")) // so the server has accepted the one before
			f.ends(func() { f.stop() })
		})
	}
}

func TestRequestThatArrivesAsTheListenerClosesIsAnswered(t *testing.T) {
	f := serve(t, server.Config{}, echo)
	conn := f.dial()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\n"); err != nil {
		t.Fatal(err)
	}
	f.send(get("/"))
	go f.stop()
	eventually(t, "the server drains", f.Draining)
	if _, err := io.WriteString(conn, "Host: h\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if all, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(all), "HTTP/1.1 200") {
		t.Errorf("got %q (%v)", all, err)
	}
}

func TestClientThatTakesNothingDoesNotHoldUpAnEndInAHurry(t *testing.T) {
	big := make([]byte, 1<<20)
	for name, request := range map[string]string{
		"one request": get("/"),
		"many requests on a connection with a large head": get("/", "X: "+strings.Repeat("x", 10_000)) + strings.Repeat(get("/"), 50),
	} {
		t.Run(name, func(t *testing.T) {
			f := serve(t, server.Config{}, func(_ context.Context, x *exchange.Exchange) error {
				x.Response.Begin(200, 0)
				x.Response.Body = append(x.Response.Body, big...)
				if name == "one request" {
					x.Response.Stream = &pieces{next: func() ([]byte, error) { return big, nil }}
					x.Response.Body = x.Response.Body[:0]
				}
				return nil
			})
			conn := f.dial()
			if _, err := io.WriteString(conn, request); err != nil {
				t.Fatal(err)
			}
			eventually(t, "it has begun", func() bool { return f.watch.running.Load() > 0 || len(f.watch.seen(t, 0)) > 0 })
			hurried, hurry := context.WithCancel(t.Context())
			hurry()
			f.ends(func() {
				f.Shutdown(hurried)
				f.stop()
			})
		})
	}
}
