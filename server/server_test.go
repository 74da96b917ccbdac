package server_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"fwatchdog/internal/exchange"
	"fwatchdog/pool"
	"fwatchdog/server"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

// patience is how long anything that is waited for may take.
const patience = 10 * time.Second

// function is what the server asks, as the test wants it.
type function struct {
	do    func(ctx context.Context, x *exchange.Exchange) error
	ready atomic.Bool
}

func (f *function) Do(ctx context.Context, x *exchange.Exchange) error { return f.do(ctx, x) }
func (f *function) Ready() bool                                        { return f.ready.Load() }
func (f *function) RetryAfter() int                                    { return 7 }

// watcher remembers what was observed.
type watcher struct {
	running atomic.Int64
	mu      sync.Mutex // guards ends
	ends    []string
}

func (w *watcher) Begin(time.Time) { w.running.Add(1) }
func (w *watcher) End(method string, status int, _ time.Time, took, waited time.Duration, _ bool, refused string) {
	w.running.Add(-1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ends = append(w.ends, strings.TrimSpace(fmt.Sprintf("%s %d %s", method, status, refused)))
}

// seen waits until n requests have ended and returns them.
func (w *watcher) seen(t *testing.T, n int) []string {
	t.Helper()
	var ends []string
	eventually(t, fmt.Sprintf("%d requests have ended", n), func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		ends = append([]string{}, w.ends...)
		return len(ends) >= n
	})
	return ends
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("did not happen within %v: %s", patience, what)
		case <-tick.C:
		}
	}
}

// fixture is a server that listens.
type fixture struct {
	*server.Server
	t     *testing.T
	fn    *function
	watch *watcher
	logs  *observer.ObservedLogs
	addr  string
	stop  func() (cut int)
}

func serve(t *testing.T, cfg server.Config, do func(ctx context.Context, x *exchange.Exchange) error) *fixture {
	t.Helper()
	core, logs := observer.New(zapcore.InfoLevel)
	f := &fixture{t: t, fn: &function{do: do}, watch: &watcher{}, logs: logs}
	f.fn.ready.Store(true)
	s, err := server.New(cfg, f.fn, f.watch, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	f.Server = s
	listener, err := server.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.addr = listener.Addr().String()
	served := make(chan error, 1)
	go func() { served <- s.Serve(listener) }()
	f.stop = sync.OnceValue(func() int {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		cut := s.Shutdown(ctx)
		if err := <-served; err != nil {
			t.Error(err)
		}
		return cut
	})
	t.Cleanup(func() {
		f.stop()
		if n := f.watch.running.Load(); n != 0 {
			t.Errorf("%d requests have begun and not ended", n)
		}
	})
	return f
}

// dial returns a connection that is closed with the test.
func (f *fixture) dial() *net.TCPConn {
	f.t.Helper()
	conn, err := net.Dial("tcp", f.addr)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		f.t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// answer is a response that was read whole.
type answer struct {
	*http.Response
	body string
	err  error
}

// send writes a raw request on a connection of its own and reads the answer.
func (f *fixture) send(request string) answer {
	f.t.Helper()
	conn := f.dial()
	if _, err := io.WriteString(conn, request); err != nil {
		f.t.Fatal(err)
	}
	a := receive(f.t, bufio.NewReader(conn), request)
	conn.Close()
	return a
}

func receive(t *testing.T, r *bufio.Reader, request string) answer {
	t.Helper()
	method, _, _ := strings.Cut(request, " ")
	resp, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%.60q: %v", request, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp, string(body), err}
}

func get(target string, headers ...string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: h\r\n" + strings.Join(append(headers, "\r\n"), "\r\n")
}

func post(body string, headers ...string) string {
	return fmt.Sprintf("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n%s\r\n", len(body),
		strings.Join(append(headers, ""), "\r\n")) + body
}

// fill answers with a whole response.
func fill(x *exchange.Exchange, status int, body string, headers ...string) error {
	size := len(body)
	for _, h := range headers {
		size += len(h)
	}
	x.Response.Begin(status, size)
	for _, h := range headers {
		key, value, _ := strings.Cut(h, ": ")
		x.Response.Add([]byte(key), []byte(value))
	}
	x.Response.Body = append(x.Response.Body, body...)
	return nil
}

// echo answers with the request's body.
func echo(_ context.Context, x *exchange.Exchange) error {
	body := x.Request.Body
	if x.Request.Stream != nil {
		var err error
		if body, err = io.ReadAll(x.Request.Stream); err != nil {
			return err
		}
	}
	return fill(x, 200, string(body))
}

func TestRequestReachesTheFunctionAsSent(t *testing.T) {
	var got string
	f := serve(t, server.Config{}, func(_ context.Context, x *exchange.Exchange) error {
		r := &x.Request
		got = fmt.Sprintf("%s %s\n", r.Method, r.Target)
		for _, h := range r.Header {
			got += fmt.Sprintf("%s: %s\n", h.Key, h.Value)
		}
		return fill(x, 200, "")
	})
	f.send("WEIRD //a/../%2e%2E/b%20c?x=%zz;y&&z HTTP/1.1\r\nHost: a.b:80\r\nX-One: 1\r\nx-ONE: 2\r\nX-Empty:\r\nX-Raw: \xe9\xff\r\n" +
		"Connection: X-Hop, keep-alive\r\nX-Hop: no\r\nKeep-Alive: no\r\nProxy-Connection: no\r\nTE: no\r\nTrailer: no\r\nUpgrade: no\r\n" +
		"Proxy-Authorization: no\r\nProxy-Authenticate: no\r\nX-Call-Id: id\r\nContent-Type: t\r\nUser-Agent: u\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n")
	want := "WEIRD //a/../%2e%2E/b%20c?x=%zz;y&&z\nHost: a.b:80\nX-One: 1\nx-ONE: 2\nX-Empty: \nX-Raw: \xe9\xff\nX-Call-Id: id\n" +
		"Content-Type: t\nUser-Agent: u\nCookie: a=1\nCookie: b=2\n"
	if got != want {
		t.Errorf("the function saw\n%q\nwant\n%q", got, want)
	}
}

func TestAnswerIsWhatTheFunctionSet(t *testing.T) {
	f := serve(t, server.Config{}, func(_ context.Context, x *exchange.Exchange) error {
		return fill(x, 418, "body", "x-a: 1", "x-a: 2", "set-cookie: a=1", "set-cookie: b=2", "server: mine", "content-type: text/x",
			"connection: x-hop", "x-hop: no", "keep-alive: no", "transfer-encoding: chunked", "content-length: 9999")
	})
	a := f.send(get("/"))
	if a.StatusCode != 418 || a.body != "body" || a.err != nil {
		t.Errorf("got %d %q (%v)", a.StatusCode, a.body, a.err)
	}
	a.Header.Del("X-Call-Id")
	a.Header.Del("X-Duration-Seconds")
	a.Header.Del("Date")
	want := http.Header{"X-A": {"1", "2"}, "Set-Cookie": {"a=1", "b=2"}, "Server": {"mine"}, "Content-Type": {"text/x"}, "Content-Length": {"4"}}
	if fmt.Sprint(a.Header) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", a.Header, want)
	}
}

func TestContentTypeIsSniffedWhenTheFunctionSetsNone(t *testing.T) {
	f := serve(t, server.Config{}, echo)
	for body, want := range map[string]string{"": "", "text": "text/plain; charset=utf-8", "\x89PNG\r\n\x1a\n": "image/png"} {
		if got := f.send(post(body)).Header.Get("Content-Type"); got != want {
			t.Errorf("%q: got %q, want %q", body, got, want)
		}
	}
}

func TestHeaderThatWouldSplitTheResponseIsRefused(t *testing.T) {
	for _, header := range []string{"x-a: 1\r\nx-b: 2", "x a: 1", ": 1", "x-a: \x00"} {
		f := serve(t, server.Config{}, func(_ context.Context, x *exchange.Exchange) error { return fill(x, 200, "body", header) })
		if a := f.send(get("/")); a.StatusCode != 500 || a.Header.Get("X-B") != "" {
			t.Errorf("%q: got %d %v", header, a.StatusCode, a.Header)
		}
	}
}

func TestErrorsAreAnsweredAsTheTableSays(t *testing.T) {
	refused := func(r exchange.Refusal) error { return &exchange.RefusedError{Refusal: r, Text: "first line\nstack"} }
	for name, c := range map[string]struct {
		err    error
		status int
		body   string
		reason string
		again  bool
		quiet  bool
	}{
		"queue full":           {err: pool.ErrQueueFull, status: 503, again: true, quiet: true},
		"queue timeout":        {err: pool.ErrQueueTimeout, status: 503, again: true, quiet: true},
		"no worker":            {err: pool.ErrNotReady, status: 503, again: true, quiet: true},
		"draining":             {err: pool.ErrDraining, status: 503, again: true, quiet: true},
		"deadline":             {err: exchange.ErrDeadline, status: 504},
		"host stops":           {err: exchange.ErrHostStops, status: 503},
		"crash":                {err: &exchange.LostError{Cause: exchange.CauseCrash}, status: 502, reason: "crash"},
		"memory":               {err: &exchange.LostError{Cause: exchange.CauseMemory}, status: 502, reason: "memory"},
		"protocol":             {err: &exchange.LostError{Cause: exchange.CauseProtocol}, status: 502, reason: "protocol"},
		"handler raised":       {err: refused(exchange.Raised), status: 500, body: "first line\n"},
		"not started":          {err: refused(exchange.NotStarted), status: 503, body: "first line\n", again: true},
		"bad request":          {err: refused(exchange.BadRequest), status: 400, body: "first line\n"},
		"cancelled by itself":  {err: refused(exchange.Cancelled), status: 502, reason: "cancelled"},
		"broken by the worker": {err: refused(exchange.Broken), status: 502, reason: "protocol"},
		"head too large":       {err: exchange.ErrHeadTooLarge, status: 431},
		"body broken":          {err: fmt.Errorf("%w: reset", exchange.ErrBody), status: 400},
		"anything else":        {err: errors.New("surprise"), status: 500},
	} {
		t.Run(name, func(t *testing.T) {
			f := serve(t, server.Config{}, func(context.Context, *exchange.Exchange) error { return c.err })
			a := f.send(get("/", "X-Call-Id: id"))
			if a.StatusCode != c.status || c.body != "" && a.body != c.body || a.body == "" {
				t.Errorf("got %d %q", a.StatusCode, a.body)
			}
			if got := a.Header.Get("X-Fwatchdog-Reason"); got != c.reason {
				t.Errorf("reason is %q, want %q", got, c.reason)
			}
			if again := a.Header.Get("Retry-After") == "7" && a.Header.Get("X-OpenFaaS-Internal") == "fwatchdog"; again != c.again {
				t.Errorf("it may come again: %v, want %v (%v)", again, c.again, a.Header)
			}
			if a.Header.Get("X-Call-Id") != "id" || a.Header.Get("X-Duration-Seconds") == "" {
				t.Errorf("no call id or duration in %v", a.Header)
			}
			if logged := f.logs.FilterMessage("request failed").Len() == 1; logged != (c.status >= 500 && !c.quiet) {
				t.Errorf("logged: %v", logged)
			}
		})
	}
}

func TestSmallBodyIsWholeAndLargeOrChunkedIsStreamed(t *testing.T) {
	var streamed atomic.Bool
	f := serve(t, server.Config{}, func(ctx context.Context, x *exchange.Exchange) error {
		streamed.Store(x.Request.Stream != nil)
		return echo(ctx, x)
	})
	for _, n := range []int{0, 1, 8192, 8193, 65536, 65537, 1 << 20} {
		body := strings.Repeat("x", n)
		if a := f.send(post(body)); a.body != body || streamed.Load() != (n > 65536) {
			t.Errorf("%d bytes: got %d, streamed %v", n, len(a.body), streamed.Load())
		}
	}
	chunked := "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
	if a := f.send(chunked); a.body != "hello" || !streamed.Load() {
		t.Errorf("chunked: got %q, streamed %v", a.body, streamed.Load())
	}
}

func TestBodyOverMaxBodyIs413(t *testing.T) {
	f := serve(t, server.Config{MaxBody: 4}, echo)
	if a := f.send(post("1234")); a.StatusCode != 200 {
		t.Errorf("4 bytes: got %d", a.StatusCode)
	}
	if a := f.send(post("12345")); a.StatusCode != 413 {
		t.Errorf("5 bytes: got %d", a.StatusCode)
	}
	f2 := serve(t, server.Config{MaxBody: 4}, echo)
	if a := f2.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"); a.StatusCode != 413 {
		t.Errorf("5 bytes, chunked: got %d", a.StatusCode)
	}
}

func TestBodyThatStopsIs408(t *testing.T) {
	f := serve(t, server.Config{ReadTimeout: 50 * time.Millisecond}, echo)
	for _, request := range []string{
		"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhe",
		"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nhe",
		"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
		"GET / HTT",
	} {
		if a := f.send(request); a.StatusCode != 408 {
			t.Errorf("%.60q: got %d %q", request, a.StatusCode, a.body)
		}
	}
}

func TestBodyThatGoesOnIsNotCutOffByReadTimeout(t *testing.T) {
	f := serve(t, server.Config{ReadTimeout: time.Second}, echo)
	conn := f.dial()
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for range 6 {
		<-tick.C
		if _, err := io.WriteString(conn, "1\r\nx\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.WriteString(conn, "0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if a := receive(t, bufio.NewReader(conn), "POST /"); a.body != "xxxxxx" {
		t.Errorf("got %d %q", a.StatusCode, a.body)
	}
}

func TestXTimeoutShortensAndNeverLengthens(t *testing.T) {
	for _, c := range []struct {
		limit  time.Duration
		header string
		want   time.Duration
	}{
		{time.Second, "", time.Second},
		{time.Second, "200ms", 200 * time.Millisecond},
		{time.Second, "0.5", 500 * time.Millisecond},
		{time.Second, "2s", time.Second},
		{time.Second, "0s", time.Second},
		{time.Second, "-1s", time.Second},
		{time.Second, "soon", time.Second},
		{time.Second, "NaN", time.Second},
		{time.Second, "1e300", time.Second},
		{0, "", 0},
		{0, "200ms", 200 * time.Millisecond},
		{0, "0", 0},
	} {
		var got time.Duration
		f := serve(t, server.Config{ExecTimeout: c.limit}, func(_ context.Context, x *exchange.Exchange) error {
			got = x.Request.Timeout
			return fill(x, 200, "")
		})
		f.send(get("/", "X-Timeout: "+c.header))
		if got != c.want {
			t.Errorf("exec_timeout %v, X-Timeout %q: got %v, want %v", c.limit, c.header, got, c.want)
		}
	}
}

func TestMaxInflightGivesEveryPlaceBack(t *testing.T) {
	hold := make(chan struct{})
	f := serve(t, server.Config{MaxInflight: 2}, func(ctx context.Context, x *exchange.Exchange) error {
		switch string(x.Request.Target) {
		case "/hold":
			<-hold
		case "/panic":
			panic("on purpose")
		case "/fail":
			return exchange.ErrDeadline
		case "/gone":
			<-ctx.Done()
			return ctx.Err()
		}
		return fill(x, 200, "")
	})
	for _, target := range []string{"/", "/panic", "/fail", "/panic", "/fail", "/panic"} {
		f.send(get(target))
	}
	for range 3 {
		conn := f.dial()
		_, _ = io.WriteString(conn, get("/gone"))
		eventually(t, "it runs", func() bool { return f.InFlight() == 1 })
		conn.Close()
		eventually(t, "it is over", func() bool { return f.InFlight() == 0 })
	}
	var busy sync.WaitGroup
	for range 2 {
		busy.Go(func() { f.send(get("/hold")) })
	}
	eventually(t, "two run", func() bool { return f.InFlight() == 2 })
	a := f.send(get("/"))
	if a.StatusCode != 429 || a.body != "Concurrent request limit exceeded. Max concurrent requests: 2\n" ||
		a.Header.Get("X-OpenFaaS-Internal") != "faas-middleware" || a.Header.Get("Content-Type") != "text/plain" || a.Header.Get("Retry-After") != "7" {
		t.Errorf("got %d %q %v", a.StatusCode, a.body, a.Header)
	}
	close(hold)
	busy.Wait()
	ends := strings.Join(f.watch.seen(t, 12), ", ")
	if !strings.Contains(ends, "get 429 inflight_limit") || strings.Count(ends, "get 499") != 3 || strings.Count(ends, "get 500") != 3 {
		t.Errorf("observed %s", ends)
	}
}

func TestPanicIs500AndLogged(t *testing.T) {
	f := serve(t, server.Config{}, func(context.Context, *exchange.Exchange) error { panic("on purpose") })
	if a := f.send(get("/")); a.StatusCode != 500 {
		t.Errorf("got %d", a.StatusCode)
	}
	if f.logs.FilterMessage("request panicked").Len() != 1 {
		t.Errorf("logged %v", f.logs.All())
	}
}

// pieces is a streamed response.
type pieces struct {
	next   func() ([]byte, error)
	closed atomic.Int32
}

func (p *pieces) WriteTo(w io.Writer) (n int64, err error) {
	for {
		piece, err := p.next()
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		m, err := w.Write(piece)
		n += int64(m)
		if err != nil {
			return n, err
		}
	}
}

func (p *pieces) Close() error { p.closed.Add(1); return nil }

func TestStreamedResponseIsFlushedPieceByPiece(t *testing.T) {
	feed := make(chan string)
	stream := &pieces{next: func() ([]byte, error) {
		if text, open := <-feed; open {
			return []byte(text), nil
		}
		return nil, io.EOF
	}}
	f := serve(t, server.Config{WriteTimeout: patience}, func(_ context.Context, x *exchange.Exchange) error {
		x.Response.Begin(200, 100)
		x.Response.Add([]byte("content-type"), []byte("text/event-stream"))
		x.Response.Stream = stream
		return nil
	})
	conn := f.dial()
	if _, err := io.WriteString(conn, get("/")); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil) // the head comes before the first piece
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"one", "two"} {
		feed <- text
		got := make([]byte, len(text))
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != text {
			t.Fatalf("got %q (%v)", got, err)
		}
	}
	close(feed)
	if rest, err := io.ReadAll(resp.Body); len(rest) > 0 || err != nil {
		t.Errorf("got %q (%v)", rest, err)
	}
	f.watch.seen(t, 1)
	if n := stream.closed.Load(); n != 1 {
		t.Errorf("closed %d times", n)
	}
	if _, err := io.WriteString(conn, get("/_/health")); err != nil {
		t.Fatal(err)
	}
	if a := receive(t, r, "GET"); a.StatusCode != 200 {
		t.Errorf("the connection is of no use any more: %d", a.StatusCode)
	}
}

func TestStreamWhoseLengthIsNoneIsSentInChunks(t *testing.T) {
	for _, length := range []string{"x", "-5", "", "5, 5"} {
		ended := false
		f := serve(t, server.Config{}, func(_ context.Context, x *exchange.Exchange) error {
			x.Response.Begin(200, 100)
			x.Response.Add([]byte("content-length"), []byte(length))
			x.Response.Stream = &pieces{next: func() ([]byte, error) {
				if ended {
					return nil, io.EOF
				}
				ended = true
				return []byte("whole"), nil
			}}
			return nil
		})
		if a := f.send(get("/")); a.err != nil || a.body != "whole" || a.ContentLength != -1 {
			t.Errorf("%q: got %q (%v)", length, a.body, a.err)
		}
	}
}

func TestStreamThatBreaksOffResetsTheConnection(t *testing.T) {
	for name, header := range map[string]string{"chunked": "", "with a length": "content-length: 100"} {
		for _, version := range []string{"1.0", "1.1"} {
			t.Run(name+" HTTP/"+version, func(t *testing.T) {
				first := true
				f := serve(t, server.Config{AccessLog: "errors"}, func(_ context.Context, x *exchange.Exchange) error {
					if err := fill(x, 200, "", header); err != nil {
						return err
					}
					if header == "" {
						x.Response.Begin(200, 0)
					}
					x.Response.Stream = &pieces{next: func() ([]byte, error) {
						if first {
							first = false
							return []byte("part"), nil
						}
						return nil, &exchange.LostError{Cause: exchange.CauseCrash}
					}}
					return nil
				})
				a := f.send("GET / HTTP/" + version + "\r\nHost: h\r\n\r\n")
				if a.err == nil {
					t.Errorf("got %q, as if it were whole", a.body)
				}
				told := f.logs.FilterMessage("request failed").All()
				if len(told) != 1 || told[0].ContextMap()["status"] != int64(200) || told[0].ContextMap()["error"] == "" {
					t.Errorf("the log tells %v", told)
				}
			})
		}
	}
}

func TestHeadGetsNoBodyAndClosesTheStream(t *testing.T) {
	stream := &pieces{next: func() ([]byte, error) { return nil, errors.New("read") }}
	f := serve(t, server.Config{}, func(_ context.Context, x *exchange.Exchange) error {
		x.Response.Begin(200, 0)
		x.Response.Stream = stream
		return nil
	})
	if a := f.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"); a.StatusCode != 200 || a.body != "" || a.err != nil {
		t.Errorf("got %d %q (%v)", a.StatusCode, a.body, a.err)
	}
	f.watch.seen(t, 1)
	if n := stream.closed.Load(); n != 1 {
		t.Errorf("closed %d times", n)
	}
}

func TestClientThatTakesNothingIsCutOffAfterWriteTimeout(t *testing.T) {
	big := bytes.Repeat([]byte("x"), 1<<20)
	f := serve(t, server.Config{WriteTimeout: 100 * time.Millisecond}, func(_ context.Context, x *exchange.Exchange) error {
		x.Response.Begin(200, 0)
		x.Response.Stream = &pieces{next: func() ([]byte, error) { return big, nil }}
		return nil
	})
	conn := f.dial()
	if _, err := io.WriteString(conn, get("/")); err != nil {
		t.Fatal(err)
	}
	f.watch.seen(t, 1)
}

func TestCallThatIsOverAfterTheWholeWriteTimeoutGetsNoAnswer(t *testing.T) {
	var late error // what a context ends with at write_timeout
	cfg := server.Config{WriteTimeout: 10 * time.Millisecond, Profile: server.ProfileOf("serializing")}
	serve(t, cfg, func(ctx context.Context, _ *exchange.Exchange) error {
		<-ctx.Done()
		late = ctx.Err()
		return late
	}).refuses(get("/"))
	cfg.WriteTimeout = patience // so that it is not the deadline that keeps the answer from the client
	serve(t, cfg, func(context.Context, *exchange.Exchange) error { return late }).refuses(get("/"))
}

// refuses demands that the connection on which request is sent is closed with no byte of an answer.
func (f *fixture) refuses(request string) {
	f.t.Helper()
	conn := f.dial()
	if _, err := io.WriteString(conn, request); err != nil {
		f.t.Fatal(err)
	}
	if got, err := io.ReadAll(conn); len(got) != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		f.t.Errorf("got %.60q, %v", got, err)
	}
	f.stop()
}

func TestClientThatLeavesEndsTheContext(t *testing.T) {
	cause := make(chan error, 1)
	f := serve(t, server.Config{}, func(ctx context.Context, _ *exchange.Exchange) error {
		select {
		case <-ctx.Done():
		case <-time.After(patience):
		}
		cause <- ctx.Err()
		return ctx.Err()
	})
	conn := f.dial()
	if _, err := io.WriteString(conn, get("/")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it runs", func() bool { return f.InFlight() == 1 })
	conn.Close()
	if err := <-cause; !errors.Is(err, exchange.ErrClientGone) || !errors.Is(err, context.Canceled) {
		t.Errorf("the context ended with %v", err)
	}
}

func TestProbesAnswerWithoutTheFunction(t *testing.T) {
	f := serve(t, server.Config{}, func(context.Context, *exchange.Exchange) error { t.Error("asked"); return nil })
	status := func(request string) int { return f.send(request).StatusCode }
	for request, want := range map[string]int{
		get("/_/health"):     200,
		get("/_/health?a=b"): 200,
		get("/_/ready"):      200,
		"HEAD /_/health HTTP/1.1\r\nHost: h\r\n\r\n": 405,
		"POST /_/ready HTTP/1.1\r\nHost: h\r\n\r\n":  405,
	} {
		if got := status(request); got != want {
			t.Errorf("%q: got %d, want %d", request, got, want)
		}
	}
	f.fn.ready.Store(false)
	if health, ready := status(get("/_/health")), status(get("/_/ready")); health != 200 || ready != 503 {
		t.Errorf("without a worker: health %d, ready %d", health, ready)
	}
	f.Drain()
	if health, ready := status(get("/_/health")), status(get("/_/ready")); health != 503 || ready != 503 {
		t.Errorf("draining: health %d, ready %d", health, ready)
	}
	if len(f.watch.ends) > 0 {
		t.Errorf("probes were counted: %v", f.watch.ends)
	}
}

func TestDrainingServesAndCloses(t *testing.T) {
	f := serve(t, server.Config{}, echo)
	f.Drain()
	if a := f.send(post("x")); a.body != "x" || !a.Close {
		t.Errorf("got %q, close is %v", a.body, a.Close)
	}
}

func TestShutdownWaitsForWhatIsInFlight(t *testing.T) {
	hold := make(chan struct{})
	f := serve(t, server.Config{}, func(_ context.Context, x *exchange.Exchange) error { <-hold; return fill(x, 200, "done") })
	answered := make(chan answer, 1)
	go func() { answered <- f.send(get("/")) }()
	eventually(t, "it runs", func() bool { return f.InFlight() == 1 })
	stopped := make(chan int, 1)
	go func() { stopped <- f.stop() }()
	eventually(t, "the listener is closed", func() bool {
		conn, err := net.Dial("tcp", f.addr)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	close(hold)
	if a := <-answered; a.body != "done" {
		t.Errorf("got %d %q", a.StatusCode, a.body)
	}
	if cut := <-stopped; cut != 0 {
		t.Errorf("%d requests were cut off", cut)
	}
}

func TestConnectionThatComesAsTheListenerClosesIsServedOrRefused(t *testing.T) {
	const clients = 8
	for round := range 8 {
		t.Run(strconv.Itoa(round), func(t *testing.T) {
			t.Parallel() // who comes in the last moment is refused a second later
			f := serve(t, server.Config{}, echo)
			var group sync.WaitGroup
			for range clients {
				group.Go(func() {
					for {
						answered, err := once(f.addr)
						if errors.Is(err, syscall.ECONNREFUSED) {
							return
						}
						if err != nil || !strings.HasPrefix(answered, "HTTP/1.1 200 ") {
							t.Errorf("lost: %q, %v", answered, err)
							return
						}
					}
				})
			}
			f.watch.seen(t, 2*clients)
			f.stop()
			group.Wait()
		})
	}
}

// once sends a request on a connection of its own, and returns what came.
func once(addr string) (string, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, get("/", "Connection: close")); err != nil {
		return "", err
	}
	all, err := io.ReadAll(conn)
	return string(all), err
}

func TestShutdownBeforeServeEndsIt(t *testing.T) {
	s, err := server.New(server.Config{}, &function{}, &watcher{}, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	listener, err := server.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	shut := make(chan int, 1)
	go func() { shut <- s.Shutdown(t.Context()) }()
	eventually(t, "it drains", s.Draining)
	served := make(chan error, 1)
	go func() { served <- s.Serve(listener) }()
	for range 2 {
		select {
		case err := <-served:
			if err != nil {
				t.Error(err)
			}
		case <-shut:
		case <-time.After(patience):
			t.Fatal("it serves on")
		}
	}
}

func TestShutdownThatMayWaitNoLongerCancels(t *testing.T) {
	f := serve(t, server.Config{}, func(ctx context.Context, _ *exchange.Exchange) error { <-ctx.Done(); return ctx.Err() })
	answered := make(chan answer, 1)
	go func() { answered <- f.send(get("/")) }()
	eventually(t, "it runs", func() bool { return f.InFlight() == 1 })
	now, cancel := context.WithCancel(context.Background())
	cancel()
	if cut := f.Shutdown(now); cut != 1 {
		t.Errorf("%d requests were cut off", cut)
	}
	if a := <-answered; a.StatusCode != 503 {
		t.Errorf("got %d", a.StatusCode)
	}
}

func TestHeadsOfEverySizeArePassedOn(t *testing.T) {
	f := serve(t, server.Config{}, func(_ context.Context, x *exchange.Exchange) error {
		for _, h := range x.Request.Header {
			if string(h.Key) == "X-Big" {
				return fill(x, 200, fmt.Sprint(len(h.Value), " ", len(bytes.Trim(h.Value, "b")), " ", string(x.Request.Body)))
			}
		}
		return fill(x, 200, "none")
	})
	conn := f.dial()
	r := bufio.NewReader(conn)
	for _, n := range []int{10, 4000, 8100, 8191, 8192, 9000, 60_000, 10, 66_000, 12} {
		request := post("the body", "X-Big: "+strings.Repeat("b", n))
		if n == 9000 { // two at once, the first of which is small
			request = post("x", "X-Big: b") + request
		}
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		if n == 9000 {
			receive(t, r, "POST")
		}
		if a := receive(t, r, "POST"); a.body != fmt.Sprintf("%d 0 the body", n) {
			t.Fatalf("a header of %d bytes: got %d %q", n, a.StatusCode, a.body)
		}
	}
	if a := f.send(get("/", "X-Big: "+strings.Repeat("b", 80_000))); a.StatusCode != 431 {
		t.Errorf("80,000 bytes: got %d", a.StatusCode)
	}
}

func TestGarbageIs400(t *testing.T) {
	f := serve(t, server.Config{}, echo)
	for _, request := range []string{"garbage\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\nBad Header\r\n\r\n", "\x16\x03\x01\x02\x00\r\n\r\n"} {
		if a := f.send(request); a.StatusCode != 400 || a.body == "" {
			t.Errorf("%q: got %d %q", request, a.StatusCode, a.body)
		}
	}
}

func TestExpectationIsAnsweredBeforeTheBody(t *testing.T) {
	f := serve(t, server.Config{MaxBody: 10}, echo)
	conn := f.dial()
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	if a := receive(t, r, "POST"); a.StatusCode != 100 {
		t.Fatalf("got %d", a.StatusCode)
	}
	if _, err := io.WriteString(conn, "hello"); err != nil {
		t.Fatal(err)
	}
	if a := receive(t, r, "POST"); a.body != "hello" {
		t.Errorf("got %d %q", a.StatusCode, a.body)
	}
	a := f.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\nExpect: 100-continue\r\n\r\n")
	if a.StatusCode != 413 || a.Header.Get("X-Call-Id") == "" {
		t.Errorf("got %d %v", a.StatusCode, a.Header)
	}
}

func TestConfigNamesWhatIsWrong(t *testing.T) {
	err := server.Config{MaxInflight: -1, MaxBody: -1, ReadTimeout: -1, WriteTimeout: -1, ExecTimeout: -1}.Validate()
	for _, name := range []string{"max_inflight", "max_body", "read_timeout", "write_timeout", "exec_timeout"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("says nothing of %s: %v", name, err)
		}
	}
	if err := (server.Config{}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestAnswerReachesClientThatStillSends(t *testing.T) {
	f := serve(t, server.Config{MaxBody: 10}, echo)
	for range 20 {
		conn := f.dial()
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 8000000\r\n\r\n")
			for range 8000 {
				if _, err := conn.Write(make([]byte, 1000)); err != nil {
					return
				}
			}
		}()
		eventually(t, "it is answered", func() bool { return len(f.watch.seen(t, 1)) > 0 })
		if a := receive(t, bufio.NewReader(conn), "POST"); a.StatusCode != 413 {
			t.Errorf("got %d", a.StatusCode)
		}
		<-sent
		conn.Close()
	}
}

func TestConnectionIsNotResetThoughTheBodyWasGivenUpInARead(t *testing.T) {
	f := serve(t, server.Config{}, func(_ context.Context, x *exchange.Exchange) error {
		reading, read := make(chan struct{}), make(chan error, 1)
		go func() {
			_, err := io.ReadFull(x.Request.Stream, make([]byte, 1000))
			close(reading)
			if err == nil {
				_, err = io.Copy(io.Discard, x.Request.Stream)
			}
			read <- err
		}()
		<-reading
		for len(read) == 0 { // whether the Read that follows waits yet is not to be seen
			if err := x.Request.Stream.Close(); err != nil {
				return err
			}
			runtime.Gosched()
		}
		if err := <-read; !errors.Is(err, exchange.ErrBody) {
			t.Errorf("the read ended with %v", err)
		}
		return fill(x, 200, "enough")
	})
	for range 20 {
		conn := f.dial()
		began := time.Now()
		_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 8000000\r\n\r\n"+strings.Repeat("x", 100_000)) // fasthttp reads some itself
		r := bufio.NewReader(conn)
		if a := receive(t, r, "POST"); a.body != "enough" {
			t.Errorf("got %d %q", a.StatusCode, a.body)
		}
		for range 100 {
			if _, err := conn.Write(make([]byte, 1000)); err != nil {
				if time.Since(began) >= time.Second {
					break // the server has waited long enough for a client that was held up
				}
				t.Fatalf("the rest of the body: %v", err)
			}
		}
		conn.Close()
	}
}
