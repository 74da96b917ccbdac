package server_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"fwatchdog/internal/exchange"
	"fwatchdog/server"
)

// headers returns what a function got, each as "key: value".
func headers(x *exchange.Exchange) (list []string) {
	for _, h := range x.Request.Header {
		list = append(list, fmt.Sprintf("%s: %s", h.Key, h.Value))
	}
	return list
}

func TestHeadersAreKnownHoweverTheyAreWritten(t *testing.T) {
	for _, spell := range []func(string) string{strings.ToLower, strings.ToUpper, func(s string) string { return s }} {
		var got exchange.Request
		var list []string
		cfg := server.Config{ExecTimeout: time.Minute, Profile: server.ProfileOf("http")}
		f := serve(t, cfg, func(_ context.Context, x *exchange.Exchange) error {
			got, list = x.Request, headers(x)
			got.CallID, got.Upgrade = slices.Clone(got.CallID), slices.Clone(got.Upgrade)
			return fill(x, 200, "")
		})
		f.send(get("/", spell("Connection")+": keep-alive", spell("Connection")+": X-Hop, Upgrade", "x-hop: no", spell("Upgrade")+": websocket",
			spell("X-Timeout")+": 5s", spell("X-Call-Id")+": mine", "x-kept: yes"))
		if got.Timeout != 5*time.Second || string(got.CallID) != "mine" || string(got.Upgrade) != "websocket" {
			t.Errorf("%s: timeout %v, id %q, upgrade %q", spell("Name"), got.Timeout, got.CallID, got.Upgrade)
		}
		if !slices.Contains(list, "x-kept: yes") || slices.ContainsFunc(list, func(h string) bool {
			return strings.HasPrefix(strings.ToLower(h), "x-hop") || strings.HasPrefix(strings.ToLower(h), "connection") || strings.HasPrefix(strings.ToLower(h), "upgrade")
		}) {
			t.Errorf("%s: the function got %q", spell("Name"), list)
		}
	}
}

func TestExpectationIsSeenHoweverItIsWritten(t *testing.T) {
	f := serve(t, server.Config{}, echo)
	conn := f.dial()
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: h\r\nexpect: 100-continue\r\nContent-Length: 4\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	if line, err := r.ReadString('\n'); line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("got %q (%v)", line, err)
	}
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "body"); err != nil {
		t.Fatal(err)
	}
	if a := receive(t, r, "POST"); a.StatusCode != 200 || a.body != "body" {
		t.Errorf("got %d %q", a.StatusCode, a.body)
	}
}

func TestEmptyCallIDIsReplaced(t *testing.T) {
	var list []string
	f := serve(t, server.Config{}, func(_ context.Context, x *exchange.Exchange) error {
		list = headers(x)
		return fill(x, 200, "")
	})
	a := f.send(get("/", "X-Call-Id:"))
	if id := a.Header.Get("X-Call-Id"); id == "" || !slices.Contains(list, "X-Call-Id: "+id) || slices.Contains(list, "X-Call-Id: ") {
		t.Errorf("answered %q, the function got %q", id, list)
	}
}

func TestFunctionCannotSayWhatIsOurs(t *testing.T) {
	f := serve(t, server.Config{}, func(_ context.Context, x *exchange.Exchange) error {
		return fill(x, 200, "", "x-call-id: theirs", "x-duration-seconds: 9", "x-openfaas-internal: theirs", "x-fwatchdog-reason: theirs")
	})
	a := f.send(get("/", "X-Call-Id: mine"))
	if got := a.Header.Values("X-Call-Id"); !slices.Equal(got, []string{"mine"}) {
		t.Errorf("X-Call-Id is %q", got)
	}
	if got := a.Header.Values("X-Duration-Seconds"); len(got) != 1 || got[0] == "9" {
		t.Errorf("X-Duration-Seconds is %q", got)
	}
	for _, name := range []string{"X-OpenFaaS-Internal", "X-Fwatchdog-Reason"} {
		if got := a.Header.Values(name); got != nil {
			t.Errorf("%s is %q", name, got)
		}
	}
}

func TestEveryConnectionHeaderOfAResponseCounts(t *testing.T) {
	f := serve(t, server.Config{}, func(_ context.Context, x *exchange.Exchange) error {
		return fill(x, 200, "", "connection: close", "connection: x-hop", "x-hop: no", "x-kept: yes")
	})
	if a := f.send(get("/")); a.Header.Get("X-Hop") != "" || a.Header.Get("X-Kept") != "yes" {
		t.Errorf("got %v", a.Header)
	}
}

func TestTypeOfAnEncodedBodyIsNotGuessed(t *testing.T) {
	f := serve(t, server.Config{}, func(_ context.Context, x *exchange.Exchange) error {
		return fill(x, 200, "\x1f\x8b\x08", "content-encoding: gzip")
	})
	if got := f.send(get("/")).Header.Get("Content-Type"); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestBodyThatEndsBeforeItsLengthIsNoBody(t *testing.T) {
	for _, length := range []int{10, 100, 20_000, 900_000} {
		for _, mode := range []string{"", "serializing"} {
			streamed := make(chan error, 1)
			f := serve(t, server.Config{Profile: server.ProfileOf(mode)}, func(_ context.Context, x *exchange.Exchange) error {
				if x.Request.Stream == nil {
					return fill(x, 200, "")
				}
				_, err := io.Copy(io.Discard, x.Request.Stream)
				streamed <- err
				return err
			})
			conn := f.dial()
			if _, err := fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", length, strings.Repeat("x", length/2)); err != nil {
				t.Fatal(err)
			}
			if err := conn.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			ends := f.watch.seen(t, 1)
			if strings.Contains(ends[0], "200") || !strings.HasPrefix(ends[0], "post ") {
				t.Errorf("%q, %d bytes: %s", mode, length, ends[0])
			}
			if len(streamed) > 0 && <-streamed == nil {
				t.Errorf("%q, %d bytes: the function saw the end of a body", mode, length)
			}
		}
	}
}

func TestBodyOfWhichNothingComesIsJudgedAsAnyOther(t *testing.T) {
	for name, test := range map[string]struct {
		mode   string
		leaves bool
		status int
	}{
		"late":                     {"", false, 408},
		"late, mode serializing":   {"serializing", false, 500},
		"broken":                   {"", true, 400},
		"broken, mode serializing": {"serializing", true, 500},
	} {
		t.Run(name, func(t *testing.T) {
			f := serve(t, server.Config{ReadTimeout: 500 * time.Millisecond, Profile: server.ProfileOf(test.mode)}, echo)
			conn := f.dial()
			request := "PUT /a HTTP/1.1\r\nHost: h\r\nx-call-id: mine\r\nContent-Length: 5\r\n\r\n"
			if _, err := io.WriteString(conn, get("/first")+request); err != nil {
				t.Fatal(err)
			}
			if test.leaves {
				if err := conn.CloseWrite(); err != nil {
					t.Fatal(err)
				}
			}
			r := bufio.NewReader(conn)
			receive(t, r, "GET")
			a := receive(t, r, "PUT")
			if id := a.Header.Get("X-Call-Id"); a.StatusCode != test.status || test.mode == "" && id != "mine" {
				t.Errorf("got %d, call %q: %s", a.StatusCode, id, a.body)
			}
			if ends := f.watch.seen(t, 2); ends[1] != fmt.Sprintf("put %d", test.status) {
				t.Errorf("counted as %q", ends)
			}
		})
	}
}

func TestHeadThatStallsIsNoBodyThatDoes(t *testing.T) {
	f := serve(t, server.Config{ReadTimeout: 500 * time.Millisecond}, echo)
	conn := f.dial()
	if _, err := io.WriteString(conn, get("/first")+"GET /second HTTP/1.1\r\n"); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	receive(t, r, "GET")
	if a := receive(t, r, "GET"); a.StatusCode != 408 || !strings.Contains(a.body, "the request did not come in time") || a.Header.Get("X-Call-Id") == "" ||
		a.Header.Get("X-Duration-Seconds") == "" {
		t.Errorf("got %d %q %v", a.StatusCode, a.body, a.Header)
	}
	if ends := f.watch.seen(t, 2); ends[1] != "unknown 408" {
		t.Errorf("counted %q", ends)
	}
}

func TestClientOfHTTP10GetsNoChunks(t *testing.T) {
	for _, breaks := range []bool{false, true} {
		for _, connection := range []string{"", "Connection: keep-alive\r\n"} {
			n := 0
			f := serve(t, server.Config{WriteTimeout: patience}, func(_ context.Context, x *exchange.Exchange) error {
				x.Response.Begin(200, 0)
				x.Response.Stream = &pieces{next: func() ([]byte, error) {
					if n++; n <= 3 {
						return fmt.Appendf(nil, "piece %d ", n), nil
					}
					if breaks {
						return nil, &exchange.LostError{Cause: exchange.CauseCrash}
					}
					return nil, io.EOF
				}}
				return nil
			})
			conn := f.dial()
			if _, err := io.WriteString(conn, "GET / HTTP/1.0\r\nHost: h\r\n"+connection+"\r\n"); err != nil {
				t.Fatal(err)
			}
			all, err := io.ReadAll(conn)
			head, body, _ := strings.Cut(string(all), "\r\n\r\n")
			if !breaks && (strings.Contains(head, "Transfer-Encoding") || strings.Contains(head, "Content-Length") || !strings.Contains(head, "Connection: close") ||
				!strings.Contains(head, "X-Call-Id")) {
				t.Errorf("the head is %q", head)
			}
			if !breaks && (err != nil || body != "piece 1 piece 2 piece 3 ") {
				t.Errorf("got %q (%v)", body, err)
			}
			if breaks && err == nil {
				t.Errorf("got %q as if it were whole", body)
			}
			f.watch.seen(t, 1)
		}
	}
}
