package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// openFaaSModes are all that are tested here.
var openFaaSModes = append([]string{"static"}, forkModes...)

func TestCompatHealth(t *testing.T) {
	for _, mode := range openFaaSModes {
		t.Run(mode, func(t *testing.T) {
			i := watchdog(t, mode, "printf function", "static_path=/nowhere")
			healthy := i.get("/_/health")
			healthy.is(t, 200, "OK")
			healthy.header(t, "Content-Type", "text/plain; charset=utf-8")
			for _, verb := range []string{"HEAD", "POST", "PUT", "DELETE", "OPTIONS"} {
				i.send(verb, "/_/health", nil).is(t, 405, "")
			}
			if r := i.get("/_/health/"); mode == "static" && r.StatusCode != 404 || mode != "static" && r.body != "function" {
				t.Errorf("got %d %q", r.StatusCode, r.body)
			}
			lock := filepath.Join(i.tmp, ".lock")
			for range 2 {
				if err := os.Remove(lock); err != nil {
					t.Fatal(err)
				}
				i.get("/_/health").is(t, 503, "")
				if err := os.WriteFile(lock, nil, 0o600); err != nil {
					t.Fatal(err)
				}
				i.get("/_/health").is(t, 200, "OK")
			}
		})
	}
}

func TestCompatLockFile(t *testing.T) {
	for _, mode := range openFaaSModes {
		t.Run(mode, func(t *testing.T) {
			tmp := filepath.Join(t.TempDir(), "made", "here") // a folder that is missing is made
			i := watchdog(t, mode, "exit 0", "TMPDIR="+tmp)
			info, err := os.Stat(filepath.Join(tmp, ".lock"))
			if err != nil || info.Size() != 0 || info.Mode().Perm()&^0o660 != 0 {
				t.Errorf("got %v, %v", info, err)
			}
			i.stop()
			if _, err := os.Stat(filepath.Join(tmp, ".lock")); !os.IsNotExist(err) {
				t.Errorf("the lock file is left: %v", err)
			}
		})
	}
}

func TestCompatSuppressedLock(t *testing.T) {
	for _, mode := range openFaaSModes {
		t.Run(mode, func(t *testing.T) {
			i := watchdog(t, mode, "exit 0", "suppress_lock=true")
			if _, err := os.Stat(filepath.Join(i.tmp, ".lock")); !os.IsNotExist(err) {
				t.Errorf("there is a lock file: %v", err)
			}
			i.get("/_/health").is(t, 200, "OK")
			if mode != "classic" {
				i.get("/_/ready").is(t, 200, "")
			}
		})
	}
}

func TestCompatReady(t *testing.T) {
	for _, mode := range openFaaSModes {
		t.Run(mode, func(t *testing.T) {
			i := watchdog(t, mode, "printf function", "static_path=/nowhere")
			if mode == "classic" { // an ordinary path
				i.get("/_/ready").is(t, 200, "function")
				i.send("POST", "/_/ready", nil).is(t, 200, "function")
				return
			}
			i.get("/_/ready").is(t, 200, "")
			for _, verb := range []string{"HEAD", "POST", "DELETE"} {
				i.send(verb, "/_/ready", nil).is(t, 405, "")
			}
			if err := os.Remove(filepath.Join(i.tmp, ".lock")); err != nil {
				t.Fatal(err)
			}
			i.get("/_/ready").is(t, 503, "")
		})
	}
}

func TestCompatReadyIs429WhenTheLimiterIsFull(t *testing.T) {
	for _, mode := range []string{"serializing", "streaming"} {
		t.Run(mode, func(t *testing.T) {
			held := filepath.Join(t.TempDir(), "pid")
			i := watchdog(t, mode, "echo $$ > "+held+"; exec sleep 60", "max_inflight=1", "ready_path=/is-not-asked")
			i.get("/_/health").is(t, 200, "OK")
			go http.Get(i.url) //nolint: it ends with the instance
			pidIn(t, held)
			i.get("/_/ready").is(t, 429, "")
			begun := time.Now()
			i.get("/_/health").is(t, 200, "OK")
			within(t, begun, 10*time.Second)
		})
	}
}

func TestCompatReadyPathAsksTheFunction(t *testing.T) {
	for _, mode := range []string{"serializing", "streaming"} {
		t.Run(mode, func(t *testing.T) {
			i := watchdog(t, mode, `printf "$Http_Method $Http_Path $Http_X_Probe $Http_Query"; [ -e "$TMPDIR/ready" ]`,
				"ready_path=/custom/ready", "max_inflight=1", fmt.Sprintf("metrics_port=%d", freePort(t)))
			if r := i.get("/_/ready?a=b", "X-Probe: p"); mode == "serializing" && r.StatusCode != 500 || mode == "streaming" && r.err == nil {
				t.Errorf("got %d %q %v, want that of a function that is not ready", r.StatusCode, r.body, r.err)
			}
			if err := os.WriteFile(filepath.Join(i.tmp, "ready"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			i.get("/_/ready?a=b", "X-Probe: p").is(t, 200, "GET /custom/ready p ")
			if all := i.scrape(); strings.Contains(all, "http_requests_total{") {
				t.Errorf("probes are counted:\n%s", all)
			}
		})
	}
}

func TestCompatMetrics(t *testing.T) {
	for mode, others := range map[string]int{"classic": 405, "serializing": 200, "streaming": 200} {
		t.Run(mode, func(t *testing.T) {
			i := watchdog(t, mode, "[ $Http_Path != /fail ]", fmt.Sprintf("metrics_port=%d", freePort(t)))
			if n := i.metric("http_requests_in_flight"); n != 0 {
				t.Errorf("%v are in flight", n)
			}
			i.get("/")
			i.get("/fail")
			i.get("/_/health")
			for _, verb := range []string{"PURGE", "MAKEUP"} {
				i.send(verb, "/", nil)
			}
			if resp := mustGet(t, strings.TrimSuffix(i.metrics, "metrics")); resp.StatusCode != 404 || resp.body != "404 page not found\n" {
				t.Errorf("another path: got %d %q", resp.StatusCode, resp.body)
			}
			for series, want := range map[string]float64{
				`http_requests_total{code="200",method="get"}`:                            1,
				`http_requests_total{code="500",method="get"}`:                            1,
				fmt.Sprintf(`http_requests_total{code="%d",method="unknown"}`, others):    2,
				`http_request_duration_seconds_count{code="200",method="get"}`:            1,
				`http_request_duration_seconds_bucket{code="200",method="get",le="+Inf"}`: 1,
			} {
				i.eventually(fmt.Sprintf("%s is %v", series, want), func() bool { return i.metric(series) == want })
			}
			all := i.scrape()
			for _, bucket := range []string{"0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"} {
				if want := fmt.Sprintf(`http_request_duration_seconds_bucket{code="200",method="get",le="%s"}`, bucket); !strings.Contains(all, want) {
					t.Errorf("no %s", want)
				}
			}
			for _, name := range []string{"go_goroutines", "process_open_fds", "promhttp_metric_handler_requests_total"} {
				if !strings.Contains(all, "\n"+name) {
					t.Errorf("no %s", name)
				}
			}
		})
	}
}
