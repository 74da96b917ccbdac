package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// upstream starts mode http in front of testdata/upstream.js, one process with a port of its own when nothing else is said.
func upstream(t *testing.T, settings ...string) *instance {
	t.Helper()
	return launch(t, append([]string{"mode=http", "log_format=json", "upstream_url=http://127.0.0.1:{port}", "pool_size=1",
		"fprocess=node testdata/upstream.js {port}"}, settings...)...)
}

func TestHTTPFunctionAnswers(t *testing.T) {
	i := upstream(t)
	i.get("/hello").is(t, 200, "hello")
	r := i.get("/redirect")
	if r.StatusCode != 200 { // the test's client follows what the watchdog does not
		t.Errorf("got %d", r.StatusCode)
	}
	for _, code := range []int{200, 201, 404, 418, 500, 503, 599} {
		if r := i.get("/status?code=" + strconv.Itoa(code)); r.StatusCode != code || r.Header.Get("X-OpenFaaS-Internal") != "" {
			t.Errorf("got %d, want %d, %v", r.StatusCode, code, r.Header)
		}
	}
	if r := i.get("/html"); r.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("the type is %q", r.Header.Get("Content-Type"))
	}
}

func TestHTTPRequestsThatWereStoppedAreCounted(t *testing.T) {
	i := upstream(t, fmt.Sprintf("metrics_port=%d", freePort(t)), "exec_timeout=300ms")
	i.get("/late?ms=5000").is(t, 504, "")
	conn := dial(t, i)
	fmt.Fprint(conn, "GET /late?ms=5000 HTTP/1.1\r\nHost: x\r\n\r\n")
	i.eventually("it is in flight", func() bool { return i.metric("http_requests_in_flight") == 1 })
	_ = conn.Close()
	counted := func(reason string, n float64) {
		i.eventually("it is counted: "+reason, func() bool { return i.metric(fmt.Sprintf(`fwatchdog_cancelled_total{reason=%q}`, reason)) == n })
	}
	counted("deadline", 1)
	counted("client_gone", 1)
	if _, err := io.Copy(io.Discard, i.get("/endless").Body); err == nil {
		t.Error("a body without end was whole")
	}
	counted("deadline", 2) // within the body
	conn = dial(t, i)
	fmt.Fprint(conn, "GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	counted("client_gone", 2)
}

func TestHTTPPortOfSomebodyElseIsTold(t *testing.T) {
	const told = "something listens on upstream_url before the function was started: it may get the requests"
	stranger, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	i := launch(t, "mode=http", "log_format=json", "pool_size=1", "fprocess=sleep 1000", fmt.Sprintf("upstream_url=http://%s", stranger.Addr()))
	i.await(told, func(l map[string]any) bool { return l["address"] == stranger.Addr().String() })
	if others := upstream(t); others.find(told, nil) != nil {
		t.Error("it is told of a port that nobody has")
	}
}

func TestHTTPFunctionThatDoesNotListenForLongIsTold(t *testing.T) {
	i := launch(t, "mode=http", "log_format=json", "pool_size=1", "fprocess=sleep 1000", fmt.Sprintf("upstream_url=http://127.0.0.1:%d", freePort(t)))
	i.await("the function does not listen on upstream_url yet", nil)
}

func TestHTTPRequestsWaitInLineForAPlace(t *testing.T) {
	i := upstream(t, "worker_concurrency=1", "queue_size=3")
	answers := []func() response{i.ask("/late?ms=300")}
	i.awaitInflight(1)
	for range 3 {
		answers = append(answers, i.ask("/late?ms=1"))
	}
	for _, answer := range answers {
		answer().is(t, 200, "late")
	}
}

func TestHTTPRedirectIsTheAnswerAndRepeatedHeadersStay(t *testing.T) {
	got := exchangeRaw(t, upstream(t), "GET /redirect HTTP/1.1\r\nHost: x\r\n\r\n")
	if !strings.HasPrefix(got, "302 Found\r\n") {
		t.Errorf("got %q", got)
	}
	for _, want := range []string{"location: /hello\r\n", "set-cookie: a=1\r\n", "set-cookie: b=2\r\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
	for _, hop := range []string{"keep-alive:", "proxy-authenticate:", "server:", "x-call-id:"} {
		if strings.Contains(got, hop) {
			t.Errorf("%q in %q", hop, got)
		}
	}
}

func TestHTTPFunctionSeesTheRequestAsSent(t *testing.T) {
	i := upstream(t, "upstream_url=http://127.0.0.1:{port}/prefix")
	got := exchangeRaw(t, i, "GET /a%20b//../raw?c=%2F&&d HTTP/1.1\r\nHost: a.b\r\nX-Two: 1\r\nx-two: 2\r\nConnection: close, X-Hop\r\n"+
		"X-Hop: 1\r\nKeep-Alive: 1\r\nTE: trailers\r\nProxy-Authorization: p\r\nUpgrade: h2c\r\nX-Call-Id: mine\r\n\r\n")
	_, body, _ := strings.Cut(got, "\r\n\r\n")
	want := `{"url":"/prefix/a%20b//../raw?c=%2F&&d","headers":["Host","a.b","X-Two","1","x-two","2","X-Call-Id","mine"]}`
	if body != want {
		t.Errorf("the function saw\n%s\nwant\n%s", body, want)
	}
}

func TestHTTPDurationIsOurs(t *testing.T) {
	i := upstream(t)
	r := i.get("/duration")
	values := r.Header.Values("X-Duration-Seconds")
	if len(values) != 1 {
		t.Fatalf("got %q", values)
	}
	if s, err := strconv.ParseFloat(values[0], 64); err != nil || s <= 0 || s >= 7 || len(values[0]) < 8 {
		t.Errorf("got %q", values[0])
	}
}

func TestHTTPBodiesGoBothWays(t *testing.T) {
	i := upstream(t)
	for _, n := range []int{0, 1, 65536, 65537, 3_000_000} {
		body := strings.Repeat("0123456789", n/10+1)[:n]
		i.send("POST", "/echo", strings.NewReader(body)).is(t, 200, body)
		r := i.send("PUT", "/echo", struct{ io.Reader }{strings.NewReader(body)})
		if r.is(t, 200, body); n > 0 && r.Header.Get("X-Framing") != "chunked" {
			t.Errorf("the framing of an unknown length is %q", r.Header.Get("X-Framing"))
		}
	}
	buffered := upstream(t, "http_buffer_req_body=true")
	r := buffered.send("POST", "/echo", struct{ io.Reader }{strings.NewReader("hello")})
	if r.is(t, 200, "hello"); r.Header.Get("X-Framing") != "5" { // D21
		t.Errorf("the framing of a buffered body is %q", r.Header.Get("X-Framing"))
	}
	limited := upstream(t, "max_body=1000")
	for _, body := range []io.Reader{strings.NewReader(strings.Repeat("x", 1001)), struct{ io.Reader }{strings.NewReader(strings.Repeat("x", 100_000))}} {
		if r := limited.send("POST", "/echo", body); r.StatusCode != 413 {
			t.Errorf("got %d", r.StatusCode)
		}
	}
}

func TestHTTPUploadAndAnswerRunAtOnce(t *testing.T) {
	i := upstream(t)
	in, out := io.Pipe()
	req, err := http.NewRequest("POST", i.url+"/echo", in)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.WriteString(out, "first") }() // the answer tells whether it came
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	for _, want := range []string{"first", "second"} {
		got := make([]byte, len(want))
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != want {
			t.Fatalf("got %q, %v", got, err)
		}
		if want == "first" {
			_, _ = io.WriteString(out, "second")
		}
	}
	_ = out.Close()
}

func TestHTTPPiecesAreFlushedAsTheyCome(t *testing.T) { // D19
	i := upstream(t)
	i.get("/hello").is(t, 200, "hello")
	for _, query := range []string{"", "?type=application/x-ndjson", "?type=text/plain", "?type=text/plain&length=8"} {
		t.Run(query, func(t *testing.T) {
			var got []string
			for round := 0; round < 5 && len(got) < 3; round++ { // a busy machine may join some
				if got = pieces(t, i.url+"/pieces"+query); strings.Join(got, "") != "d0d1d2d3" {
					t.Fatalf("got %q", got)
				}
			}
			if len(got) < 3 {
				t.Errorf("got %q", got)
			}
		})
	}
}

// pieces returns a body in the pieces in which it comes.
func pieces(t *testing.T, url string) (got []string) {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	for buf := make([]byte, 100); ; {
		n, err := resp.Body.Read(buf)
		if n > 0 {
			got = append(got, string(buf[:n]))
		}
		if err != nil {
			return got
		}
	}
}

func TestHTTPDeadline(t *testing.T) {
	i := upstream(t, "exec_timeout=1s", "cancel_grace=10s")
	i.get("/hello").is(t, 200, "hello")
	r := i.get("/late?ms=60000")
	r.is(t, 504, "")
	if r.Header.Get("X-OpenFaaS-Internal") != "of-watchdog" || r.Header.Get("X-Duration-Seconds") == "" {
		t.Errorf("got %v", r.Header)
	}
	i.await("function wrote", func(l map[string]any) bool { return l["line"] == "client left" })
	if r := i.get("/endless"); r.StatusCode != 200 || r.err == nil { // D17, D18
		t.Errorf("after the deadline the body ended well: %d %q", r.StatusCode, r.body)
	}
	i.get("/hello").is(t, 200, "hello") // D26: who heeds the end is not replaced
	if i.find("worker ended", nil) != nil {
		t.Error("the process was replaced")
	}
}

func TestHTTPXTimeoutCanOnlyShorten(t *testing.T) { // D16
	i := upstream(t, "exec_timeout=2s")
	i.get("/hello").is(t, 200, "hello")
	i.get("/late?ms=60000", "X-Timeout: 50ms").is(t, 504, "")
	for _, wish := range []string{"0s", "-1s", "1", "soon", "10m"} {
		i.get("/late?ms=300", "X-Timeout: "+wish).is(t, 200, "late")
	}
	i.get("/late?ms=60000", "X-Timeout: 0s").is(t, 504, "")
	off := upstream(t, "exec_timeout=0")
	off.get("/late?ms=300", "X-Timeout: 50ms").is(t, 200, "late")
}

func TestHTTPUpstreamThatBreaksOff(t *testing.T) {
	i := upstream(t)
	for _, target := range []string{"/destroy", "/exit?code=1"} {
		r := i.get(target)
		r.is(t, 500, "")
		if r.Header.Get("X-OpenFaaS-Internal") != "of-watchdog" || r.Header.Get("X-Duration-Seconds") == "" {
			t.Errorf("%s: %v", target, r.Header)
		}
	}
	for _, target := range []string{"/cut", "/cut?length=1", "/begin"} { // the last dies with exit code 0
		if r := i.get(target); r.StatusCode != 200 || r.body != "begun" || r.err == nil {
			t.Errorf("%s: %d %q, %v", target, r.StatusCode, r.body, r.err)
		}
	}
}

func TestHTTPReadyPathAsksTheFunction(t *testing.T) {
	i := upstream(t, "ready_path=/ready")
	i.get("/hello").is(t, 200, "hello")
	i.get("/_/ready", "X-Probe: p").is(t, 418, "ready GET p")
}

func TestHTTPClientThatLeavesCancelsItsRequest(t *testing.T) { // D15
	i := upstream(t, "max_inflight=1")
	i.get("/hello").is(t, 200, "hello")
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, "GET", i.url+"/endless", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := resp.Body.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		cancel()
		_ = resp.Body.Close()
		i.eventually("the place is free", func() bool { return i.get("/hello").StatusCode == 200 })
	}
	left := func() int {
		i.mu.Lock()
		defer i.mu.Unlock()
		n := 0
		for _, l := range i.lines {
			if l["line"] == "client left" {
				n++
			}
		}
		return n
	}
	i.eventually("the function knows", func() bool { return left() == 3 })
	hangUp := i.hold(1, "/late?ms=60000")
	i.await("function wrote", func(l map[string]any) bool { return l["line"] == "late begins" })
	hangUp()
	i.eventually("the function knows of the client that left before the answer", func() bool { return left() == 4 })
	if i.find("worker ended", nil) != nil {
		t.Error("a process was replaced because a client left")
	}
}

func TestHTTPLimitOfRequests(t *testing.T) {
	i := upstream(t, "max_inflight=1")
	i.get("/hello").is(t, 200, "hello")
	hangUp := i.hold(1, "/late?ms=60000")
	i.eventually("it is full", func() bool { return i.get("/_/ready").StatusCode == 429 })
	r := i.get("/hello")
	r.is(t, 429, "Concurrent request limit exceeded. Max concurrent requests: 1\n")
	if r.Header.Get("X-OpenFaaS-Internal") != "faas-middleware" || r.Header.Get("Content-Type") != "text/plain" || r.Header.Get("Retry-After") != "" {
		t.Errorf("got %v", r.Header)
	}
	hangUp()
	i.eventually("the place is free again", func() bool { return i.get("/hello").StatusCode == 200 })
}

func TestHTTPWebSocketIsTunnelled(t *testing.T) {
	i := upstream(t, "exec_timeout=1s", "write_timeout=1s")
	i.awaitReady()
	i.get("/hello").is(t, 200, "hello")
	conn := dial(t, i)
	fmt.Fprint(conn, "GET /chat HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 101 || !strings.EqualFold(resp.Header.Get("Upgrade"), "websocket") || resp.Header.Get("Connection") != "Upgrade" ||
		resp.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" || resp.Header.Get("Content-Length") != "" {
		t.Errorf("got %d %v", resp.StatusCode, resp.Header)
	}
	expect := func(want string) {
		t.Helper()
		got := make([]byte, len(want))
		if _, err := io.ReadFull(in, got); err != nil || string(got) != want {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	expect("welcome ")
	for range 12 { // longer than every time limit
		fmt.Fprint(conn, "ping")
		expect("ping")
		<-time.After(100 * time.Millisecond)
	}
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	go func() { _, _ = conn.Write(large) }()
	expect(string(large))
	_ = conn.Close()
	i.await("function wrote", func(l map[string]any) bool { return l["line"] == "socket closed" })
	i.awaitInflight(0)
}

func TestHTTPOtherServersWork(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x.txt"), []byte("from python"), 0o644); err != nil {
		t.Fatal(err)
	}
	i := upstream(t, "fprocess=python3 -m http.server --bind 127.0.0.1 --directory "+dir+" {port}")
	for range 3 {
		i.get("/x.txt").is(t, 200, "from python")
	}
	if r := i.get("/missing"); r.StatusCode != 404 {
		t.Errorf("got %d", r.StatusCode)
	}
}
