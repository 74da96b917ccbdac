package forward_test

import (
	"bufio"
	"net"
	"net/url"
	"strings"
	"testing"

	"fwatchdog/worker/forward"
)

func TestBufferedBodyThatIsEmptyHasALengthToo(t *testing.T) {
	r := connect(t, forward.Config{URL: new(url.URL), BufferBody: true}, func(c net.Conn, in *bufio.Reader) {
		text(c, head(in))
	})
	req := post("")
	req.Stream, req.Length = newCloser(strings.NewReader("")), -1
	if got := r.ask(t.Context(), req); got.body != "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n" {
		t.Errorf("got %q, %v", got.body, got.err)
	}
}
