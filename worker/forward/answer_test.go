package forward_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
)

// answered is the answer to a GET, of which the test writes every byte.
func answered(t *testing.T, bytes string) answer {
	t.Helper()
	r := connect(t, noPath, func(c net.Conn, in *bufio.Reader) {
		head(in)
		fmt.Fprint(c, bytes)
	})
	return r.ask(t.Context(), get("/"))
}

func TestHeadersThatAnyLineOfConnectionNamesStayHere(t *testing.T) {
	for _, lines := range []string{
		"connection: x-up", "Connection: keep-alive\r\nConnection: x-up", "CONNECTION: x-up\r\nconnection: keep-alive",
		"Connection: a, x-up ,close\r\nconnection: b",
	} {
		got := answered(t, "HTTP/1.1 200 OK\r\nX-Up: 1\r\n"+lines+"\r\nX-Kept: 1\r\nContent-Length: 2\r\n\r\nok")
		var names []string
		for _, f := range got.Header {
			names = append(names, string(f.Key))
		}
		if strings.Join(names, " ") != "Content-Length X-Kept" || got.err != nil {
			t.Errorf("%q: got %q, %v", lines, names, got.err)
		}
	}
}

func TestLengthThatIsRepeatedIsTakenOnce(t *testing.T) {
	for name, lines := range map[string]string{
		"twice":       "Content-Length: 2\r\nX-A: 1\r\ncontent-length:2 \r\n",
		"three times": "Content-Length: 2\r\nContent-Length: 2\r\nX-A: 1\r\nContent-Length: 2\r\n",
	} {
		got := answered(t, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"+lines+"\r\nok")
		if len(got.Header) != 2 || string(got.Header[0].Value) != "2" || string(got.Header[1].Key) != "X-A" || got.body != "ok" || got.err != nil {
			t.Errorf("%s: got %q and %q, %v", name, got.Header, got.body, got.err)
		}
	}
	body := "a\nContent-Length: 40\nContent-Length: 40\n"
	if got := answered(t, "HTTP/1.1 200 OK\r\nContent-Length: 40\r\nContent-Length: 40\r\n\r\n"+body); got.body != body {
		t.Errorf("the body became %q, %v", got.body, got.err)
	}
}

func TestLengthsThatDifferAreNoAnswer(t *testing.T) {
	for _, lines := range []string{
		"Content-Length: 2\r\nContent-Length: 3\r\n", "Content-Length: 2\r\nContent-Length: 2\r\nContent-Length: 3\r\n",
		"Content-Length: 2\r\nContent-Length: 3\r\nContent-Length: 2\r\n", "Content-Length: 2\r\nContent-Length: 2\r\n 3\r\n",
		"Content-Length: 2\r\nContent-Length: 02\r\n",
	} {
		if got := answered(t, "HTTP/1.1 200 OK\r\n"+lines+"\r\nok"); got.err == nil {
			t.Errorf("%q: got %q and %q", lines, got.Header, got.body)
		}
	}
}
