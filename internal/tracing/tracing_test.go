package tracing

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	collector "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	wire "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answers is a collector that answers in turn, the last time and again; what it was sent is kept.
type answers struct {
	give []func() (*http.Response, error)

	mu    sync.Mutex // guards all that follows
	spans []*wire.Span
	at    []time.Time
}

// RoundTrip is part of http.RoundTripper.
func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	export := new(collector.ExportTraceServiceRequest)
	if err := proto.Unmarshal(text, export); err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at = append(a.at, time.Now())
	a.spans = append(a.spans, export.ResourceSpans[0].ScopeSpans[0].Spans...)
	give := a.give[0]
	if len(a.give) > 1 {
		a.give = a.give[1:]
	}
	return give()
}

// status is an answer.
func status(code int, body []byte, headers ...string) func() (*http.Response, error) {
	return func() (*http.Response, error) {
		w := httptest.NewRecorder()
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
		_, _ = w.Write(body) // a recorder takes all
		return w.Result(), nil
	}
}

func refused() (*http.Response, error) { return nil, errors.New("connection refused") }

// with returns a Tracer whose exports go to a, and its log.
func with(t *testing.T, a *answers, cfg Config) (*Tracer, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	cfg.URL, cfg.Service = "http://collector/v1/traces", "test"
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.Queue == 0 {
		cfg.Queue = 100
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	tr, err := New(cfg, "test", zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	tr.exporter.client.Transport = a
	return tr, logs
}

// request makes the spans of one request.
func request(tr *Tracer, r Request, e End) {
	var t Trace
	r.Start = time.Now()
	tr.Begin(&t, r)
	if !t.Recorded() {
		return
	}
	t.Asked()
	t.Answered()
	tr.End(&t, e)
}

// pass lets the bubble's time pass.
func pass(d time.Duration) { time.Sleep(d); synctest.Wait() }

var post = Request{Method: []byte("POST"), Target: []byte("/x")}

func TestExportIsTriedAgainWhenThatMayHelp(t *testing.T) {
	for name, test := range map[string]struct {
		first func() (*http.Response, error)
		least time.Duration
	}{
		"connection refused":   {refused, time.Millisecond},
		"unavailable":          {status(503, nil), time.Millisecond},
		"unavailable for long": {status(503, nil, "Retry-After", "4"), 4 * time.Second},
		"too many":             {status(429, nil, "Retry-After", "3"), 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &answers{give: []func() (*http.Response, error){test.first, status(200, nil)}}
				tr, logs := with(t, a, Config{})
				request(tr, post, End{Status: 200})
				pass(time.Minute)
				if len(a.at) != 2 || a.at[1].Sub(a.at[0]) < test.least || a.at[1].Sub(a.at[0]) > test.least+2*time.Second {
					t.Errorf("tried at %v", a.at)
				}
				tr.Shutdown(t.Context())
				if logs.Len() > 0 {
					t.Errorf("logged %v", logs.All())
				}
			})
		})
	}
}

func TestExportIsGivenUp(t *testing.T) {
	for name, test := range map[string]struct {
		answer func() (*http.Response, error)
		tries  int
		text   string
	}{
		"at once where nothing helps":    {status(401, nil), 1, "the collector answered 401 Unauthorized"},
		"when there is no time for more": {status(503, nil, "Retry-After", "11"), 1, "the collector answered 503 Service Unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &answers{give: []func() (*http.Response, error){test.answer}}
				tr, logs := with(t, a, Config{})
				request(tr, post, End{Status: 200})
				pass(time.Minute)
				if len(a.at) != test.tries {
					t.Errorf("tried at %v", a.at)
				}
				lines := logs.FilterMessage("spans were lost").All()
				if len(lines) != 1 || lines[0].ContextMap()["spans"] != int64(2) || lines[0].ContextMap()["error"] != test.text {
					t.Errorf("logged %v", lines)
				}
				tr.Shutdown(t.Context())
			})
		})
	}
}

func TestLossesAreToldOnceAMinuteAndAllOfThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answers{give: []func() (*http.Response, error){status(400, nil)}}
		tr, logs := with(t, a, Config{})
		for range 13 { // 130 s
			request(tr, post, End{Status: 200})
			pass(10 * time.Second)
		}
		tr.Shutdown(t.Context())
		var lost []int64
		for _, line := range logs.FilterMessage("spans were lost").All() {
			lost = append(lost, line.ContextMap()["spans"].(int64))
		}
		if !slices.Equal(lost, []int64{2, 12, 12}) {
			t.Errorf("told of %v", lost)
		}
	})
}

func TestShutdownTriesOnceAndWaitsForNoSecondTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answers{give: []func() (*http.Response, error){refused}}
		tr, logs := with(t, a, Config{})
		request(tr, post, End{Status: 200})
		start := time.Now()
		tr.Shutdown(t.Context())
		if len(a.at) != 1 || time.Since(start) > 0 {
			t.Errorf("%d tries in %v", len(a.at), time.Since(start))
		}
		if logs.FilterMessage("spans were lost").Len() != 1 {
			t.Errorf("logged %v", logs.All())
		}
	})
}

func TestWhatACollectorRefusesIsTold(t *testing.T) {
	reply, err := proto.Marshal(&collector.ExportTraceServiceResponse{
		PartialSuccess: &collector.ExportTracePartialSuccess{RejectedSpans: 1, ErrorMessage: "too old"}})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		a := &answers{give: []func() (*http.Response, error){status(200, reply)}}
		tr, logs := with(t, a, Config{})
		request(tr, post, End{Status: 200})
		tr.Shutdown(t.Context())
		lines := logs.FilterMessage("spans were lost").All()
		if len(lines) != 1 || lines[0].ContextMap()["spans"] != int64(1) || !strings.Contains(lines[0].ContextMap()["error"].(string), "too old") {
			t.Errorf("logged %v", lines)
		}
	})
}

func TestFullQueueDropsWholeRequestsAndDelaysNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answers{give: []func() (*http.Response, error){status(200, nil)}}
		tr, logs := with(t, a, Config{Queue: 7})
		start := time.Now()
		for range 10 { // of two spans each
			request(tr, post, End{Status: 200})
		}
		if took := time.Since(start); took > 0 {
			t.Errorf("took %v", took)
		}
		pass(time.Minute)
		if len(a.spans) != 6 {
			t.Errorf("%d spans were sent, want those of 3 requests", len(a.spans))
		}
		request(tr, post, End{Status: 200})
		tr.Shutdown(t.Context())
		if len(a.spans) != 8 {
			t.Errorf("%d spans were sent, want those of 4 requests", len(a.spans))
		}
		lost := int64(0)
		for _, line := range logs.FilterMessage("spans were lost").All() {
			lost += line.ContextMap()["spans"].(int64)
		}
		if lost != 14 {
			t.Errorf("told of %d lost spans, want 14", lost)
		}
	})
}

func TestWordsOfClientsDoNoHarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answers{give: []func() (*http.Response, error){status(200, nil)}}
		tr, logs := with(t, a, Config{})
		for _, r := range []Request{
			{Method: []byte("BREW"), Target: []byte("http://host:80/a/b?Signature=x&b=2")},
			{Method: []byte("GET"), Target: []byte("/\xff?" + strings.Repeat("y", 1<<16)), Agent: []byte("\xfe")},
			{Method: []byte("OPTIONS"), Target: []byte("*")},
		} {
			request(tr, r, End{Status: 200, CallID: []byte("\xfd")})
		}
		tr.Shutdown(t.Context())
		var got []string
		for _, span := range a.spans {
			if span.Kind != wire.Span_SPAN_KIND_SERVER {
				continue
			}
			about := map[string]string{}
			for _, attribute := range span.Attributes {
				about[attribute.Key] = attribute.Value.GetStringValue()
			}
			if n := len(about["url.query"]); n > longest {
				t.Errorf("a query of %d bytes was kept", n)
			}
			got = append(got, strings.Join([]string{span.Name, about["http.request.method"], about["http.request.method_original"],
				about["url.path"], about["url.query"][:min(40, len(about["url.query"]))]}, " "))
		}
		want := []string{"HTTP _OTHER BREW /a/b Signature=REDACTED&b=2", "GET GET  /\uFFFD " + strings.Repeat("y", 40), "OPTIONS OPTIONS  * "}
		if !slices.Equal(got, want) || logs.Len() > 0 {
			t.Errorf("got %q, want %q; logged %v", got, want, logs.All())
		}
	})
}

func TestCollectorIsKnownByItsCertificate(t *testing.T) {
	asked := make(chan struct{}, 1)
	srv := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked <- struct{}{} }))
	defer srv.Close()
	roots := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	if err := os.WriteFile(roots, text, 0o600); err != nil {
		t.Fatal(err)
	}
	tr, err := New(Config{URL: srv.URL, Timeout: time.Second, Queue: 10, Roots: roots}, "test", zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	request(tr, post, End{Status: 200})
	tr.Shutdown(context.Background())
	select {
	case <-asked:
	default:
		t.Error("nothing was sent")
	}
}

func TestFilesThatCannotBeReadStopTheStart(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, cfg := range []Config{{Roots: "/nowhere"}, {Roots: empty}, {Certificate: "/nowhere", Key: "/nowhere"}} {
		if _, err := New(cfg, "test", zap.NewNop()); err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("%+v: got %v", cfg, err)
		}
	}
}

func TestLogTellsNoSecretOfTheAddress(t *testing.T) {
	got := Config{URL: "https://user:secret@collector:4318/v1/traces?token=secret"}.Place()
	if strings.Contains(got, "secret") || !strings.Contains(got, "collector:4318/v1/traces") {
		t.Errorf("got %s", got)
	}
}

func TestTraceparentIsWrittenAsW3CHasIt(t *testing.T) {
	tr, _ := with(t, &answers{give: []func() (*http.Response, error){status(200, nil)}}, Config{})
	defer tr.Shutdown(context.Background())
	var to Trace
	r := post
	r.Traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03"
	got, continued := tr.Begin(&to, r)
	if !bytes.HasPrefix(got, []byte("00-4bf92f3577b34da6a3ce929d0e0e4736-")) || !bytes.HasSuffix(got, []byte("-03")) || len(got) != 55 || !continued {
		t.Errorf("got %s, %v", got, continued)
	}
}
