package server_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/valyala/fasthttp/fasthttputil"
	"go.uber.org/zap"

	"fwatchdog/internal/exchange"
	"fwatchdog/server"
)

// nothing observes nothing.
type nothing struct{}

func (nothing) Begin(time.Time)                                                        {}
func (nothing) End(string, int, time.Time, time.Duration, time.Duration, bool, string) {}

// BenchmarkSmallRequest is a whole request on a connection that stays open, before a function that costs nothing.
func BenchmarkSmallRequest(b *testing.B) {
	for name, network := range map[string]network{"loopback": loopback, "memory": memory} {
		b.Run(name, func(b *testing.B) {
			ask := roundTrip(b, server.Config{}, network, "Accept: */*")
			b.ReportAllocs()
			for b.Loop() {
				ask()
			}
		})
	}
}

// network makes a listener and what connects to it.
type network func(t testing.TB) (net.Listener, func() (net.Conn, error))

func loopback(t testing.TB) (net.Listener, func() (net.Conn, error)) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener, func() (net.Conn, error) { return net.Dial("tcp", listener.Addr().String()) }
}

// memory is no network at all: what is counted is all ours and fasthttp's.
func memory(testing.TB) (net.Listener, func() (net.Conn, error)) {
	listener := fasthttputil.NewInmemoryListener()
	return listener, listener.Dial
}

// roundTrip returns what sends one small request to a server and reads its answer, without garbage of its own.
func roundTrip(t testing.TB, cfg server.Config, over network, headers ...string) func() {
	t.Helper()
	fn := &function{do: func(_ context.Context, x *exchange.Exchange) error {
		x.Response.Begin(200, 30)
		x.Response.Add([]byte("content-type"), []byte("text/plain"))
		x.Response.Body = append(x.Response.Body, "hello"...)
		return nil
	}}
	s, err := server.New(cfg, fn, nothing{}, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	listener, dial := over(t)
	served := make(chan error, 1)
	go func() { served <- s.Serve(listener) }()
	conn, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close() // it has served its turn
		s.Shutdown(context.Background())
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	request, buf := []byte(get("/", headers...)), make([]byte, 4096)
	return func() {
		if _, err := conn.Write(request); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(buf); err != nil {
			t.Fatal(err)
		}
	}
}
