// Package validate checks what lies in the folders beside it, with the libraries of the programs that read it.
package validate

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
)

var promQL = parser.NewParser(parser.Options{})

// alerts are the rules, read as Prometheus reads them.
func alerts(t *testing.T) []rulefmt.Rule {
	t.Helper()
	groups, errs := rulefmt.ParseFile("../prometheus/alerts.yml", false, model.UTF8Validation, promQL)
	for _, err := range errs {
		t.Error(err)
	}
	if groups == nil || len(groups.Groups) != 1 {
		t.Fatal("there is not one group of rules")
	}
	return groups.Groups[0].Rules
}

func TestEveryAlertSaysWhatIsWrongAndWhatToDo(t *testing.T) {
	for _, rule := range alerts(t) {
		if rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" ||
			!slices.Contains([]string{"critical", "warning", "info"}, rule.Labels["severity"]) {
			t.Errorf("%s: %v %v", rule.Alert, rule.Labels, rule.Annotations)
		}
	}
}

// Each alert fires on the first series and not on the second; one value a minute.
var cases = map[string]struct{ bad, good string }{
	"FwatchdogNoWorker": {
		`fwatchdog_workers{state="ready"} 0x30`, `fwatchdog_workers{state="ready"} 1x30`},
	"FwatchdogWorkersFail": {
		`fwatchdog_worker_exits_total{reason="crash"} 0+1x30`, `fwatchdog_worker_exits_total{reason="reload"} 0+1x30`},
	"FwatchdogWorkersHang": {
		`fwatchdog_worker_exits_total{reason="timeout"} 0+1x30`, `fwatchdog_worker_exits_total{reason="timeout"} 5x30`},
	"FwatchdogMemoryKills": {
		`fwatchdog_worker_exits_total{reason="memory_hard"} 0+1x30`, `fwatchdog_worker_exits_total{reason="memory_soft"} 0+1x30`},
	"FwatchdogMemoryChurn": {
		`fwatchdog_worker_exits_total{reason="memory_soft"} 0+1x30`, `fwatchdog_worker_exits_total{reason="memory_soft"} 0+0.1x30`},
	"FwatchdogRejects": {
		`fwatchdog_rejected_total{reason="queue_full"} 0+1x30`, `fwatchdog_rejected_total{reason="draining"} 0+1x30`},
	"FwatchdogSaturated": {`fwatchdog_utilization 0.95x30`, `fwatchdog_utilization 0.5x30`},
	"FwatchdogQueueWait": {
		"fwatchdog_queue_wait_seconds_bucket{le=\"1\"} 0+0x30\n fwatchdog_queue_wait_seconds_bucket{le=\"5\"} 0+9x30\n fwatchdog_queue_wait_seconds_bucket{le=\"+Inf\"} 0+9x30",
		"fwatchdog_queue_wait_seconds_bucket{le=\"1\"} 0+9x30\n fwatchdog_queue_wait_seconds_bucket{le=\"5\"} 0+9x30\n fwatchdog_queue_wait_seconds_bucket{le=\"+Inf\"} 0+9x30"},
	"FwatchdogErrors": {
		"http_requests_total{code=\"200\"} 0+90x30\n http_requests_total{code=\"502\"} 0+10x30",
		"http_requests_total{code=\"200\"} 0+99x30\n http_requests_total{code=\"502\"} 0+1x30"},
}

func TestEveryAlertFiresWhenItShouldAndOnlyThen(t *testing.T) {
	for _, rule := range alerts(t) {
		c, ok := cases[rule.Alert]
		if !ok {
			t.Errorf("%s is not tested", rule.Alert)
		}
		for series, fires := range map[string]bool{c.bad: true, c.good: false} {
			t.Run(fmt.Sprintf("%s %v", rule.Alert, fires), func(t *testing.T) {
				storage := promqltest.LoadedStorage(t, "load 1m\n "+series+"\n")
				engine := promqltest.NewTestEngine(t, false, 0, 10_000)
				query, err := engine.NewInstantQuery(t.Context(), storage, nil, rule.Expr, time.Unix(0, 0).Add(30*time.Minute))
				if err != nil {
					t.Fatal(err)
				}
				defer query.Close()
				found, err := query.Exec(t.Context()).Vector()
				if err != nil || (len(found) > 0) != fires {
					t.Errorf("%s is %v, %v", rule.Expr, found, err)
				}
			})
		}
	}
}

// shown is what a running instance exposes: the names of series, and the values of labels by name.
func shown(t *testing.T) (names map[string]bool, values map[string][]string) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "fwatchdog")
	if out, err := exec.Command("go", "build", "-C", "../..", "-o", binary, "./cmd/fwatchdog").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(binary, "--demo")
	cmd.Env = append(os.Environ(), "port=0", "metrics_port="+freePort(t), "healthcheck_interval=0", "TMPDIR="+t.TempDir(), "log_format=json", "memory_interval=100ms")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_, _ = io.Copy(io.Discard, stderr)
		_ = cmd.Wait() // ended by the signal
	}()
	var url, metrics string
	for lines := bufio.NewScanner(stderr); url == "" && lines.Scan(); {
		var line struct {
			Message string
			Port    int
			Metrics int `json:"metrics_port"`
		}
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Message == "listening" {
			url, metrics = fmt.Sprintf("http://127.0.0.1:%d/", line.Port), fmt.Sprintf("http://127.0.0.1:%d/metrics", line.Metrics)
		}
	}
	if _, err := http.Get(url); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	for !names["fwatchdog_worker_memory_bytes"] { // the last to come: it is measured once a second
		if time.Now().After(deadline) {
			t.Fatalf("memory is not measured: %v", names)
		}
		names, values = scrape(t, metrics)
	}
	return names, values
}

// scrape returns the names of all series, and the values of their labels by name.
func scrape(t *testing.T, url string) (names map[string]bool, values map[string][]string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	names, values = map[string]bool{}, map[string][]string{}
	label := regexp.MustCompile(`(\w+)="([^"]*)"`)
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		name, rest, _ := strings.Cut(strings.ReplaceAll(lines.Text(), "{", " {"), " ")
		names[name] = true
		for _, pair := range label.FindAllStringSubmatch(rest, -1) {
			values[pair[1]] = append(values[pair[1]], pair[2])
		}
	}
	return names, values
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestWhateverIsAskedForIsShown(t *testing.T) {
	names, values := shown(t)
	var expressions []string
	for _, rule := range alerts(t) {
		expressions = append(expressions, rule.Expr)
	}
	expressions = append(expressions, ofDashboard(t)...)
	for _, expression := range expressions {
		expr, err := promQL.ParseExpr(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		for _, selector := range parser.ExtractSelectors(expr) {
			for _, matcher := range selector {
				if matcher.Name == labels.MetricName && !names[matcher.Value] {
					t.Errorf("%s: there is no metric %s", expression, matcher.Value)
				}
				if matcher.Name == "reason" || matcher.Name == "state" {
					for _, value := range strings.Split(matcher.Value, "|") {
						if !slices.Contains(values[matcher.Name], value) {
							t.Errorf("%s: %s is never %s", expression, matcher.Name, value)
						}
					}
				}
			}
		}
	}
}

// ofDashboard returns every expression of the dashboard, with Grafana's variables filled in.
func ofDashboard(t *testing.T) (expressions []string) {
	t.Helper()
	text, err := os.ReadFile("../prometheus/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Annotations struct{ List []struct{ Expr string } }
		Panels      []struct {
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("$__rate_interval", "1m", "$job", ".*", "$instance", ".*")
	for _, panel := range dashboard.Panels {
		if len(panel.Targets) == 0 || panel.GridPos.W == 0 {
			t.Errorf("panel %q is empty", panel.Title)
		}
		for _, target := range panel.Targets {
			expressions = append(expressions, fill.Replace(target.Expr))
		}
	}
	for _, annotation := range dashboard.Annotations.List {
		expressions = append(expressions, fill.Replace(annotation.Expr))
	}
	if len(expressions) < 12 {
		t.Errorf("the dashboard asks for %d things only", len(expressions))
	}
	return expressions
}
