package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestDemoEchoes(t *testing.T) {
	i := launch(t, "fprocess="+binary+" demo-worker")
	i.send("POST", "/", strings.NewReader("hello")).is(t, 200, "hello")
}

func TestFunctionSeesRequestAsSent(t *testing.T) {
	i := launch(t)
	raw := "PURGE /echo?b=%20;c&&//a/../%2e%2E HTTP/1.1\r\nHost: x\r\n\r\n"
	got := exchangeRaw(t, i, raw)
	for _, want := range []string{"x-method: PURGE\r\n", "x-target: /echo?b=%20;c&&//a/../%2e%2E\r\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	raw = "GET /headers?q HTTP/1.1\r\nHost: a.b\r\nX-Two: 1\r\nx-two: 2\r\nX-Empty:\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n" +
		"Keep-Alive: 1\r\nTE: trailers\r\nUpgrade: h2c\r\nProxy-Authorization: p\r\nX-Call-Id: my-id\r\n\r\n"
	_, body, _ := strings.Cut(exchangeRaw(t, i, raw), "\r\n\r\n")
	if want := "host: a.b\nx-two: 1\nx-two: 2\nx-empty: \nx-call-id: my-id\n"; body != want {
		t.Errorf("the function saw\n%s\nwant\n%s", body, want)
	}
}

// exchangeRaw sends bytes and returns all that comes back until the connection is closed or idle.
func exchangeRaw(t *testing.T, i *instance, request string) string {
	t.Helper()
	conn := dial(t, i)
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var head strings.Builder
	fmt.Fprintf(&head, "%s\r\n", resp.Status)
	for key, values := range resp.Header {
		for _, value := range values {
			fmt.Fprintf(&head, "%s: %s\r\n", strings.ToLower(key), value)
		}
	}
	return head.String() + "\r\n" + string(body)
}

func dial(t *testing.T, i *instance) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(i.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestAnswerCarriesCallIDAndDurationAndNothingOfFasthttp(t *testing.T) {
	i := launch(t)
	r := i.get("/cookies", "X-Call-Id: abc")
	if r.Header.Get("X-Call-Id") != "abc" || r.Header.Get("X-Duration-Seconds") == "" {
		t.Errorf("got %v", r.Header)
	}
	if got := r.Header.Values("Set-Cookie"); len(got) != 2 || got[0] != "a=1" || got[1] != "b=2" {
		t.Errorf("cookies are %q", got)
	}
	for key := range r.Header {
		switch key {
		case "Date", "Content-Length", "X-Call-Id", "X-Duration-Seconds", "Set-Cookie", "X-Empty":
		default:
			t.Errorf("the function did not set %s: %q", key, r.Header[key])
		}
	}
	if id := i.get("/headers").Header.Get("X-Call-Id"); len(id) != 36 {
		t.Errorf("made the call id %q", id)
	}
}

func TestBodiesAreByteIdentical(t *testing.T) {
	i := launch(t)
	for _, n := range []int{0, 1, 8192, 65535, 65536, 65537, 5_000_000} {
		body := strings.Repeat("0123456789", n/10+1)[:n]
		for _, route := range []string{"/echo", "/stream-echo"} {
			i.send("POST", route, strings.NewReader(body)).is(t, 200, body)
			chunked := struct{ io.Reader }{strings.NewReader(body)} // of unknown length
			i.send("POST", route, chunked).is(t, 200, body)
		}
	}
}

func TestGigabytesPassThroughInLittleMemory(t *testing.T) {
	i := launch(t, "pool_size=1")
	const size = 1 << 30
	i.send("POST", "/size", io.LimitReader(zeros{}, size)).is(t, 200, fmt.Sprint(size))
	resp, err := client.Get(i.url + fmt.Sprintf("/stream?n=%d&piece=65536", size))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if n != size || err != nil {
		t.Errorf("got %d bytes (%v)", n, err)
	}
	if peak := peakMemory(t, i.cmd.Process.Pid); peak > 64<<20 {
		t.Errorf("the watchdog took %d MiB", peak>>20)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// peakMemory returns the most resident memory that a process ever had, in bytes.
func peakMemory(t *testing.T, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	t.Fatal("no VmHWM")
	return 0
}

func TestEventsArriveOneByOne(t *testing.T) {
	i := launch(t)
	var least time.Duration // between two events, in the best of several rounds: a busy machine may join some
	for round := 0; round < 10 && least < 100*time.Millisecond; round++ {
		least = max(least, leastGap(t, i))
	}
	if least < 100*time.Millisecond {
		t.Errorf("events that are 300 ms apart came within %v", least)
	}
}

// leastGap is the shortest time between two events that the function sends 300 ms apart.
func leastGap(t *testing.T, i *instance) time.Duration {
	t.Helper()
	resp, err := client.Get(i.url + "/events?n=3&ms=300")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	least, last := time.Hour, time.Time{}
	for n := 0; lines.Scan(); n++ {
		if want := fmt.Sprintf("event %d", n); lines.Text() != want {
			t.Errorf("got %q, want %q", lines.Text(), want)
		}
		if n > 0 {
			least = min(least, time.Since(last))
		}
		last = time.Now()
	}
	return least
}

func TestOneWorkerServesSixtyFourAtOnce(t *testing.T) {
	i := launch(t, "pool_size=1", "worker_concurrency=64")
	best := time.Hour // of several rounds: a busy machine delays some, a worker that takes turns delays all
	for round := 0; round < 20 && best >= 200*time.Millisecond; round++ {
		best = min(best, atOnce(t, i, 64, "/sleep?ms=100"))
	}
	if best >= 200*time.Millisecond {
		t.Errorf("64 requests of 100 ms took %v", best)
	}
}

// atOnce sends n requests at once and returns how long they took.
func atOnce(t *testing.T, i *instance, n int, target string) time.Duration {
	t.Helper()
	begin := time.Now()
	var group sync.WaitGroup
	for range n {
		group.Go(func() {
			if r, err := i.try(t.Context(), "GET", target, nil); err != nil || r.StatusCode != 200 {
				t.Errorf("%v %v", r.Response, err)
			}
		})
	}
	group.Wait()
	return time.Since(begin)
}

func TestKilledWorkerCostsOnlyWhatItHad(t *testing.T) {
	i := launch(t, "pool_size=2", "worker_concurrency=4")
	first := i.pid(1)
	i.pid(2)
	ctx, stop := context.WithCancel(t.Context())
	var lost, answered atomic.Int64
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for ctx.Err() == nil {
				r, err := i.try(t.Context(), "GET", "/sleep?ms=5", nil)
				switch {
				case err != nil:
					t.Error(err)
				case r.StatusCode == 200:
					answered.Add(1)
				case r.StatusCode == 502 && r.Header.Get("X-Fwatchdog-Reason") == "crash":
					lost.Add(1)
				default:
					t.Errorf("got %d %q", r.StatusCode, r.body)
				}
			}
		})
	}
	i.eventually("traffic", func() bool { return answered.Load() > 50 })
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	i.pid(3)
	after := answered.Load()
	i.eventually("more traffic", func() bool { return answered.Load() > after+50 })
	stop()
	group.Wait()
	if n := lost.Load(); n > 4 {
		t.Errorf("%d requests were lost with a worker that had 4 at most", n)
	}
	i.await("worker ended", func(l map[string]any) bool { return l["reason"] == "crash" && l["pid"] == float64(first) })
}

func TestAnswersOfThePool(t *testing.T) {
	i := launch(t, "pool_size=1", "worker_concurrency=4", "max_body=1MiB", "exec_timeout=2s", "cancel_grace=10s")
	i.pid(1)
	t.Run("a handler that raises is 500", func(t *testing.T) { i.get("/throw").is(t, 500, "boom\n") })
	t.Run("what takes too long is 504", func(t *testing.T) {
		begin := time.Now()
		if r := i.get("/wait"); r.StatusCode != 504 || time.Since(begin) < 2*time.Second {
			t.Errorf("got %d after %v", r.StatusCode, time.Since(begin))
		}
	})
	t.Run("X-Timeout shortens", func(t *testing.T) {
		best := time.Hour
		for round := 0; round < 20 && best > 250*time.Millisecond; round++ {
			begin := time.Now()
			if r := i.get("/wait", "X-Timeout: 50ms"); r.StatusCode != 504 {
				t.Fatalf("got %d", r.StatusCode)
			}
			best = min(best, time.Since(begin))
		}
		if best > 250*time.Millisecond {
			t.Errorf("took %v", best)
		}
	})
	t.Run("a body over max_body is 413", func(t *testing.T) {
		for _, body := range []io.Reader{strings.NewReader(strings.Repeat("x", 1<<20+1)), io.LimitReader(zeros{}, 1<<20+1)} {
			if r := i.send("POST", "/size", body); r.StatusCode != 413 {
				t.Errorf("got %d", r.StatusCode)
			}
		}
	})
	t.Run("a worker that ends is 502", func(t *testing.T) {
		if r := i.get("/exit?code=3"); r.StatusCode != 502 || r.Header.Get("X-Fwatchdog-Reason") != "crash" {
			t.Errorf("got %d %v", r.StatusCode, r.Header)
		}
	})
}

func TestMaxInflightIs429InTheWordsOfOpenFaaS(t *testing.T) {
	i := launch(t, "max_inflight=1")
	hangUp := i.hold(1, "/wait")
	i.awaitInflight(1)
	r := i.get("/echo")
	r.is(t, 429, "Concurrent request limit exceeded. Max concurrent requests: 1\n")
	if r.Header.Get("X-OpenFaaS-Internal") != "faas-middleware" || r.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("got %v", r.Header)
	}
	hangUp()
	i.eventually("the place is free again", func() bool { return i.get("/echo").StatusCode == 200 })
}

func TestWaitingIsBoundedInNumberAndTime(t *testing.T) {
	for _, bound := range []string{"queue_size=0", "queue_timeout=100ms"} {
		t.Run(bound, func(t *testing.T) {
			i := launch(t, "pool_size=1", "worker_concurrency=1", bound)
			i.awaitReady()
			hangUp := i.hold(1, "/wait")
			i.awaitInflight(1)
			if r := i.get("/echo"); r.StatusCode != 503 || r.Header.Get("Retry-After") == "" || r.Header.Get("X-OpenFaaS-Internal") == "" {
				t.Errorf("got %d %v", r.StatusCode, r.Header)
			}
			hangUp()
			i.eventually("the place is free again", func() bool { return i.get("/echo").StatusCode == 200 })
		})
	}
}

func TestClientThatLeavesIsNoticed(t *testing.T) {
	i := launch(t)
	hangUp := i.hold(1, "/wait")
	i.awaitInflight(1)
	hangUp()
	i.await("function wrote", func(l map[string]any) bool { return l["line"] == "cancelled" })
}

func TestResponseThatBreaksOffIsNeverWellFormed(t *testing.T) {
	i := launch(t, "pool_size=1", fmt.Sprintf("metrics_port=%d", freePort(t)))
	for _, version := range []string{"1.0", "1.1"} {
		conn := dial(t, i)
		fmt.Fprintf(conn, "GET /stream?n=100000000&piece=65536 HTTP/%s\r\nHost: x\r\n\r\n", version)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || resp.StatusCode != 200 {
			t.Fatal(resp, err)
		}
		worker := i.metric(`fwatchdog_worker_starts_total`)
		if err := syscall.Kill(i.pid(int(worker)), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, resp.Body); err == nil {
			t.Errorf("HTTP/%s: got %d bytes, as if they were all", version, n)
		}
		i.get("/echo").is(t, 200, "")
	}
}

func TestPrintCostsALogLine(t *testing.T) {
	for _, output := range []string{"stdout", "fd3"} {
		i := launch(t, "worker_output="+output, "fprocess=node ../../sdk/node/conformance.js", "pool_size=1")
		for _, route := range []string{"/print", "/print-raw", "/print-subprocess"} {
			i.get(route).is(t, 200, "printed")
		}
		for _, text := range []string{"printed by the handler", "printed raw", "printed by a subprocess"} {
			i.await("function wrote", func(l map[string]any) bool { return l["line"] == text })
		}
		if i.find("worker ended", nil) != nil {
			t.Error("a print has cost a worker")
		}
	}
}

func TestBadRequests(t *testing.T) {
	i := launch(t)
	for request, status := range map[string]string{
		"this is not HTTP\r\n\r\n": "400",
		"GET / HTTP/1.1\r\nHost: x\r\nCookie: " + strings.Repeat("c", 70_000) + "\r\n\r\n": "431",
		"GET / HTTP/1.1\r\nHost: x\r\nCookie: " + strings.Repeat("c", 1<<20) + "\r\n\r\n":  "431",
	} {
		conn := dial(t, i)
		go func() { _, _ = io.WriteString(conn, request) }() // the answer may come before all is sent
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "HTTP/1.1 "+status) {
			t.Errorf("%.40q: got %q (%v), want %s", request, line, err, status)
		}
	}
	big := "Cookie: " + strings.Repeat("c", 60_000)
	if r := i.get("/headers", big); r.StatusCode != 200 || !strings.Contains(r.body, strings.ToLower(big[:6])) {
		t.Errorf("a cookie of 60 kB: got %d", r.StatusCode)
	}
}

func TestExpectContinueIsAnswered(t *testing.T) {
	i := launch(t, "max_body=100")
	ask := func(length int) (string, net.Conn, *bufio.Reader) {
		conn := dial(t, i)
		fmt.Fprintf(conn, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", length)
		r := bufio.NewReader(conn)
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(line), conn, r
	}
	line, conn, r := ask(5)
	if line != "HTTP/1.1 100 Continue" {
		t.Fatalf("got %q", line)
	}
	_, _ = r.ReadString('\n')
	_, _ = io.WriteString(conn, "hello")
	if resp, err := http.ReadResponse(r, nil); err != nil || resp.StatusCode != 200 {
		t.Errorf("got %v (%v)", resp, err)
	}
	if line, _, _ := ask(101); line != "HTTP/1.1 413 Request Entity Too Large" {
		t.Errorf("got %q", line)
	}
}

func TestProbesAndLockFile(t *testing.T) {
	i := launch(t, "healthcheck_interval=1h")
	lock := filepath.Join(i.tmp, ".lock")
	i.awaitReady()
	i.get("/_/health").is(t, 200, "OK")
	i.get("/_/ready").is(t, 200, "OK")
	if r := i.send("POST", "/_/health", nil); r.StatusCode != 405 {
		t.Errorf("POST: got %d", r.StatusCode)
	}
	if _, err := os.Stat(lock); err != nil {
		t.Error(err)
	}
	i.signal(syscall.SIGTERM)
	i.eventually("not healthy", func() bool { return i.get("/_/health").StatusCode == 503 })
	if r := i.get("/_/ready"); r.StatusCode != 503 {
		t.Errorf("ready: got %d", r.StatusCode)
	}
	if r := i.send("POST", "/echo", strings.NewReader("still served")); r.body != "still served" || !r.Close {
		t.Errorf("got %q, close is %v", r.body, r.Close)
	}
	if _, err := os.Stat(lock); err == nil {
		t.Error("the lock file is still there")
	}
	i.signal(syscall.SIGTERM) // the pause is over
	if code := i.exitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestReadyWaitsForAWorkerAndHealthDoesNot(t *testing.T) {
	i := launch(t, "fprocess=sleep 1000", "hello_timeout=10s")
	i.get("/_/health").is(t, 200, "OK")
	if r := i.get("/_/ready"); r.StatusCode != 503 {
		t.Errorf("got %d", r.StatusCode)
	}
}

// loadUntilClosed sends requests from sixteen clients until the listener is closed, and fails the test for each that is not
// answered with 200. It returns once there is traffic; wait returns when the last client has ended.
func loadUntilClosed(t *testing.T, i *instance) (wait func()) {
	t.Helper()
	var answered atomic.Int64
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for {
				r, err := i.try(t.Context(), "GET", "/sleep?ms=20", nil)
				if err != nil && strings.Contains(err.Error(), "connection refused") {
					return // nobody had this request
				}
				if err != nil || r.StatusCode != 200 {
					t.Errorf("lost: %v %v", r.Response, err)
					return
				}
				answered.Add(1)
			}
		})
	}
	i.eventually("traffic", func() bool { return answered.Load() > 50 })
	return group.Wait
}

func TestDrainLosesNothing(t *testing.T) {
	for name, kill := range map[string]func(*instance) error{
		"SIGTERM to the watchdog":         func(i *instance) error { return i.cmd.Process.Signal(syscall.SIGTERM) },
		"SIGTERM to every process at all": func(i *instance) error { return signalAll(i) },
	} {
		t.Run(name, func(t *testing.T) {
			i := launch(t, "pool_size=2", "healthcheck_interval=300ms")
			i.pid(1)
			i.pid(2)
			wait := loadUntilClosed(t, i)
			if err := kill(i); err != nil {
				t.Fatal(err)
			}
			wait()
			if code := i.exitCode(); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

// signalAll sends SIGTERM to the watchdog and all its workers, as some container runtimes do.
func signalAll(i *instance) error {
	for _, serial := range []int{1, 2} {
		if err := syscall.Kill(-i.pid(serial), syscall.SIGTERM); err != nil {
			return err
		}
	}
	return i.cmd.Process.Signal(syscall.SIGTERM)
}

func TestSecondSignalEndsTheWaiting(t *testing.T) {
	i := launch(t, "healthcheck_interval=1h")
	cut := i.ask("/wait")
	i.awaitInflight(1)
	i.signal(syscall.SIGTERM)
	i.await("stopping", nil)
	i.signal(syscall.SIGTERM)
	if code := i.exitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if r := cut(); r.StatusCode != 503 {
		t.Errorf("got %d", r.StatusCode)
	}
	i.await("requests were cut off", func(l map[string]any) bool { return l["requests"] == 1.0 })
}

func TestKilledWatchdogLeavesNoWorker(t *testing.T) {
	i := launch(t, "pool_size=2")
	pids := []int{i.pid(1), i.pid(2)}
	i.signal(syscall.SIGKILL)
	for _, pid := range pids {
		eventually(t, "the worker has ended", func() bool { return syscall.Kill(pid, 0) != nil || isZombie(pid) })
	}
}

func isZombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}

func TestStoppedWorkerIsReplaced(t *testing.T) {
	i := launch(t, "pool_size=1", "ping_interval=500ms", "ping_misses=3")
	first := i.pid(1)
	if err := syscall.Kill(first, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	i.pid(2)
	i.await("worker ended", func(l map[string]any) bool { return l["reason"] == "heartbeat" })
	i.send("POST", "/echo", strings.NewReader("x")).is(t, 200, "x")
}

func TestMetricsTellWhatHappened(t *testing.T) {
	i := launch(t, fmt.Sprintf("metrics_port=%d", freePort(t)), "pool_size=1", "worker_concurrency=2", "max_body=10")
	i.get("/echo")
	i.send("POST", "/echo", strings.NewReader("01234567890")) // no worker gets it
	exchangeRaw(t, i, "no request\r\n\r\n")
	i.send("PURGE", "/echo", nil)
	i.get("/throw")
	i.get("/exit?code=1")
	i.pid(2)
	i.awaitReady()
	for series, want := range map[string]float64{
		`http_requests_total{code="200",method="get"}`:                 1,
		`http_requests_total{code="413",method="post"}`:                1,
		`http_requests_total{code="400",method="unknown"}`:             1,
		`http_requests_total{code="200",method="unknown"}`:             1,
		`http_requests_total{code="500",method="get"}`:                 1,
		`http_requests_total{code="502",method="get"}`:                 1,
		`http_requests_in_flight`:                                      0,
		`fwatchdog_capacity`:                                           2,
		`fwatchdog_inflight`:                                           0,
		`fwatchdog_worker_starts_total`:                                2,
		`fwatchdog_worker_exits_total{reason="crash"}`:                 1,
		`fwatchdog_workers{state="ready"}`:                             1,
		`fwatchdog_exec_seconds_count`:                                 4,
		`fwatchdog_queue_wait_seconds_count`:                           4,
		`http_request_duration_seconds_count{code="200",method="get"}`: 1,
	} {
		if got := i.metric(series); got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
}

// The ports that freePort tries, one after another. They are below those that the kernel gives to clients, of which tests
// have thousands: one of those could be taken again before the watchdog listens on it.
var (
	firstPort  = 10_000 + rand.IntN(10_000)
	portsTried atomic.Int32
)

// freePort returns a port that nobody has taken.
func freePort(t *testing.T) int {
	t.Helper()
	for range 1000 {
		port := firstPort + int(portsTried.Add(1))
		if listener, err := net.Listen("tcp", ":"+strconv.Itoa(port)); err == nil {
			_ = listener.Close() // it has told what it was asked
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

func TestWatchdogUsesHalfOfTheProcessorsWhereWorkersNeedThem(t *testing.T) {
	all := runtime.GOMAXPROCS(0)
	for name, test := range map[string]struct {
		settings []string
		want     int
	}{
		"a pool":                     {nil, (all + 1) / 2},
		"a process for each request": {[]string{"mode=classic", "fprocess=cat"}, all},
		"the environment says":       {[]string{fmt.Sprintf("GOMAXPROCS=%d", all+5)}, all + 5},
	} {
		t.Run(name, func(t *testing.T) {
			settings := append(test.settings, fmt.Sprintf("metrics_port=%d", freePort(t)))
			i := launch(t, settings...)
			i.get("/echo") // by whose answer it has divided them, or soon will
			i.eventually(fmt.Sprintf("it uses %d of %d processors", test.want, all), func() bool {
				return i.metric("go_sched_gomaxprocs_threads") == float64(test.want)
			})
		})
	}
}

func TestSignalsChangeTheSizeOfThePool(t *testing.T) {
	i := launch(t, "pool_size=1")
	i.pid(1)
	i.signal(syscall.SIGTTIN)
	i.pid(2)
	i.signal(syscall.SIGTTOU)
	i.await("worker ended", func(l map[string]any) bool { return l["reason"] == "resize" })
	i.signal(syscall.SIGUSR1)
	i.await("state", nil)
	i.send("POST", "/echo", strings.NewReader("x")).is(t, 200, "x")
}

func TestTheAccessLogHasTheLinesThatAreWanted(t *testing.T) {
	for which, want := range map[string][]string{"off": nil, "errors": {"/status?code=503", "/throw"}, "all": {"/echo", "/status?code=503", "/throw"}} {
		t.Run(which, func(t *testing.T) {
			i := launch(t, "pool_size=1", "access_log="+which)
			for _, target := range []string{"/echo", "/status?code=503", "/throw"} {
				i.get(target)
			}
			i.signal(syscall.SIGTERM)
			i.exitCode()
			var got []string
			for _, message := range []string{"request answered", "request failed"} {
				for _, line := range i.all(message) {
					got = append(got, line["target"].(string))
					if line["method"] != "GET" || line["call_id"] == "" || line["serial"] != 1.0 || line["status"] == 0.0 {
						t.Errorf("the line is %v", line)
					}
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestASlowRequestHasALineInAnyCase(t *testing.T) {
	i := launch(t, "pool_size=1", "access_log=off", "slow_log=500ms")
	i.awaitReady() // to wait for the worker would be slow, too
	i.get("/echo")
	i.get("/sleep?ms=600")
	line := i.await("request was slow", nil)
	if line["target"] != "/sleep?ms=600" || line["slot"] != 0.0 || len(i.all("request was slow")) != 1 {
		t.Errorf("logged %v", i.all("request was slow"))
	}
}

func TestAFunctionThatPrintsInALoopCannotFloodTheLog(t *testing.T) {
	i := launch(t, "pool_size=1", "log_rate=100", fmt.Sprintf("metrics_port=%d", freePort(t)),
		"fprocess=sh -c 'yes line | head -n 50000 >&2; exec "+function+"'")
	i.pid(1)
	i.get("/echo").is(t, 200, "")
	i.eventually("what was left out is counted", func() bool { return i.metric("fwatchdog_log_lines_dropped_total") > 40000 })
	if n := count(i, "function wrote"); n > 5000 {
		t.Errorf("%d lines are in the log", n)
	}
}

func TestModeStaticWarnsOfAFolderThatIsNotThere(t *testing.T) {
	for path, warned := range map[string]bool{filepath.Join(t.TempDir(), "nowhere"): true, t.TempDir(): false} {
		i := launch(t, "mode=static", "static_path="+path, "log_format=json")
		i.signal(syscall.SIGTERM)
		i.signal(syscall.SIGTERM)
		i.exitCode()
		if lines := i.all("there is no folder to serve: set static_path"); (len(lines) == 1) != warned {
			t.Errorf("%s: %v", path, lines)
		}
	}
}

func TestLogTellsOfVariablesThatAreNearlySettings(t *testing.T) {
	i := launch(t, "mode=static", "static_path=/", "QUEUE_SIZE=7", "max_infligt=7", "log_format=json")
	i.stop()
	got := map[any]any{}
	for _, line := range i.all("a variable is not a setting, but nearly") {
		got[line["variable"]] = line["setting"]
	}
	if want := map[any]any{"QUEUE_SIZE": "queue_size", "max_infligt": "max_inflight"}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
