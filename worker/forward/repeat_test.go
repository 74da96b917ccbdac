package forward_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"fwatchdog/internal/exchange"
)

// onKept makes a request on a connection that was kept, of a server that reads it and hangs up, and returns how often the
// server has seen it.
func onKept(t *testing.T, req exchange.Request) (seen int, err error) {
	t.Helper()
	targets := make(chan string, 10)
	r := connect(t, noPath, func(c net.Conn, in *bufio.Reader) {
		for {
			got, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			targets <- got.RequestURI
			if got.RequestURI != "/first" {
				return
			}
			text(c, "ok")
		}
	})
	if got := r.ask(t.Context(), get("/first")); got.err != nil {
		t.Fatal(got.err)
	}
	<-targets
	got := r.ask(t.Context(), req)
	return len(targets), got.err
}

func TestRequestWithoutABodyIsSentTwiceOnlyWhereThatDoesNoMore(t *testing.T) {
	for method, want := range map[string]int{"GET": 2, "HEAD": 2, "PUT": 2, "DELETE": 2, "POST": 1, "PATCH": 1, "ODD": 1} {
		seen, err := onKept(t, exchange.Request{Method: []byte(method), Target: []byte("/second"), Header: fields("Host", "h")})
		if seen != want || err == nil {
			t.Errorf("%s: the server saw %d requests, and the answer is %v", method, seen, err)
		}
	}
}

func TestPostWithoutABodyGetsAConnectionThatIsOpen(t *testing.T) {
	closed := make(chan struct{}, 100)
	r := connect(t, noPath, func(c net.Conn, in *bufio.Reader) {
		if _, err := http.ReadRequest(in); err != nil {
			return
		}
		text(c, "ok")
		_ = c.Close() // though it has not said so
		closed <- struct{}{}
	})
	for range 20 {
		if got := r.ask(t.Context(), post("")); got.err != nil {
			t.Fatal(got.err)
		}
		<-closed
	}
}

func TestWhatTheServerSaysUnaskedIsNobodysAnswer(t *testing.T) {
	answered, said := make(chan struct{}), make(chan struct{})
	var connections atomic.Int32
	r := connect(t, noPath, func(c net.Conn, in *bufio.Reader) {
		head(in)
		if connections.Add(1) > 1 {
			text(c, "ok")
			return
		}
		fmt.Fprint(c, "HTTP/1.1 204 No Content\r\n\r\n")
		<-answered
		text(c, "unasked") // as servers do that send a body where there is none
		close(said)
		head(in)
	})
	if got := r.ask(t.Context(), get("/")); got.err != nil {
		t.Fatal(got.err)
	}
	close(answered)
	<-said
	if got := r.ask(t.Context(), get("/")); got.err != nil || got.body != "ok" {
		t.Errorf("got %q, %v", got.body, got.err)
	}
}
