package server_test

import (
	"context"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"fwatchdog/internal/exchange"
	"fwatchdog/server"
)

// The time that a quadratic look at these took was 30 s and more.
func TestManyHeadersAndNamesInConnectionTakeNoTime(t *testing.T) {
	list := "Connection: " + strings.Repeat("a,", 200_000) + "close\r\n"
	for name, c := range map[string]struct {
		head   string
		status int
	}{
		"a long list":                  {list + strings.Repeat("c:d\r\n", 1900), 200},
		"many lines":                   {strings.Repeat("Connection:aaaa\r\n", 50_000), 200},
		"many names that are none":     {strings.Repeat("c d:e\r\n", 60_000), 400},
		"a long list and many headers": {list + strings.Repeat("c:d\r\n", 60_000), 431},
	} {
		t.Run(name, func(t *testing.T) {
			f := serve(t, server.Config{Profile: server.ProfileOf("static")}, echo)
			begun := time.Now()
			a := f.send("GET / HTTP/1.1\r\nHost: h\r\n" + c.head + "\r\n")
			if took := time.Since(begun); a.StatusCode != c.status || took > patience/2 {
				t.Errorf("got %d after %v", a.StatusCode, took)
			}
		})
	}
}

func TestManyNamesInAnAnswersConnectionTakeNoTime(t *testing.T) {
	f := serve(t, server.Config{}, func(_ context.Context, x *exchange.Exchange) error {
		headers := []string{"connection: " + strings.Repeat("a,", 200_000) + "B"}
		for range 20_000 {
			headers = append(headers, "b: c")
		}
		return fill(x, 200, "", headers...)
	})
	begun := time.Now()
	a := f.send(get("/"))
	if took := time.Since(begun); a.StatusCode != 200 || a.Header["B"] != nil || took > patience/2 {
		t.Errorf("got %d with %d headers after %v", a.StatusCode, len(a.Header["B"]), took)
	}
}

// starved is a listener whose process has no descriptor left for a while.
type starved struct {
	net.Listener
	tries atomic.Int32
}

func (s *starved) Accept() (net.Conn, error) {
	if s.tries.Add(1) <= 3 {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return s.Listener.Accept()
}

func TestToHaveNoDescriptorsLeftIsNotTheEnd(t *testing.T) {
	s, err := server.New(server.Config{}, &function{do: echo}, &watcher{}, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	l, err := server.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(&starved{Listener: l}) }()
	f := &fixture{t: t, addr: l.Addr().String()}
	if a := f.send(get("/_/health", "Connection: close")); a.StatusCode != 200 {
		t.Errorf("got %d", a.StatusCode)
	}
	s.Shutdown(t.Context())
	if err := <-served; err != nil {
		t.Error(err)
	}
}
