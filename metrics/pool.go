package metrics

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"fwatchdog/internal/life"
	"fwatchdog/pool"
)

// Source gives copies of what is measured elsewhere.
type Source interface {
	// Snapshot is the pool's state now.
	Snapshot() pool.Snapshot
	// Workers are counts that all workers, dead ones included, add up to.
	Workers() WorkerCounts
	// Usage is what each worker takes, by serial.
	Usage() map[uint64]life.Usage
	// Orphans is how many orphans were reaped.
	Orphans() uint64
}

// WorkerCounts are events of workers since the start.
type WorkerCounts struct {
	Cancelled map[string]uint64 // by reason: deadline, client_gone, host_stops
	// LateResponses counts terminal frames that came after a CANCEL, ProtocolErrors violations, StrayBytes text where
	// frames should be.
	LateResponses, ProtocolErrors, StrayBytes uint64
	// LinesDropped counts lines of functions that the log did not take because there were too many.
	LinesDropped uint64
}

// poolCollector reads the pool when it is scraped.
type poolCollector struct {
	metrics *Metrics
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	descCapacity    = desc("fwatchdog_capacity", "Requests that the ready workers can take at once.")
	descInflight    = desc("fwatchdog_inflight", "Requests that workers have now.")
	descIntegral    = desc("fwatchdog_inflight_seconds_total", "Time that all requests have been in flight, in seconds: its rate is the average concurrency.")
	descUtilization = desc("fwatchdog_utilization", "In flight, waiting and refused in the last second, divided by the capacity.")
	descQueue       = desc("fwatchdog_queue_depth", "Requests that stand in line for a worker.")
	descRejected    = desc("fwatchdog_rejected_total", "Requests turned away before a worker got them, by reason.", "reason")
	descRetries     = desc("fwatchdog_retries_total", "Requests given to another worker.")
	descCancelled   = desc("fwatchdog_cancelled_total", "Requests that workers were told to stop, by reason.", "reason")
	descLate        = desc("fwatchdog_late_responses_total", "Answers that came after the request was cancelled.")
	descProtocol    = desc("fwatchdog_protocol_errors_total", "Workers that broke the protocol.")
	descWorkers     = desc("fwatchdog_workers", "Slots by state.", "state")
	descStarts      = desc("fwatchdog_worker_starts_total", "Workers that were started.")
	descExits       = desc("fwatchdog_worker_exits_total", "Workers that have gone, by reason.", "reason")
	descCrashing    = desc("fwatchdog_crash_budget_exceeded", "1 when over half as many workers crashed in the last minute as are kept, else 0.")
	descStray       = desc("fwatchdog_worker_stray_bytes_total", "Bytes of text that workers wrote where frames should be.")
	descDropped     = desc("fwatchdog_log_lines_dropped_total", "Lines of functions that were over log_rate.")
	descOrphans     = desc("fwatchdog_orphans_reaped_total", "Orphaned processes whose status was taken as PID 1.")
	descMemory      = desc("fwatchdog_worker_memory_bytes", "Memory that the worker's process group takes.", "slot")
)

// Describe is part of prometheus.Collector. It tells nothing, so that the source is not asked before it is complete; what
// is collected is checked with every scrape.
func (c *poolCollector) Describe(chan<- *prometheus.Desc) {}

// Collect is part of prometheus.Collector.
func (c *poolCollector) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	snap, workers := c.metrics.source.Snapshot(), c.metrics.source.Workers()
	gauge(descCapacity, float64(snap.Capacity))
	gauge(descInflight, float64(snap.Inflight))
	gauge(descQueue, float64(snap.Queue))
	gauge(descCrashing, map[bool]float64{true: 1}[snap.CrashBudgetExceeded])
	gauge(descUtilization, c.metrics.utilization(snap))
	counter(descIntegral, c.metrics.integral.seconds())
	counter(descRejected, float64(c.metrics.limited.Load()), overInflight)
	counter(descRejected, float64(snap.Counts.QueueFull), "queue_full")
	counter(descRejected, float64(snap.Counts.QueueTimeout), "queue_timeout")
	counter(descRejected, float64(snap.Counts.NotReady), "not_ready")
	counter(descRejected, float64(snap.Counts.Draining), "draining")
	counter(descRetries, float64(snap.Counts.Retries))
	for reason, n := range workers.Cancelled {
		counter(descCancelled, float64(n), reason)
	}
	counter(descLate, float64(workers.LateResponses))
	counter(descProtocol, float64(workers.ProtocolErrors))
	counter(descStray, float64(workers.StrayBytes))
	counter(descDropped, float64(workers.LinesDropped))
	counter(descStarts, float64(snap.Counts.Starts))
	for _, reason := range life.Reasons {
		counter(descExits, float64(snap.Counts.Exits[reason]), string(reason))
	}
	counter(descOrphans, float64(c.metrics.source.Orphans()))
	c.collectSlots(snap, c.metrics.source.Usage(), gauge)
}

func (c *poolCollector) collectSlots(snap pool.Snapshot, usage map[uint64]life.Usage, gauge func(*prometheus.Desc, float64, ...string)) {
	states := map[pool.State]int{}
	for _, slot := range snap.Slots {
		states[slot.State]++
		if took, measured := usage[slot.ID.Serial]; measured {
			gauge(descMemory, float64(took.Memory), strconv.Itoa(slot.ID.Slot))
		}
	}
	for _, state := range pool.States {
		gauge(descWorkers, float64(states[state]), state.String())
	}
}

// utilization is how much is asked of the pool, in parts of what it can do. What was turned away counts, so that a scaler
// sees it. A pool that can do nothing now is taken for one that can do one thing at once.
func (m *Metrics) utilization(snap pool.Snapshot) float64 {
	asked := uint64(snap.Inflight+snap.Queue) + m.refusals.count(time.Now())
	return float64(asked) / float64(max(1, snap.Capacity))
}

// refused is how many requests were turned away since the start.
func (m *Metrics) refused(counts pool.Counts) uint64 {
	return m.limited.Load() + counts.QueueFull + counts.QueueTimeout + counts.NotReady + counts.Draining
}
