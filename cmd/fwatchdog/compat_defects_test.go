package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The tests here show that the measured defects of the OpenFaaS watchdogs are not ours. Others of them are shown where
// their subject is: in compat_stop_test.go and compat_probe_test.go, and in the tests of mode pool.

func TestCompatCrashOfAProcessCostsItsRequestOnly(t *testing.T) {
	eachFork(t, func(t *testing.T, mode string) {
		i := watchdog(t, mode, `[ "$Http_Path" = /quick ] && exit 0; echo $$ > "$TMPDIR/pid"; [ "$Http_Path" = /crash ] && kill -KILL $$; sleep 1; printf done`)
		_, answer := i.begin()
		if r := i.get("/crash"); r.StatusCode != 500 || !strings.HasPrefix(r.body, "signal: killed") {
			t.Errorf("got %d %q", r.StatusCode, r.body)
		}
		answer().is(t, 200, "done")
		i.get("/quick").is(t, 200, "")
	})
}

func TestCompatSignalToAllProcessesOfTheContainer(t *testing.T) {
	eachFork(t, func(t *testing.T, mode string) {
		i := watchdog(t, mode, "echo $$ > \"$TMPDIR/pid\"; exec sleep 60", "healthcheck_interval=100ms")
		pid, answer := i.begin()
		i.signal(syscall.SIGTERM)
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if r := answer(); r.StatusCode != 500 || strings.TrimSpace(r.body) != "signal: terminated" {
			t.Errorf("got %d %q", r.StatusCode, r.body)
		}
		if code := i.exitCode(); code != 0 {
			t.Errorf("exit code %d", code)
		}
	})
}

func TestCompatDeadlineKillsGrandchildren(t *testing.T) {
	eachFork(t, func(t *testing.T, mode string) {
		i := watchdog(t, mode, "sleep 60 & echo $! > \"$TMPDIR/pid\"; wait", "exec_timeout=2s")
		begun := time.Now()
		if r := i.get("/"); r.StatusCode != 408 && r.StatusCode != 500 {
			t.Errorf("got %d", r.StatusCode)
		}
		within(t, begun, 10*time.Second)
		gone(t, pidIn(t, filepath.Join(i.tmp, "pid")))
	})
}

func TestCompatGrandchildThatHoldsThePipesHoldsUpNothing(t *testing.T) {
	eachFork(t, func(t *testing.T, mode string) {
		i := watchdog(t, mode, "setsid sh -c 'echo $$ > \"$TMPDIR/pid\"; exec sleep 60' & while [ ! -s \"$TMPDIR/pid\" ]; do sleep 0.01; done; printf answer")
		begun := time.Now()
		i.get("/").is(t, 200, "answer")
		within(t, begun, 10*time.Second)
		kill(t, pidIn(t, filepath.Join(i.tmp, "pid")))
	})
}

func TestCompatRequestsLeaveNothingBehind(t *testing.T) {
	eachFork(t, func(t *testing.T, mode string) {
		i := watchdog(t, mode, `[ "$Http_Path" = /slow ] && exec sleep 60; exit ${Http_X_Exit:-0}`, "exec_timeout=200ms",
			fmt.Sprintf("metrics_port=%d", freePort(t)))
		large := strings.Repeat("x", 200_000) // which is not read
		some := func() {
			i.get("/")
			i.get("/", "X-Exit: 3")
			i.send("POST", "/", strings.NewReader(large))
			i.get("/slow")
		}
		look := func() (goroutines, files float64) {
			client.CloseIdleConnections()
			return i.metric("go_goroutines"), i.metric("process_open_fds")
		}
		some()
		goroutines, files := look()
		const rounds = 15
		for range rounds {
			some()
		}
		// What one kind of request leaves behind is there once for each round. A few come and go with connections, and a
		// goroutine that has served one is kept for the next for up to 20 s.
		i.eventually("goroutines and files are as few as before", func() bool {
			goroutinesNow, filesNow := look()
			return goroutinesNow < goroutines+rounds/2 && filesNow < files+rounds/2 && len(children(i.cmd.Process.Pid)) == 0
		})
	})
}

// children returns the processes that pid has started, zombies included.
func children(pid int) []string {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	var all []string
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err == nil {
			all = append(all, strings.Fields(string(text))...)
		}
	}
	return all
}

func TestCompatClientThatLeavesEndsItsProcesses(t *testing.T) {
	eachFork(t, func(t *testing.T, mode string) {
		i := watchdog(t, mode, `[ "$Http_Path" = /quick ] && exit 0; echo begun; sleep 60 & echo $! > "$TMPDIR/pid"; wait`,
			"max_inflight=1", "exec_timeout=0")
		for range 3 {
			ctx, leave := context.WithCancel(t.Context())
			path := filepath.Join(i.tmp, "pid")
			_ = os.Remove(path) // the first time it is not there
			var group sync.WaitGroup
			group.Go(func() { _, _ = i.try(ctx, "GET", "/", nil) })
			pid := pidIn(t, path)
			leave()
			group.Wait()
			gone(t, pid)
			i.eventually("the place is given back", func() bool { return i.get("/quick").StatusCode == 200 })
		}
	})
}

func TestCompatStreamIsFlushedAtOnce(t *testing.T) {
	i := watchdog(t, "streaming", "for n in 1 2 3 4; do echo $n; sleep 0.4; done")
	var longest time.Duration // from the first line to the last, in the best of several rounds: a busy machine may join some
	for round := 0; round < 5 && longest < 900*time.Millisecond; round++ {
		resp, err := client.Get(i.url)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(resp.Body)
		var first time.Time
		for n := 0; lines.Scan(); n++ {
			if n == 0 {
				first = time.Now()
			}
			longest = max(longest, time.Since(first))
		}
		resp.Body.Close()
	}
	if longest < 900*time.Millisecond {
		t.Errorf("lines that are 1.2s apart came within %v", longest)
	}
}

func TestCompatStreamAnswersWhileItReads(t *testing.T) {
	i := watchdog(t, "streaming", "exec cat")
	r, w := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), "POST", i.url, r)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = w.Write([]byte("ping")) }()
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	for _, word := range []string{"ping", "pong"} {
		buf := make([]byte, 4)
		if _, err := io.ReadFull(resp.Body, buf); err != nil || string(buf) != word {
			t.Fatalf("got %q, %v", buf, err)
		}
		if word == "ping" {
			go func() { _, _ = w.Write([]byte("pong")); _ = w.Close() }()
		}
	}
}

func TestCompatLogMetricAndAnswerAgree(t *testing.T) {
	for _, mode := range []string{"serializing", "streaming"} {
		t.Run(mode, func(t *testing.T) {
			i := watchdog(t, mode, "exit 4", "log_format=openfaas", fmt.Sprintf("metrics_port=%d", freePort(t)))
			i.get("/").is(t, 500, "exit status 4")
			i.eventually("the log tells", func() bool { return strings.Contains(i.log(), "GET / - 500 - ContentLength: 13B") })
			i.eventually("the metric tells", func() bool { return i.metric(`http_requests_total{code="500",method="get"}`) == 1 })
			if all := i.scrape(); strings.Contains(all, `http_requests_total{code="200"`) {
				t.Error("it is counted as 200, too")
			}
		})
	}
}

func TestCompatLongLinesOfTheLogStopNothing(t *testing.T) {
	for _, mode := range []string{"serializing", "streaming"} {
		t.Run(mode, func(t *testing.T) {
			i := watchdog(t, mode, `head -c 300000 /dev/zero | tr '\0' x >&2; echo >&2; echo after >&2; printf answer`)
			for range 2 {
				i.get("/").is(t, 200, "answer")
			}
			i.await("function wrote", func(l map[string]any) bool { return l["line"] == "after" })
			if n := len(i.find("function wrote", nil)["line"].(string)); n != 65536 {
				t.Errorf("the first piece has %d bytes", n)
			}
		})
	}
}

func TestCompatLastWordsOfAProcessAreInTheLog(t *testing.T) {
	for _, mode := range []string{"serializing", "streaming"} {
		t.Run(mode, func(t *testing.T) {
			i := watchdog(t, mode, `for n in $(seq 300); do echo "line $n" >&2; done; printf "last words" >&2; exit 1`)
			i.get("/").is(t, 500, "exit status 1")
			i.await("function wrote", func(l map[string]any) bool { return l["line"] == "last words" })
			if n := count(i, "function wrote"); n != 301 {
				t.Errorf("%d lines are in the log, want 301", n)
			}
		})
	}
}

func TestCompatKilledWatchdogLeavesNoProcess(t *testing.T) {
	eachFork(t, func(t *testing.T, mode string) {
		i := watchdog(t, mode, "echo $$ > \"$TMPDIR/pid\"; exec sleep 60")
		go func() { _, _ = i.try(t.Context(), "GET", "/", nil) }()
		pid := pidIn(t, filepath.Join(i.tmp, "pid"))
		i.signal(syscall.SIGKILL)
		gone(t, pid)
	})
}

func TestCompatHopByHopHeadersStayHere(t *testing.T) {
	eachFork(t, func(t *testing.T, mode string) {
		i := watchdog(t, mode, "env")
		raw := "GET / HTTP/1.1\r\nHost: h\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 1\r\nTE: trailers\r\nProxy-Authorization: p\r\nX-Kept: 1\r\n\r\n"
		_, body, _ := strings.Cut(exchangeRaw(t, i, raw), "\r\n\r\n")
		for _, name := range []string{"X_Hop", "Keep_Alive", "Te", "Proxy_Authorization", "Connection"} {
			if strings.Contains(body, "Http_"+name+"=") {
				t.Errorf("%s was passed on", name)
			}
		}
		if !strings.Contains(body, "Http_X_Kept=1\n") {
			t.Errorf("got\n%s", body)
		}
	})
}

func TestCompatResponseThatLastsTooLongIsCutOff(t *testing.T) {
	eachFork(t, func(t *testing.T, mode string) {
		i := watchdog(t, mode, "echo $$ > \"$TMPDIR/pid\"; exec sleep 60", "write_timeout=2s", "exec_timeout=0")
		conn, err := net.Dial("tcp", strings.TrimPrefix(i.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(conn)
		if timeout := net.Error(nil); len(got) > 0 || errors.As(err, &timeout) && timeout.Timeout() {
			t.Errorf("got %q, %v: want a closed connection", got, err)
		}
		gone(t, pidIn(t, filepath.Join(i.tmp, "pid")))
	})
}

func TestCompatOrphansAreReaped(t *testing.T) {
	// As PID 1 of a namespace, where orphans come to us. Only a machine that refuses namespaces cannot show it, and says so.
	t.Parallel()
	function, write := shellScript(t)
	write("setsid sh -c 'sleep 0.05' >/dev/null 2>&1 &\nprintf x")
	port := freePort(t)
	cmd := exec.Command("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", binary)
	cmd.Env = append(os.Environ(), "mode=serializing", "fprocess="+function, fmt.Sprintf("port=%d", port), "metrics_port=0", "TMPDIR="+filepath.Dir(function))
	if err := exec.Command("unshare", "--user", "--map-root-user", "--pid", "--fork", "true").Run(); err != nil {
		fmt.Fprintln(os.Stderr, "THIS MACHINE REFUSES A PID NAMESPACE: that orphans of forked functions are reaped was NOT shown here:", err)
		t.Skip("no PID namespace")
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	url := fmt.Sprintf("http://127.0.0.1:%d/", port)
	eventually(t, "it answers", func() bool {
		resp, err := http.Get(url)
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == 200
	})
	for range 5 {
		mustGet(t, url).is(t, 200, "x")
	}
	inits := children(cmd.Process.Pid)
	if len(inits) != 1 {
		t.Fatalf("unshare has the children %v", inits)
	}
	var init int
	fmt.Sscan(inits[0], &init)
	eventually(t, "no process is left", func() bool { return len(children(init)) == 0 })
}
