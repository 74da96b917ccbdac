package metrics_test

import (
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"fwatchdog/internal/life"
	"fwatchdog/metrics"
	"fwatchdog/pool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source is an instance at one moment.
type source struct{ snap pool.Snapshot }

func (s *source) Snapshot() pool.Snapshot { return s.snap }
func (s *source) Usage() map[uint64]life.Usage {
	return map[uint64]life.Usage{7: {Memory: 1024}}
}
func (s *source) Orphans() uint64 { return 3 }
func (s *source) Workers() metrics.WorkerCounts {
	return metrics.WorkerCounts{Cancelled: map[string]uint64{"deadline": 4}, LateResponses: 5, ProtocolErrors: 6, StrayBytes: 7}
}

func instance() *source {
	return &source{pool.Snapshot{
		Capacity: 4, Inflight: 2, Queue: 1, CrashBudgetExceeded: true,
		Slots: []pool.SlotInfo{
			{ID: life.ID{Slot: 0, Serial: 7}, State: pool.Ready, Vitals: life.Vitals{Pid: 1}},
			{ID: life.ID{Slot: 1, Serial: 6}, State: pool.Vacant},
		},
		Counts: pool.Counts{Starts: 8, Retries: 9, QueueFull: 10, QueueTimeout: 11, NotReady: 14, Draining: 12,
			Exits: map[life.Reason]uint64{life.Crash: 13}},
	}}
}

// scrape returns every series with its value.
func scrape(t *testing.T, m *metrics.Metrics) map[string]float64 {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	series := map[string]float64{}
	for line := range strings.Lines(w.Body.String()) {
		name, value, found := strings.Cut(strings.TrimSpace(line), "} ")
		if found {
			name += "}"
		} else if name, value, found = strings.Cut(strings.TrimSpace(line), " "); !found {
			continue
		}
		if f, err := strconv.ParseFloat(value, 64); err == nil {
			series[name] = f
		}
	}
	return series
}

func TestScrapeTellsOfPoolWorkersAndRequests(t *testing.T) {
	m := metrics.New(instance())
	m.Begin(time.Now())
	m.Begin(time.Now())
	m.Begin(time.Now())
	m.End("get", 200, time.Now(), 30*time.Millisecond, 10*time.Millisecond, true, "")
	m.End("post", 429, time.Now(), 0, 0, false, "inflight_limit")
	m.Booted(2 * time.Second)
	m.Ponged(time.Millisecond)
	got := scrape(t, m)
	for series, want := range map[string]float64{
		`http_requests_total{code="200",method="get"}`:                            1,
		`http_requests_total{code="429",method="post"}`:                           1,
		`http_request_duration_seconds_count{code="200",method="get"}`:            1,
		`http_request_duration_seconds_bucket{code="200",method="get",le="0.05"}`: 1,
		`http_requests_in_flight`:                                                 1,
		`fwatchdog_queue_wait_seconds_sum`:                                        0.01,
		`fwatchdog_queue_wait_seconds_count`:                                      1,
		`fwatchdog_exec_seconds_sum`:                                              0.02,
		`fwatchdog_capacity`:                                                      4,
		`fwatchdog_inflight`:                                                      2,
		`fwatchdog_crash_budget_exceeded`:                                         1,
		`fwatchdog_queue_depth`:                                                   1,
		`fwatchdog_rejected_total{reason="inflight_limit"}`:                       1,
		`fwatchdog_rejected_total{reason="queue_full"}`:                           10,
		`fwatchdog_rejected_total{reason="queue_timeout"}`:                        11,
		`fwatchdog_rejected_total{reason="not_ready"}`:                            14,
		`fwatchdog_rejected_total{reason="draining"}`:                             12,
		`fwatchdog_retries_total`:                                                 9,
		`fwatchdog_cancelled_total{reason="deadline"}`:                            4,
		`fwatchdog_late_responses_total`:                                          5,
		`fwatchdog_protocol_errors_total`:                                         6,
		`fwatchdog_worker_stray_bytes_total`:                                      7,
		`fwatchdog_workers{state="ready"}`:                                        1,
		`fwatchdog_workers{state="vacant"}`:                                       1,
		`fwatchdog_workers{state="draining"}`:                                     0,
		`fwatchdog_worker_starts_total`:                                           8,
		`fwatchdog_worker_exits_total{reason="crash"}`:                            13,
		`fwatchdog_worker_exits_total{reason="memory_hard"}`:                      0,
		`fwatchdog_worker_memory_bytes{slot="0"}`:                                 1024,
		`fwatchdog_worker_boot_seconds_sum`:                                       2,
		`fwatchdog_worker_ping_seconds_count`:                                     1,
		`fwatchdog_orphans_reaped_total`:                                          3,
	} {
		value, there := got[series]
		if !there || value < want-1e-9 || value > want+1e-9 {
			t.Errorf("%s is %v (there: %v), want %v", series, value, there, want)
		}
	}
}

func TestNoLabelNamesAProcess(t *testing.T) {
	pid := regexp.MustCompile(`pid=|path=|target=`)
	for series := range scrape(t, metrics.New(instance())) {
		if pid.MatchString(series) {
			t.Errorf("%s", series)
		}
	}
}

func BenchmarkRequest(b *testing.B) {
	m := metrics.New(instance())
	b.ReportAllocs()
	for b.Loop() {
		m.Begin(time.Now())
		m.End("get", 200, time.Now(), time.Millisecond, 0, true, "")
	}
}
