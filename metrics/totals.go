package metrics

import (
	"math"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"fwatchdog/internal/report"
)

// Totals are all requests since the start. It reads the metrics themselves, so that counting twice costs a request
// nothing.
func (m *Metrics) Totals() report.Totals {
	t := report.Totals{Rejected: m.limited.Load()}
	if m.source != nil {
		t.Rejected = m.refused(m.source.Snapshot().Counts)
	}
	took := buckets{}
	m.series.Range(func(key, value any) bool {
		s := value.(*series)
		n := uint64(read(s.requests).GetCounter().GetValue())
		t.Requests += n
		if key.(seriesKey).status >= 500 {
			t.Failed += n
		}
		took.add(read(s.took.(prometheus.Metric)).GetHistogram())
		return true
	})
	waited := buckets{}
	waited.add(read(m.waited).GetHistogram())
	t.Took, t.Waited = took.sorted(), waited.sorted()
	return t
}

// read returns what a metric is now.
func read(metric prometheus.Metric) *dto.Metric {
	out := new(dto.Metric)
	_ = metric.Write(out) // fails for metrics that were made wrongly only
	return out
}

// buckets are counts by upper bound in seconds.
type buckets map[float64]uint64

// add adds those of a native histogram: spans of buckets side by side, whose counts are given as differences from one to
// the next; bucket i ends at 2^(i / 2^schema). See the data model of Prometheus.
func (b buckets) add(h *dto.Histogram) {
	if zero := h.GetZeroCount(); zero > 0 {
		b[h.GetZeroThreshold()] += zero
	}
	base := math.Exp2(math.Exp2(-float64(h.GetSchema())))
	index, next, count := int32(0), 0, int64(0)
	for _, span := range h.GetPositiveSpan() {
		index += span.GetOffset()
		for range span.GetLength() {
			count += h.GetPositiveDelta()[next]
			if count > 0 {
				b[math.Pow(base, float64(index))] += uint64(count)
			}
			index++
			next++
		}
	}
}

func (b buckets) sorted() report.Histogram {
	h := make(report.Histogram, 0, len(b))
	for upper, count := range b {
		h = append(h, report.Bucket{Upper: upper, Count: count})
	}
	slices.SortFunc(h, func(a, b report.Bucket) int {
		if a.Upper < b.Upper {
			return -1
		}
		return 1
	})
	return h
}
