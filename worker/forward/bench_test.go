package forward_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/url"
	"testing"

	"fwatchdog/internal/exchange"
	"fwatchdog/worker/forward"
)

// answerer answers every request on every connection with the same bytes, as fast as it can.
func answerer(b *testing.B, answer []byte) *url.URL {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go answerAll(c, answer)
		}
	}()
	return &url.URL{Scheme: "http", Host: l.Addr().String()}
}

func answerAll(c net.Conn, answer []byte) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		if len(bytes.TrimSpace(line)) == 0 {
			if _, err := c.Write(answer); err != nil {
				return
			}
		}
	}
}

func BenchmarkDo(b *testing.B) {
	for name, answer := range map[string]string{
		"whole":    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: now\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
		"streamed": "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	} {
		b.Run(name, func(b *testing.B) {
			c, err := forward.New(forward.Config{URL: answerer(b, []byte(answer)), Dead: func() bool { return false }})
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			header := fields("Host", "h", "User-Agent", "u", "Accept", "*/*")
			x := new(exchange.Exchange)
			over := func() {}
			b.ReportAllocs()
			for b.Loop() {
				x.Reset()
				x.Request.Method, x.Request.Target = []byte("GET"), []byte("/")
				x.Request.Header = append(x.Request.Header, header...)
				if err := c.Do(b.Context(), x, over); err != nil {
					b.Fatal(err)
				}
				if x.Response.Stream != nil {
					if _, err := x.Response.Stream.WriteTo(io.Discard); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
