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
	source   Source
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	took     *prometheus.HistogramVec
	exec     prometheus.Histogram
	waited   prometheus.Histogram
	boot     prometheus.Histogram
	ping     prometheus.Histogram
	limited  atomic.Uint64 // requests over max_inflight: the other reasons are the pool's
	refusals recent        // for any reason

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

// overInflight is the reason of a refusal that the server counts; the others are the pool's to count.
const overInflight = "inflight_limit"

// nativeFactor makes a native histogram beside the classic one, with buckets that grow by at most a tenth.
const nativeFactor = 1.1

// New returns the metrics of an instance whose pool is read through source; nil is an instance without a pool.
func New(source Source) *Metrics {
	labels := []string{"code", "method"}
	m := &Metrics{
		source:   source,
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
	}
	running := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "http_requests_in_flight", Help: "Requests that are being served.",
	}, m.integral.now)
	m.registry.MustRegister(m.requests, m.took, running,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if source != nil {
		m.registry.MustRegister(m.exec, m.waited, m.boot, m.ping, &poolCollector{metrics: m})
	}
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

// Begin counts a request that has come at that time.
func (m *Metrics) Begin(at time.Time) { m.integral.begin(at.Sub(epoch)) }

// End counts its answer. begun is the time of its Begin, took the time since; waited the part of it that the request stood
// in line. served says whether a worker got it; refused names why the pool, or max_inflight, turned it away, or is "".
func (m *Metrics) End(method string, status int, begun time.Time, took, waited time.Duration, served bool, refused string) {
	m.integral.end(begun.Sub(epoch), took)
	if served {
		m.exec.Observe((took - waited).Seconds())
	}
	if refused != "" {
		m.refusals.add(time.Now())
	}
	if served || waited > 0 {
		m.waited.Observe(waited.Seconds())
	}
	if refused == overInflight {
		m.limited.Add(1)
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

// begin adds one that begins so long after the epoch.
func (i *integral) begin(at time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.running++
	i.begun += at
}

// end takes away one that began then and took so long.
func (i *integral) end(begun, took time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.running--
	i.begun -= begun
	i.over += took
}

// now is how many are in flight.
func (i *integral) now() float64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	return float64(i.running)
}

func (i *integral) seconds() float64 {
	now := time.Since(epoch)
	i.mu.Lock()
	defer i.mu.Unlock()
	return (i.over + time.Duration(i.running)*now - i.begun).Seconds()
}
