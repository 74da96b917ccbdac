package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func TestHTTPProcessThatDoesNotHeedTheDeadlineIsReplaced(t *testing.T) { // D26
	i := upstream(t, "exec_timeout=1s", "cancel_grace=100ms")
	i.get("/hello").is(t, 200, "hello")
	i.get("/spin").is(t, 504, "")
	i.await("worker ended", func(l map[string]any) bool { return l["reason"] == "timeout" })
	i.get("/hello").is(t, 200, "hello")
}

func TestHTTPFunctionThatEndsIsStartedAgain(t *testing.T) { // D1, D2, D39
	i := upstream(t)
	for _, end := range []string{"/exit?code=0", "/exit?code=3", "/reject"} {
		i.get(end).is(t, 500, "")
		i.get("/hello").is(t, 200, "hello") // it waits for the next process
	}
	for _, reason := range []string{"exit", "crash"} {
		i.await("worker ended", func(l map[string]any) bool { return l["reason"] == reason })
	}
}

func TestHTTPNotReadyWhileNoProcessListens(t *testing.T) { // D25
	gate := filepath.Join(t.TempDir(), "gate")
	openGate := func() {
		t.Helper()
		if err := os.WriteFile(gate, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	i := upstream(t, "GATE="+gate)
	if r := i.get("/_/ready"); r.StatusCode != 503 || r.body != "" {
		t.Errorf("ready before it listens: %d %q", r.StatusCode, r.body)
	}
	i.get("/_/health").is(t, 200, "OK")
	early := i.ask("/hello")
	i.eventually("an early request waits", func() bool { return i.state()["Queue"] == 1.0 })
	openGate()
	early().is(t, 200, "hello")
	i.get("/_/ready").is(t, 200, "")
	if err := os.Remove(gate); err != nil {
		t.Fatal(err)
	}
	i.get("/exit?code=0").is(t, 500, "")
	i.eventually("not ready while it starts anew", func() bool { return i.get("/_/ready").StatusCode == 503 })
	openGate()
	i.awaitReady()
	for _, method := range []string{"POST", "HEAD"} {
		if r := i.send(method, "/_/ready", nil); r.StatusCode != 405 {
			t.Errorf("%s: %d", method, r.StatusCode)
		}
	}
}

func TestHTTPDeathCostsItsOwnRequestsOnly(t *testing.T) { // D2
	i := upstream(t, "pool_size=2")
	pids := map[string]bool{}
	i.eventually("both processes serve", func() bool {
		var both sync.WaitGroup
		var mu sync.Mutex
		for range 8 {
			both.Go(func() {
				pid := i.get("/pid").body
				mu.Lock()
				defer mu.Unlock()
				pids[pid] = true
			})
		}
		both.Wait()
		return len(pids) == 2
	})
	late := i.ask("/late?ms=2000")
	i.awaitInflight(1)
	i.get("/exit?code=1").is(t, 500, "") // of the other one, which has less to do
	late().is(t, 200, "late")
}

// metricsInflight is how many requests are in flight, as USR1 tells.
func (i *instance) metricsInflight() int {
	i.t.Helper()
	return int(i.state()["Inflight"].(float64))
}

func (i *instance) awaitInflight(n int) {
	i.t.Helper()
	i.eventually(fmt.Sprintf("%d are in flight", n), func() bool { return i.metricsInflight() == n })
}

// state is the pool as USR1 tells it now.
func (i *instance) state() map[string]any {
	i.t.Helper()
	before := count(i, "state")
	i.signal(syscall.SIGUSR1)
	i.eventually("the state is told", func() bool { return count(i, "state") > before })
	told := i.all("state")
	return told[len(told)-1]["pool"].(map[string]any)
}

func TestHTTPPortIsTheFunctionsOwn(t *testing.T) {
	i := upstream(t, "PORT=1")
	parts := strings.Fields(i.get("/env").body)
	if len(parts) != 3 || parts[0] != parts[1] || parts[0] != parts[2] || parts[0] == "1" {
		t.Errorf("PORT, http_port and argument are %q", parts)
	}
	port := freePort(t)
	fixed := upstream(t, "pool_size=", fmt.Sprintf("upstream_url=http://127.0.0.1:%d", port))
	if got := fixed.get("/env").body; got != fmt.Sprintf("%d %d {port}", port, port) && got != fmt.Sprintf("%d %d %d", port, port, port) {
		t.Errorf("got %q", got)
	}
	alias := upstream(t, "pool_size=", "upstream_url=http://127.0.0.1:1", fmt.Sprintf("http_upstream_url=http://localhost:%d", freePort(t)))
	alias.get("/hello").is(t, 200, "hello")
}

func TestHTTPDrainServesAndSignalsNobodyBefore(t *testing.T) { // D3, D4
	for name, url := range map[string]string{"own port": "http://127.0.0.1:{port}", "fixed port": fmt.Sprintf("http://127.0.0.1:%d", freePort(t))} {
		t.Run(name, func(t *testing.T) {
			i := upstream(t, "healthcheck_interval=1h", "upstream_url="+url)
			i.get("/hello").is(t, 200, "hello")
			late := i.ask("/late?ms=1500")
			i.awaitInflight(1)
			i.signal(syscall.SIGTERM)
			i.await("stopping", nil)
			if r := i.get("/_/health"); r.StatusCode != 503 {
				t.Errorf("health: %d", r.StatusCode)
			}
			i.get("/hello").is(t, 200, "hello") // still served
			i.signal(syscall.SIGTERM)           // the pause is over
			late().is(t, 200, "late")
			if code := i.exitCode(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			if i.find("function wrote", func(l map[string]any) bool { return l["line"] == "got SIGTERM" }) == nil {
				t.Error("the function was not asked to end")
			}
		})
	}
}

func TestHTTPStartThatFailsForGoodEndsTheWatchdog(t *testing.T) {
	for name, settings := range map[string][]string{
		"no such program":  {"fprocess=/no/such/program"},
		"it ends":          {"fprocess=node -e process.exit(3)"},
		"it never listens": {"fprocess=sleep 100", "start_timeout=200ms"},
	} {
		t.Run(name, func(t *testing.T) {
			i := upstream(t, settings...)
			if code := i.exitCode(); code != 1 {
				t.Errorf("exit code %d", code)
			}
			i.await("worker could not be started", nil)
		})
	}
}

func TestHTTPSettingsAreRefused(t *testing.T) {
	code, _, stderr := runs(t, "", []string{"mode=http", "fprocess=cat", "port=0"})
	if code != 1 || !strings.Contains(stderr, "http_upstream_url") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

func TestHTTPRecyclingLosesNoRequest(t *testing.T) {
	for name, url := range map[string]string{"own port": "http://127.0.0.1:{port}", "fixed port": fmt.Sprintf("http://127.0.0.1:%d", freePort(t))} {
		t.Run(name, func(t *testing.T) {
			i := upstream(t, "worker_max_requests=20", "worker_min_age=0", "recycle_jitter=0%", "upstream_url="+url)
			var all sync.WaitGroup
			for range 3 {
				all.Go(func() {
					for range 20 {
						i.get("/hello").is(t, 200, "hello")
					}
				})
			}
			all.Wait()
			i.await("worker ended", func(l map[string]any) bool { return l["reason"] == "max_requests" })
		})
	}
}

func TestHTTPMemoryLimitReplacesAProcess(t *testing.T) {
	i := upstream(t, "worker_memory_soft=200MiB", "worker_memory_hard=off", "memory_interval=50ms", "worker_min_age=0")
	i.get("/hello").is(t, 200, "hello")
	for range 3 {
		i.get("/grow").is(t, 200, "grown")
	}
	i.await("worker ended", func(l map[string]any) bool { return l["reason"] == "memory_soft" })
	i.get("/hello").is(t, 200, "hello")
}

func TestHTTPReloadTakesNewProcesses(t *testing.T) {
	i := upstream(t)
	before := i.get("/pid").body
	i.signal(syscall.SIGHUP)
	i.await("reload completed", nil)
	if after := i.get("/pid").body; after == before {
		t.Error("the same process serves")
	}
}

func TestHTTPLongLinesNeitherStopNorBlock(t *testing.T) { // D24
	i := upstream(t)
	for range 3 {
		i.get("/print").is(t, 200, "printed")
	}
	for _, from := range []string{"stdout", "stderr"} {
		i.await("function wrote", func(l map[string]any) bool { return l["from"] == from && l["line"] == "to "+from })
	}
}

func TestHTTPRetriesAnotherProcess(t *testing.T) {
	i := upstream(t, "pool_size=2", "retry=idempotent")
	i.get("/hello").is(t, 200, "hello")
	pid, err := strconv.Atoi(i.get("/pid").body)
	if err != nil {
		t.Fatal(err)
	}
	late := i.ask("/late?ms=1000")
	i.awaitInflight(1)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Fatal(err)
	}
	late().is(t, 200, "late")
}

func TestHTTPLogLinesOfTheWatchdogs(t *testing.T) {
	i := upstream(t, "log_format=openfaas", "log_callid=true", "exec_timeout=2s", "cancel_grace=10s")
	i.get("/hello", "X-Call-Id: abc").is(t, 200, "hello")
	i.get("/pieces").is(t, 200, "d0d1d2d3")
	i.get("/hello", "User-Agent: kube-probe/1.30").is(t, 200, "hello")
	i.get("/destroy").is(t, 500, "")
	i.get("/late?ms=60000", "X-Timeout: 50ms").is(t, 504, "")
	i.get("/print").is(t, 200, "printed")
	i.get("/exit?code=3").is(t, 500, "")
	i.get("/hello").is(t, 200, "hello")
	var got []string
	i.eventually("the last request is logged", func() bool {
		got = i.logLines(10)
		return strings.Count(strings.Join(got, "\n"), "/hello") == 2 && strings.Contains(strings.Join(got, "\n"), "terminated")
	})
	text := strings.Join(got, "\n") + "\n"
	for _, want := range []string{
		"Started logging: stderr from function.",
		"Started logging: stdout from function.",
		"GET /hello - 200 OK - ContentLength: 5B (TOOK) [abc]",
		"GET /pieces - 200 OK - ContentLength: -1B (TOOK) [none]",
		"Upstream HTTP request error: upstream: EOF",
		"Upstream HTTP killed due to exec_timeout: 50ms",
		"GET /late?ms=60000 - 504 Gateway Timeout - ContentLength: 0B (TOOK) [none]",
		"stderr: to stderr",
		"Forked function has terminated: exit status 3",
	} {
		if !strings.Contains(text, "DATE "+want+"\n") {
			t.Errorf("no line %q in\n%s", want, text)
		}
	}
	if !strings.Contains(text, "DATE Forking: node, arguments: [testdata/upstream.js ") {
		t.Errorf("nothing tells of the start in\n%s", text)
	}
	if strings.Contains(text, "stdout: ") {
		t.Errorf("the function's stdout is in ours for errors:\n%s", text)
	}
}

func TestHTTPDeathWhileTheInstanceStopsIsNoAlarm(t *testing.T) { // D7
	i := upstream(t, "healthcheck_interval=1h")
	i.get("/hello").is(t, 200, "hello")
	pid, err := strconv.Atoi(i.get("/pid").body)
	if err != nil {
		t.Fatal(err)
	}
	i.signal(syscall.SIGTERM)
	i.await("stopping", nil)
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil { // as faasd does with every process of a container
		t.Fatal(err)
	}
	line := i.await("worker ended", nil)
	if line["level"] != "info" {
		t.Errorf("got %v", line)
	}
	i.signal(syscall.SIGTERM) // the pause is over
	if code := i.exitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestHTTPProxyIsUsedForOtherMachinesOnly(t *testing.T) {
	var seen sync.Map
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Store(r.URL.String(), r.Header.Get("Proxy-Authorization"))
		fmt.Fprint(w, "from afar")
	}))
	defer proxy.Close()
	through := "HTTP_PROXY=" + strings.Replace(proxy.URL, "http://", "http://u:p@", 1)
	far := upstream(t, through, "upstream_url=http://function.invalid:81/base", "fprocess=sleep 1000")
	far.get("/a?b=c").is(t, 200, "from afar")
	if got, _ := seen.Load("http://function.invalid:81/base/a?b=c"); got != "Basic dTpw" {
		t.Errorf("the proxy was told %v", got)
	}
	near := upstream(t, through)
	near.get("/hello").is(t, 200, "hello")
}

func TestHTTPFunctionDiesWithTheWatchdog(t *testing.T) { // D35
	i := upstream(t)
	pid, err := strconv.Atoi(i.get("/pid").body)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(i.cmd.Process.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	i.eventually("the function has gone", func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) })
}
