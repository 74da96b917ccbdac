package server_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/zap"

	"fwatchdog/internal/tracing"
	"fwatchdog/server"
)

// tracer is one whose spans go to a collector that reads none.
func tracer(t testing.TB) *tracing.Tracer {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(srv.Close)
	tr, err := tracing.New(tracing.Config{URL: srv.URL, Timeout: time.Second, Queue: 2048, Service: "test"}, "test", zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Shutdown(context.Background()) })
	return tr
}

const parent = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0"

// BenchmarkTracing is what tracing adds to a whole request.
func BenchmarkTracing(b *testing.B) {
	for _, bench := range []struct {
		name   string
		traced bool
		header string
	}{
		{"off", false, "Accept: */*"},
		{"off, traceparent", false, parent + "1"},
		{"not sampled by the client", true, parent + "0"},
		{"sampled", true, parent + "1"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			var cfg server.Config
			if bench.traced {
				cfg.Tracer = tracer(b)
			}
			ask := roundTrip(b, cfg, loopback, bench.header)
			b.ReportAllocs()
			for b.Loop() {
				ask()
			}
		})
	}
}

func TestRequestWithoutTracingMakesNoGarbageForIt(t *testing.T) {
	ask := roundTrip(t, server.Config{}, loopback, parent+"1")
	for range 10 { // what is kept for later requests is there then
		ask()
	}
	if n := testing.AllocsPerRun(1000, ask); n > 0 {
		t.Errorf("%v allocations for a request, want none", n)
	}
}
