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
