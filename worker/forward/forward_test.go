package forward_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"fwatchdog/internal/exchange"
	"fwatchdog/worker/forward"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long anything that is waited for may take.
const patience = 10 * time.Second

// rig is a server that answers as the test says, byte by byte, and a client of it.
type rig struct {
	*forward.Client
	t        *testing.T
	listener net.Listener
	accepted atomic.Int32 // connections
	stuck    atomic.Int32
	over     atomic.Int32
	dead     atomic.Bool
	failed   atomic.Pointer[error] // why the last exchange that failed has
}

// connect starts a server that plays scene on each connection, and closes that behind it.
func connect(t *testing.T, cfg forward.Config, scene func(c net.Conn, r *bufio.Reader)) *rig {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, listener: l}
	served := make(chan struct{})
	go func() {
		defer close(served)
		r.accept(l, scene)
	}()
	cfg.URL = &url.URL{Scheme: "http", Host: l.Addr().String(), Path: cfg.URL.Path}
	cfg.Stuck = func() { r.stuck.Add(1) }
	cfg.Dead = r.dead.Load
	cfg.Failed = func(err error) { r.failed.Store(&err) }
	if r.Client, err = forward.New(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.Close()
		_ = l.Close()
		<-served
	})
	return r
}

func (r *rig) accept(l net.Listener, scene func(net.Conn, *bufio.Reader)) {
	ended := make(chan struct{})
	n := 0
	for {
		c, err := l.Accept()
		if err != nil {
			break
		}
		r.accepted.Add(1)
		n++
		go func() {
			defer func() { ended <- struct{}{} }()
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(patience))
			scene(c, bufio.NewReader(c))
		}()
	}
	for range n {
		<-ended
	}
}

var noPath = forward.Config{URL: new(url.URL)}

// answer is what came back, body and all.
type answer struct {
	exchange.Response
	body string
	err  error // of Do
	cut  error // of the body
}

// ask makes a request and reads the whole answer.
func (r *rig) ask(ctx context.Context, req exchange.Request) answer {
	x := &exchange.Exchange{Request: req}
	before := r.over.Load()
	err := r.Do(ctx, x, func() { r.over.Add(1) })
	a := answer{Response: x.Response, err: err, body: string(x.Response.Body)}
	if x.Response.Stream != nil {
		var b bytes.Buffer
		_, a.cut = x.Response.Stream.WriteTo(&b)
		_ = x.Response.Stream.Close() // WriteTo has told
		a.body = b.String()
	}
	eventually(r.t, "the place is given back once", func() bool { return r.over.Load() == before+1 })
	return a
}

func get(target string) exchange.Request {
	return exchange.Request{Method: []byte("GET"), Target: []byte(target), Header: fields("Host", "h")}
}

func post(body string) exchange.Request {
	return exchange.Request{Method: []byte("POST"), Target: []byte("/"), Header: fields("Host", "h"), Body: []byte(body)}
}

func fields(keysAndValues ...string) []exchange.Field {
	var header []exchange.Field
	for i := 0; i < len(keysAndValues); i += 2 {
		header = append(header, exchange.Field{Key: []byte(keysAndValues[i]), Value: []byte(keysAndValues[i+1])})
	}
	return header
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	late := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-late:
			t.Fatalf("it is not so that %s", what)
		case <-tick.C:
		}
	}
}

// head reads a request's head as it came.
func head(r *bufio.Reader) string {
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		b.WriteString(line)
		if err != nil || line == "\r\n" {
			return b.String()
		}
	}
}

// text is an answer whose headers are those that the test says.
func text(c io.Writer, body string) {
	fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func TestServerSeesTheRequestByteForByte(t *testing.T) {
	r := connect(t, forward.Config{URL: &url.URL{Path: "/base"}}, func(c net.Conn, in *bufio.Reader) {
		for {
			h := head(in)
			if h == "" {
				return
			}
			text(c, h)
		}
	})
	with := func(req exchange.Request, header ...string) exchange.Request {
		req.Header = append(req.Header, fields(header...)...)
		return req
	}
	for _, test := range []struct {
		name string
		req  exchange.Request
		want string
	}{
		{"target", get("/a%20b//../c?d=%2F&&"), "GET /base/a%20b//../c?d=%2F&& HTTP/1.1\r\nHost: h\r\n\r\n"},
		{"order, case and repetition", with(get("/"), "x-B", "1", "X-a", "2", "x-b", ""),
			"GET /base/ HTTP/1.1\r\nHost: h\r\nx-B: 1\r\nX-a: 2\r\nx-b: \r\n\r\n"},
		{"no host", exchange.Request{Method: []byte("ODD"), Target: []byte("/")}, "ODD /base/ HTTP/1.1\r\nHost: 127.0.0.1"},
		{"absolute target", get("http://other:1/a?b"), "GET /base/a?b HTTP/1.1\r\nHost: h\r\n\r\n"},
		{"absolute target without a path", get("http://other:1?b/c"), "GET /base/?b/c HTTP/1.1\r\nHost: h\r\n\r\n"},
		{"a body that is said to be empty", with(get("/"), "content-length", "0"),
			"GET /base/ HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := r.ask(t.Context(), test.req); !strings.HasPrefix(got.body, test.want) {
				t.Errorf("got %q, %v, want %q", got.body, got.err, test.want)
			}
		})
	}
}

// closer makes a reader a request's stream.
type closer struct {
	io.Reader
	closed chan struct{}
}

func newCloser(r io.Reader) *closer { return &closer{r, make(chan struct{})} }

func (c *closer) Close() error {
	select {
	case <-c.closed:
	default:
		close(c.closed)
	}
	return nil
}

// stuckReader is a client that sends no more.
type stuckReader struct{ c *closer }

func (s *stuckReader) Read([]byte) (int, error) {
	<-s.c.closed
	return 0, exchange.ErrBody
}

func TestBodiesGoBothWays(t *testing.T) {
	var chunked atomic.Bool
	r := connect(t, noPath, func(c net.Conn, in *bufio.Reader) {
		for {
			req, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			chunked.Store(req.ContentLength < 0)
			body, _ := io.ReadAll(req.Body) // a broken one is shorter
			text(c, string(body))
		}
	})
	for _, size := range []int{0, 1, 16 << 10, 16<<10 + 1, 64 << 10, 3 << 20} {
		body := strings.Repeat("x", size)
		if got := r.ask(t.Context(), post(body)); got.body != body {
			t.Errorf("of %d bytes came %d: %v", size, len(got.body), got.err)
		}
		streamed := post("")
		streamed.Stream, streamed.Length = newCloser(strings.NewReader(body)), -1
		if got := r.ask(t.Context(), streamed); got.body != body || !chunked.Load() {
			t.Errorf("of %d streamed bytes came %d: %v", size, len(got.body), got.err)
		}
		if size > 0 {
			streamed.Stream, streamed.Length = newCloser(strings.NewReader(body)), size
			if got := r.ask(t.Context(), streamed); got.body != body || chunked.Load() {
				t.Errorf("of %d bytes of known length came %d: %v", size, len(got.body), got.err)
			}
		}
	}
	if n := r.accepted.Load(); n != 1 {
		t.Errorf("%d connections were made", n)
	}
}

func TestBufferedBodyHasALength(t *testing.T) {
	r := connect(t, forward.Config{URL: new(url.URL), BufferBody: true}, func(c net.Conn, in *bufio.Reader) {
		text(c, head(in))
	})
	req := post("")
	req.Stream, req.Length = newCloser(strings.NewReader("hello")), -1
	if got := r.ask(t.Context(), req); !strings.Contains(got.body, "Content-Length: 5\r\n") {
		t.Errorf("got %q, %v", got.body, got.err)
	}
}

func TestBrokenUploadsEndTheExchangeWithTheClientsError(t *testing.T) {
	for name, req := range map[string]exchange.Request{
		"short":   {Stream: newCloser(strings.NewReader("abc")), Length: 10},
		"failing": {Stream: newCloser(io.MultiReader(strings.NewReader("abc"), failing{})), Length: -1},
	} {
		t.Run(name, func(t *testing.T) {
			r := connect(t, noPath, func(_ net.Conn, in *bufio.Reader) { _, _ = io.Copy(io.Discard, in) })
			req.Method, req.Target = []byte("POST"), []byte("/")
			if got := r.ask(t.Context(), req); !errors.Is(got.err, exchange.ErrBody) {
				t.Errorf("got %v", got.err)
			}
		})
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, fmt.Errorf("%w: gone", exchange.ErrBody) }

func TestAnswerMayComeBeforeTheUploadEnds(t *testing.T) {
	r := connect(t, noPath, func(c net.Conn, in *bufio.Reader) {
		head(in)
		fmt.Fprint(c, "HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno")
		_, _ = io.Copy(io.Discard, in)
	})
	body := newCloser(nil)
	body.Reader = &stuckReader{body}
	got := r.ask(t.Context(), exchange.Request{Method: []byte("POST"), Target: []byte("/"), Stream: body, Length: 1 << 20})
	if got.err != nil || got.Status != 413 || got.body != "no" {
		t.Errorf("got %d %q, %v", got.Status, got.body, got.err)
	}
}

func TestHeadersOfTheConnectionStayHere(t *testing.T) {
	r := connect(t, noPath, func(c net.Conn, in *bufio.Reader) {
		head(in)
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nX-Kept: 1\r\nx-kept: 2\r\nConnection: x-named, close\r\nX-Named: 1\r\nKeep-Alive: 1\r\n"+
			"Proxy-Authenticate: p\r\nUpgrade: h2c\r\nDate: d\r\nx-duration-seconds: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: a=2\r\n"+
			"Trailer: X-T\r\nTransfer-Encoding: chunked\r\nServer: s\r\nContent-Type: a/b\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n")
	})
	got := r.ask(t.Context(), get("/"))
	var names []string
	for _, f := range got.Header {
		names = append(names, string(f.Key)+"="+string(f.Value))
	}
	if want := "Content-Type=a/b Server=s Set-Cookie=a=1 Set-Cookie=a=2 X-Kept=1 x-kept=2"; strings.Join(names, " ") != want || got.body != "ok" {
		t.Errorf("got %q and %q, %v", names, got.body, got.cut)
	}
}

func TestTypeIsFoundByTheBodyWhenNobodySaysIt(t *testing.T) {
	r := connect(t, noPath, func(c net.Conn, in *bufio.Reader) {
		head(in)
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n<html>\r\n0\r\n\r\n")
	})
	got := r.ask(t.Context(), get("/"))
	if len(got.Header) != 1 || string(got.Header[0].Value) != "text/html; charset=utf-8" || got.body != "<html>" {
		t.Errorf("got %q and %q", got.Header, got.body)
	}
}

func TestLargeHeadsAreRead(t *testing.T) {
	for _, size := range []int{4000, 4096, 5000, 100_000} {
		value := strings.Repeat("v", size)
		r := connect(t, noPath, func(c net.Conn, in *bufio.Reader) {
			for head(in) != "" {
				fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nX-Large: %s\r\nContent-Length: 2\r\n\r\nok", value)
			}
		})
		for range 2 { // the second on the same connection
			if got := r.ask(t.Context(), get("/")); got.err != nil || len(got.Header) != 2 || got.body != "ok" {
				t.Errorf("%d bytes: %v, %d headers, %q", size, got.err, len(got.Header), got.body)
			}
		}
	}
}

func TestAnnouncementsArePassedOver(t *testing.T) {
	r := connect(t, noPath, func(c net.Conn, in *bufio.Reader) {
		head(in)
		fmt.Fprint(c, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
		text(c, "ok")
	})
	if got := r.ask(t.Context(), get("/")); got.Status != 200 || got.body != "ok" {
		t.Errorf("got %d %q, %v", got.Status, got.body, got.err)
	}
}

func TestAnswersWithoutABody(t *testing.T) {
	for _, test := range []struct{ method, answer, length string }{
		{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", "10"},
		{"GET", "HTTP/1.1 204 No Content\r\n\r\n", ""},
		{"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", "10"},
		{"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "0"},
	} {
		r := connect(t, noPath, func(c net.Conn, in *bufio.Reader) {
			for head(in) != "" {
				fmt.Fprint(c, test.answer)
			}
		})
		req := get("/")
		req.Method = []byte(test.method)
		for range 2 {
			got, length := r.ask(t.Context(), req), ""
			for _, f := range got.Header {
				length = string(f.Value)
			}
			if got.err != nil || got.body != "" || length != test.length {
				t.Errorf("%s, %q: %v, %q, length %q", test.method, test.answer, got.err, got.body, length)
			}
		}
		if n := r.accepted.Load(); n != 1 {
			t.Errorf("%s, %q: %d connections were made", test.method, test.answer, n)
		}
	}
}

func TestTruncatedBodyIsAnError(t *testing.T) {
	for _, answer := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
		"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc", // of a server that dies
	} {
		r := connect(t, noPath, func(c net.Conn, in *bufio.Reader) {
			head(in)
			fmt.Fprint(c, answer)
		})
		r.dead.Store(true)
		if got := r.ask(t.Context(), get("/")); got.err != nil || got.cut == nil || got.body != "abc" {
			t.Errorf("%q: %v, %v, %q", answer, got.err, got.cut, got.body)
		}
		if err := r.failed.Load(); err == nil || errors.Is(*err, exchange.ErrClientGone) {
			t.Errorf("%q: the server's failure is told as the client's", answer)
		}
	}
}

func TestBodyUntilTheEndOfTheConnection(t *testing.T) {
	r := connect(t, noPath, func(c net.Conn, in *bufio.Reader) {
		head(in)
		fmt.Fprint(c, "HTTP/1.0 200 OK\r\n\r\nabc")
	})
	if got := r.ask(t.Context(), get("/")); got.cut != nil || got.body != "abc" {
		t.Errorf("got %q, %v", got.body, got.cut)
	}
}

func TestNoAnswerIsAnError(t *testing.T) {
	for _, answer := range []string{"", "HTT", "nonsense\r\n\r\n", "HTTP/1.1 99 Odd\r\n\r\n", "HTTP/1.1 101 Unasked\r\n\r\n"} {
		r := connect(t, noPath, func(c net.Conn, in *bufio.Reader) {
			head(in)
			fmt.Fprint(c, answer)
		})
		broken := new(forward.BrokenError)
		if got := r.ask(t.Context(), get("/")); !errors.As(got.err, &broken) || broken.Unsent {
			t.Errorf("%q: got %v", answer, got.err)
		}
	}
}

func TestServerThatIsNotThereGotNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close() // so that nobody listens there
	c, err := forward.New(forward.Config{URL: &url.URL{Scheme: "http", Host: l.Addr().String()}, Failed: func(error) {}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	x := &exchange.Exchange{Request: get("/")}
	broken, over := new(forward.BrokenError), 0
	if err := c.Do(t.Context(), x, func() { over++ }); !errors.As(err, &broken) || !broken.Unsent || over != 1 {
		t.Errorf("got %v, %d times over", err, over)
	}
}
