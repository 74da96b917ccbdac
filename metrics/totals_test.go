package metrics_test

import (
	"math"
	"testing"
	"time"

	"fwatchdog/metrics"
)

func TestTotalsAreThoseOfTheMetrics(t *testing.T) {
	m := metrics.New(&source{})
	for i := range 100 {
		m.Begin(time.Now())
		took := 10 * time.Millisecond
		status := 200
		if i >= 98 {
			took, status = time.Second, 503
		}
		m.End("get", status, time.Now(), took, time.Millisecond, true, "")
	}
	m.Begin(time.Now())
	m.End("post", 200, time.Now(), 0, 0, true, "") // no time at all has a bucket of its own

	got := m.Totals()

	if got.Requests != 101 || got.Failed != 2 {
		t.Errorf("%d requests, %d failed", got.Requests, got.Failed)
	}
	for q, want := range map[float64]float64{0.5: 0.01, 0.99: 1} {
		if v := got.Took.Quantile(q); math.Abs(v/want-1) > 0.1 {
			t.Errorf("quantile %v is %v, want %v within a tenth", q, v, want)
		}
	}
	if v := got.Waited.Quantile(0.9); math.Abs(v/0.001-1) > 0.1 {
		t.Errorf("the wait is %v", v)
	}
	if got.Took[0].Upper > 1e-9 || got.Took[0].Count != 1 {
		t.Errorf("no time at all is %v", got.Took[0])
	}
}
