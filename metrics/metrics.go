// Package metrics is what Prometheus is told. It is the only importer of its client. The server tells it of requests; all
// else it reads from a copy of the pool's state when it is asked.
package metrics

import (
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics is every metric of one instance.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	took     *prometheus.HistogramVec
	exec     prometheus.Histogram
	waited   prometheus.Histogram
	boot     prometheus.Histogram
	ping     prometheus.Histogram
	running  prometheus.Gauge
	limited  atomic.Uint64 // requests over max_inflight: the other reasons are the pool's

	series   sync.Map // of *series by seriesKey: labels are looked up once
	integral integral
}

type seriesKey struct {
	method string
	status int
}

type series struct {
	requests prometheus.Counter
	took     prometheus.Observer
}

// nativeFactor makes a native histogram beside the classic one, with buckets that grow by at most a tenth.
const nativeFactor = 1.1

// New returns the metrics of an instance whose pool is read through source.
func New(source Source) *Metrics {
	labels := []string{"code", "method"}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total", Help: "Requests answered, by status and method.",
		}, labels),
		took: prometheus.NewHistogramVec(histogram("http_request_duration_seconds",
			"From the request's header to the response, in seconds."), labels),
		exec: prometheus.NewHistogram(histogram("fwatchdog_exec_seconds",
			"Time that a worker had the request, in seconds.")),
		waited: prometheus.NewHistogram(histogram("fwatchdog_queue_wait_seconds",
			"Time that a request stood in line for a worker, in seconds.")),
		boot: prometheus.NewHistogram(histogram("fwatchdog_worker_boot_seconds",
			"From the start of a worker's process to READY, in seconds.")),
		ping: prometheus.NewHistogram(histogram("fwatchdog_worker_ping_seconds",
			"From PING to PONG, in seconds.")),
		running: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "http_requests_in_flight", Help: "Requests that are being served.",
		}),
	}
	m.registry.MustRegister(m.requests, m.took, m.exec, m.waited, m.boot, m.ping, m.running, &poolCollector{source: source, metrics: m},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func histogram(name, help string) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{Name: name, Help: help, NativeHistogramBucketFactor: nativeFactor,
		Buckets: prometheus.DefBuckets, NativeHistogramMaxBucketNumber: 100}
}

// Handler answers scrapes.
func (m *Metrics) Handler() http.Handler {
	return promhttp.InstrumentMetricHandler(m.registry, promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
}

// Booted counts a worker that has become READY.
func (m *Metrics) Booted(took time.Duration) { m.boot.Observe(took.Seconds()) }

// Ponged counts a worker's sign of life.
func (m *Metrics) Ponged(took time.Duration) { m.ping.Observe(took.Seconds()) }

// Begin counts a request that has come.
func (m *Metrics) Begin() {
	m.running.Inc()
	m.integral.begin()
}

// End counts its answer. took is the time since Begin; waited the part of it that the request stood in line. refused
// names the limit of the server that turned the request away, or is "".
func (m *Metrics) End(method string, status int, took, waited time.Duration, refused string) {
	m.running.Dec()
	m.integral.end(took)
	if refused != "" {
		m.limited.Add(1)
	} else {
		m.exec.Observe((took - waited).Seconds())
		m.waited.Observe(waited.Seconds())
	}
	s := m.of(seriesKey{method, status})
	s.requests.Inc()
	s.took.Observe(took.Seconds())
}

// of returns the series with these labels.
func (m *Metrics) of(key seriesKey) *series {
	if s, ok := m.series.Load(key); ok {
		return s.(*series)
	}
	code := strconv.Itoa(key.status)
	s, _ := m.series.LoadOrStore(key, &series{
		requests: m.requests.WithLabelValues(code, key.method),
		took:     m.took.WithLabelValues(code, key.method),
	})
	return s.(*series)
}

// integral sums the time that all requests have been in flight, those that still are included. Average concurrency is
// its rate, whatever the moment of the scrape.
type integral struct {
	mu      sync.Mutex // guards the fields below
	running int
	begun   time.Duration // sum of when the running ones began
	over    time.Duration // sum of how long those lasted that are over
}

var epoch = time.Now()

func (i *integral) begin() {
	now := time.Since(epoch)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.running++
	i.begun += now
}

func (i *integral) end(took time.Duration) {
	now := time.Since(epoch)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.running--
	i.begun -= now - took
	i.over += took
}

func (i *integral) seconds() float64 {
	now := time.Since(epoch)
	i.mu.Lock()
	defer i.mu.Unlock()
	return (i.over + time.Duration(i.running)*now - i.begun).Seconds()
}
