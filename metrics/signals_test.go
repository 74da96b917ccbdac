package metrics_test

import (
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fwatchdog/metrics"
)

func TestUtilizationIsWhatIsAskedForOverWhatThereIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := instance() // capacity 4, 2 in flight, 1 waits
		m := metrics.New(s)
		for _, step := range []struct {
			what    string
			refused int
			pass    time.Duration
			want    float64
		}{
			{"nobody is refused", 0, 0, 3. / 4},
			{"five are refused", 5, 0, 8. / 4},
			{"half a second later two more", 2, 500 * time.Millisecond, 10. / 4},
			{"a second after the first", 0, 500 * time.Millisecond, 5. / 4},
			{"a second after the last", 0, 500 * time.Millisecond, 3. / 4},
			{"much later one more", 1, time.Hour, 4. / 4},
		} {
			time.Sleep(step.pass)
			for range step.refused {
				m.Begin(time.Now())
				m.End("get", 503, time.Now(), 0, 0, false, "queue_full")
			}
			if got := scrape(t, m)["fwatchdog_utilization"]; got != step.want {
				t.Errorf("%s: %v, want %v", step.what, got, step.want)
			}
		}
		s.snap.Capacity, s.snap.Inflight, s.snap.Queue = 0, 0, 0
		time.Sleep(time.Minute)
		if got := scrape(t, m)["fwatchdog_utilization"]; got != 0 {
			t.Errorf("without capacity or demand it is %v", got)
		}
		s.snap.Queue = 7
		if got := scrape(t, m)["fwatchdog_utilization"]; got != 7 {
			t.Errorf("without capacity, when seven wait, it is %v", got)
		}
	})
}

func TestInflightSecondsAreTheIntegralOfRequestsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := metrics.New(instance())
		dice := rand.New(rand.NewPCG(1, 2))
		var running []time.Time
		var want time.Duration // summed step by step: requests in flight times how long the step lasted
		for range 2000 {
			step := time.Duration(dice.IntN(50)) * time.Millisecond
			time.Sleep(step)
			want += time.Duration(len(running)) * step
			switch n := dice.IntN(3); {
			case n < 2 && len(running) < 20:
				m.Begin(time.Now())
				running = append(running, time.Now())
			case len(running) > 0:
				one := dice.IntN(len(running))
				m.End("get", 200, running[one], time.Since(running[one]), 0, true, "")
				running[one] = running[len(running)-1]
				running = running[:len(running)-1]
			}
			if dice.IntN(100) == 0 {
				got := scrape(t, m)["fwatchdog_inflight_seconds_total"]
				if diff := got - want.Seconds(); diff < -1e-6 || diff > 1e-6 {
					t.Fatalf("%v seconds, want %v", got, want.Seconds())
				}
			}
		}
		if want < time.Minute {
			t.Errorf("only %v were tested", want)
		}
	})
}

func TestRefusalsHaveNoPartInTheTimeOfWorkers(t *testing.T) {
	m := metrics.New(instance())
	for _, refused := range []struct {
		reason string
		waited time.Duration
	}{{"queue_full", 0}, {"queue_timeout", 10 * time.Second}, {"not_ready", time.Second}, {"draining", 0}, {"inflight_limit", 0}} {
		m.Begin(time.Now())
		m.End("get", 503, time.Now(), refused.waited, refused.waited, false, refused.reason)
	}
	got := scrape(t, m)
	for series, want := range map[string]float64{
		"fwatchdog_exec_seconds_count":                      0,
		"fwatchdog_queue_wait_seconds_count":                2, // who waited in vain has waited all the same
		"fwatchdog_queue_wait_seconds_sum":                  11,
		`http_requests_total{code="503",method="get"}`:      5,
		`fwatchdog_rejected_total{reason="inflight_limit"}`: 1, // the others are the pool's to count
	} {
		if got[series] != want {
			t.Errorf("%s is %v, want %v", series, got[series], want)
		}
	}
}

// A scraper that asks for protocol buffers gets native histograms, any other the classic buckets.
func TestHistogramsAreNativeAndClassic(t *testing.T) {
	m := metrics.New(instance())
	m.Begin(time.Now())
	m.End("get", 200, time.Now(), 30*time.Millisecond, 10*time.Millisecond, true, "")
	m.Booted(time.Second)
	m.Ponged(time.Second)
	r := httptest.NewRequest("GET", "/metrics", nil)
	r.Header.Set("Accept", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text")
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, r)
	text := strings.ReplaceAll(w.Body.String(), ":  ", ": ") // how many blanks there are is left to chance
	classic := scrape(t, m)
	for _, name := range []string{"http_request_duration_seconds", "fwatchdog_queue_wait_seconds", "fwatchdog_exec_seconds",
		"fwatchdog_worker_boot_seconds", "fwatchdog_worker_ping_seconds"} {
		_, rest, found := strings.Cut(text, `name: "`+name+`"`)
		family, _, _ := strings.Cut(rest, "\nname: ")
		if !found || !strings.Contains(family, "positive_span") {
			t.Errorf("%s has no native buckets:\n%s", name, family)
		}
		buckets := 0
		for series := range classic {
			if strings.HasPrefix(series, name+"_bucket{") {
				buckets++
			}
		}
		if buckets < 10 {
			t.Errorf("%s has %d classic buckets", name, buckets)
		}
	}
}
