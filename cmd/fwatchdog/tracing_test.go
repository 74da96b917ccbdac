package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	wire "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// receiver is a collector of spans.
type receiver struct {
	url string

	mu       sync.Mutex // guards all that follows
	requests []*http.Request
	exports  []*collector.ExportTraceServiceRequest
}

func collect(t *testing.T) *receiver {
	t.Helper()
	r := new(receiver)
	srv := httptest.NewServer(r)
	t.Cleanup(srv.Close)
	r.url = srv.URL
	return r
}

// ServeHTTP takes an export.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body := io.Reader(request.Body)
	if request.Header.Get("Content-Encoding") == "gzip" {
		body, _ = gzip.NewReader(body) // one that is none fails in Read
	}
	text, err := io.ReadAll(body)
	export := new(collector.ExportTraceServiceRequest)
	if err != nil || proto.Unmarshal(text, export) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests, r.exports = append(r.requests, request), append(r.exports, export)
}

// spans are those that have come, in the order of their starts.
func (r *receiver) spans() []*wire.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []*wire.Span
	for _, export := range r.exports {
		for _, resource := range export.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				all = append(all, scope.Spans...)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *wire.Span) int { return int(int64(a.StartTimeUnixNano) - int64(b.StartTimeUnixNano)) })
	return all
}

// request waits for the spans of the request for a path: the server's, the queue's and the execution's; nil is none.
func (r *receiver) request(t *testing.T, path string) (server, queue, execution *wire.Span) {
	t.Helper()
	eventually(t, "the spans of "+path+" come", func() bool {
		server, queue, execution = nil, nil, nil
		for _, span := range r.spans() {
			if span.Kind == wire.Span_SPAN_KIND_SERVER && attributes(span.Attributes)["url.path"] == path {
				server = span
			}
		}
		return server != nil
	})
	for _, span := range r.spans() {
		if bytes.Equal(span.ParentSpanId, server.SpanId) {
			switch span.Name {
			case "queue":
				queue = span
			case "execution":
				execution = span
			default:
				t.Errorf("a child is named %q", span.Name)
			}
			if !bytes.Equal(span.TraceId, server.TraceId) || span.Kind != wire.Span_SPAN_KIND_INTERNAL {
				t.Errorf("%q is of another trace or kind: %v", span.Name, span)
			}
		}
	}
	return server, queue, execution
}

// attributes are shown as text.
func attributes(list []*common.KeyValue) map[string]string {
	shown := map[string]string{}
	for _, a := range list {
		shown[a.Key] = a.Value.GetStringValue()
		if n, ok := a.Value.Value.(*common.AnyValue_IntValue); ok {
			shown[a.Key] = fmt.Sprint(n.IntValue)
		}
	}
	return shown
}

// launchTraced starts an instance that sends its spans at once.
func launchTraced(t *testing.T, to string, settings ...string) *instance {
	t.Helper()
	return launch(t, append([]string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + to, "OTEL_BSP_SCHEDULE_DELAY=5", "log_format=json"}, settings...)...)
}

// launchReady is launchTraced with a pool, of which one worker is ready: nobody waits for its start.
func launchReady(t *testing.T, to string, settings ...string) *instance {
	t.Helper()
	i := launchTraced(t, to, append([]string{"pool_size=1"}, settings...)...)
	i.awaitReady()
	return i
}

func (i *instance) awaitReady() {
	i.t.Helper()
	i.eventually("a worker is ready", func() bool { return i.get("/_/ready").StatusCode == 200 })
}

const (
	clientTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	clientSpan  = "00f067aa0ba902b7"
	sampled     = "00-" + clientTrace + "-" + clientSpan + "-01"
	unsampled   = "00-" + clientTrace + "-" + clientSpan + "-00"
)

// traceparents are those in a text, whatever is around them.
func traceparents(text string) []string {
	return regexp.MustCompile(`00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}`).FindAllString(text, -1)
}

// took is how long a span lasted.
func took(span *wire.Span) time.Duration {
	return time.Duration(span.EndTimeUnixNano - span.StartTimeUnixNano)
}

func TestSpansOfARequestHangTogether(t *testing.T) {
	r := collect(t)
	i := launchReady(t, r.url, "OPENFAAS_NAME=fn", "OTEL_RESOURCE_ATTRIBUTES=team=a")
	answer := i.send("POST", "/headers?a=1&sig=secret", strings.NewReader("x"), "traceparent: "+sampled, "tracestate: v=1", "X-Call-Id: the-call")
	server, queue, execution := r.request(t, "/headers")

	if queue != nil || execution == nil {
		t.Fatalf("queue %v, execution %v", queue, execution)
	}
	if hex.EncodeToString(server.TraceId) != clientTrace || hex.EncodeToString(server.ParentSpanId) != clientSpan || server.TraceState != "v=1" {
		t.Errorf("the client's span is not above: %v", server)
	}
	want := fmt.Sprintf("00-%s-%x-01", clientTrace, execution.SpanId)
	if got := traceparents(answer.body); len(got) != 1 || got[0] != want || !strings.Contains(answer.body, "tracestate: v=1") {
		t.Errorf("the function got %v, want %s, in %s", got, want, answer.body)
	}
	about := attributes(server.Attributes)
	for key, value := range map[string]string{"http.request.method": "POST", "url.scheme": "http", "url.query": "a=1&sig=REDACTED",
		"http.response.status_code": "200", "fwatchdog.call_id": "the-call", "fwatchdog.slot": "0", "fwatchdog.serial": "1",
		"user_agent.original": "Go-http-client/1.1"} {
		if about[key] != value {
			t.Errorf("%s is %q, want %q", key, about[key], value)
		}
	}
	if server.Name != "POST" || server.Status.GetCode() != wire.Status_STATUS_CODE_UNSET {
		t.Errorf("got name %q, status %v", server.Name, server.Status)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	resource := attributes(r.exports[0].ResourceSpans[0].Resource.Attributes)
	if resource["service.name"] != "fn" || resource["team"] != "a" || resource["telemetry.sdk.name"] != "opentelemetry" {
		t.Errorf("resource %v", resource)
	}
	if h := r.requests[0]; h.URL.Path != "/v1/traces" || h.Header.Get("Content-Type") != "application/x-protobuf" {
		t.Errorf("exported to %v with %v", h.URL, h.Header)
	}
}

func TestTimesOfQueueAndExecutionAddUp(t *testing.T) {
	r := collect(t)
	i := launchReady(t, r.url, "worker_concurrency=1", fmt.Sprintf("metrics_port=%d", freePort(t)))
	leave := i.occupy()
	start := time.Now()
	second := make(chan response, 1)
	go func() { second <- i.get("/echo") }()
	i.eventually("one waits", func() bool { return i.metric("fwatchdog_queue_depth") == 1 })
	waits := time.Now()
	i.eventually("it has waited for a while", func() bool { return time.Since(waits) > 50*time.Millisecond })
	waited := time.Since(waits)
	leave()
	(<-second).is(t, 200, "")
	whole := time.Since(start)

	server, queue, execution := r.request(t, "/echo")
	if queue == nil || execution == nil {
		t.Fatalf("queue %v, execution %v", queue, execution)
	}
	if queue.EndTimeUnixNano != execution.StartTimeUnixNano {
		t.Errorf("the queue ends %v before the execution begins", time.Duration(execution.StartTimeUnixNano-queue.EndTimeUnixNano))
	}
	if queue.StartTimeUnixNano < server.StartTimeUnixNano || execution.EndTimeUnixNano > server.EndTimeUnixNano {
		t.Errorf("the children are not within: %v, %v in %v", queue, execution, server)
	}
	rest := took(server) - took(queue) - took(execution)
	if took(queue) < waited || rest < 0 || took(server) > whole {
		t.Errorf("took %v, of that %v in line and %v in the function; seen were %v and %v", took(server), took(queue), took(execution), whole, waited)
	}
}

// occupy makes the only place busy until leave is called.
func (i *instance) occupy() (leave func()) {
	i.t.Helper()
	ctx, hangUp := context.WithCancel(i.t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		_, _ = i.try(ctx, "GET", "/wait", nil) // it hangs up
	}()
	i.eventually("the worker is busy", func() bool { return i.metric("fwatchdog_inflight") == 1 })
	return func() { hangUp(); <-over }
}

func TestStreamedAnswerIsExecutionToItsEnd(t *testing.T) {
	r := collect(t)
	i := launchReady(t, r.url)
	i.get("/events?n=3&ms=50")
	server, _, execution := r.request(t, "/events")
	if took(execution) < 100*time.Millisecond || execution.EndTimeUnixNano > server.EndTimeUnixNano {
		t.Errorf("execution took %v of %v", took(execution), took(server))
	}
}

func TestSamplingIsDecidedAbove(t *testing.T) {
	r := collect(t)
	i := launchReady(t, r.url)
	if got := i.get("/headers", "traceparent: "+unsampled); !strings.Contains(got.body, unsampled) {
		t.Errorf("the function got %s", got.body)
	}
	i.get("/echo", "traceparent: "+sampled)
	r.request(t, "/echo")
	i.signal(syscall.SIGTERM)
	i.exitCode()
	for _, span := range r.spans() {
		if attributes(span.Attributes)["url.path"] == "/headers" {
			t.Errorf("exported although nobody wanted it: %v", span)
		}
	}
}

func TestFunctionIsToldThatARequestIsNotSampled(t *testing.T) {
	r := collect(t)
	i := launchReady(t, r.url, "OTEL_TRACES_SAMPLER=always_off")
	for header, flags := range map[string]string{"X-None: 1": "-00", "traceparent: " + sampled: "-00"} {
		got := traceparents(i.get("/headers", header).body)
		if len(got) != 1 || !strings.HasSuffix(got[0], flags) {
			t.Errorf("with %q the function got %v", header, got)
		}
	}
	i.signal(syscall.SIGTERM)
	i.exitCode()
	if spans := r.spans(); len(spans) > 0 {
		t.Errorf("exported %v", spans)
	}
}

func TestTraceparentThatIsNoneBeginsANewTrace(t *testing.T) {
	r := collect(t)
	i := launchReady(t, r.url)
	for name, headers := range map[string][]string{
		"none":    nil,
		"broken":  {"traceparent: 00-xyz", "tracestate: v=1"},
		"zero":    {"traceparent: 00-00000000000000000000000000000000-" + clientSpan + "-01", "tracestate: v=1"},
		"doubled": {"traceparent: " + sampled, "traceparent: " + sampled, "tracestate: v=1"},
	} {
		answer := i.get("/headers?"+name, headers...)
		got := traceparents(answer.body)
		if len(got) != 1 || strings.Contains(got[0], clientTrace) || !strings.HasSuffix(got[0], "-01") || strings.Contains(answer.body, "tracestate") {
			t.Errorf("%s: the function got %s", name, answer.body)
		}
	}
	server, _, _ := r.request(t, "/headers")
	if len(server.ParentSpanId) > 0 {
		t.Errorf("it has a parent: %v", server)
	}
}

func TestTraceparentPassesThroughWithoutTracing(t *testing.T) {
	i := launch(t, "pool_size=1")
	for _, value := range []string{sampled, "anything at all"} {
		if got := i.get("/headers", "TraceParent: "+value); !strings.Contains(got.body, "raceparent: "+value+"\n") {
			t.Errorf("the function got %s", got.body)
		}
	}
}

func TestEveryModeIsTraced(t *testing.T) {
	for name, test := range map[string]struct {
		target   string
		settings []string
	}{
		"pool":        {"/headers", []string{"pool_size=1"}},
		"http":        {"/raw", []string{"mode=http", "pool_size=1", "upstream_url=http://127.0.0.1:{port}", "fprocess=node testdata/upstream.js"}},
		"warm":        {"/x", []string{"mode=warm", "pool_size=1", "warm_headers=true", "fprocess=cat"}},
		"classic":     {"/x", []string{"mode=classic", "fprocess=env"}},
		"serializing": {"/x", []string{"mode=serializing", "fprocess=env"}},
		"streaming":   {"/x", []string{"mode=streaming", "fprocess=env"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := collect(t)
			i := launchTraced(t, r.url, test.settings...)
			i.eventually("it is ready", func() bool { return name == "classic" || i.get("/_/ready").StatusCode == 200 })
			answer := i.get(test.target, "traceparent: "+sampled)
			server, _, execution := r.request(t, test.target)
			if execution == nil {
				t.Fatal("no execution")
			}
			want := fmt.Sprintf("00-%s-%x-01", clientTrace, execution.SpanId)
			if !slices.Contains(traceparents(answer.body), want) || strings.Contains(answer.body, clientSpan) {
				t.Errorf("the function got %v, want %s, in %s", traceparents(answer.body), want, answer.body)
			}
			if name != "pool" && name != "http" && name != "warm" && !strings.Contains(answer.body, "Http_Traceparent="+want) {
				t.Errorf("no variable in %s", answer.body)
			}
			for _, span := range r.spans() {
				if strings.HasPrefix(attributes(span.Attributes)["url.path"], "/_/") || span.StartTimeUnixNano < server.StartTimeUnixNano {
					t.Errorf("a probe has a span: %v", span)
				}
			}
		})
	}
}

// outcome is what the spans of the request for a path say about its end.
func (r *receiver) outcome(t *testing.T, path string) string {
	t.Helper()
	server, queue, execution := r.request(t, path)
	about := attributes(server.Attributes)
	words := []string{about["http.response.status_code"], strings.TrimPrefix(server.Status.GetCode().String(), "STATUS_CODE_")}
	if about["error.type"] != "" {
		words = append(words, about["error.type"])
	}
	for _, span := range []*wire.Span{queue, execution} {
		if span != nil {
			words = append(words, span.Name)
		}
	}
	return strings.Join(words, " ")
}

func TestFailuresAreNamedInSpans(t *testing.T) {
	r := collect(t)
	i := launchReady(t, r.url, "max_body=10", "retry=off")
	i.get("/throw")
	i.breakOff("/events?n=1000&ms=10")
	i.pid(2)
	i.awaitReady()
	i.get("/sleep?ms=1000", "X-Timeout: 50ms")
	i.send("POST", "/large", strings.NewReader(strings.Repeat("x", 11)))
	i.get("/status?code=500")
	i.get("/exit")
	for path, want := range map[string]string{
		"/throw":  "500 ERROR raised execution",
		"/events": "200 ERROR crash execution",
		"/sleep":  "504 ERROR timeout execution",
		"/large":  "413 UNSET",
		"/status": "500 ERROR 500 execution",
		"/exit":   "502 ERROR crash execution",
	} {
		if got := r.outcome(t, path); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

// breakOff kills the first worker in the middle of its answer.
func (i *instance) breakOff(target string) {
	i.t.Helper()
	answer, err := client.Get(i.url + target)
	if err != nil {
		i.t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := answer.Body.Read(make([]byte, 1)); err != nil {
		i.t.Fatal(err)
	}
	if err := syscall.Kill(i.pid(1), syscall.SIGKILL); err != nil {
		i.t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, answer.Body); err == nil {
		i.t.Error("the answer was whole")
	}
}

func TestClientThatLeavesIsNoFailure(t *testing.T) {
	r := collect(t)
	i := launchReady(t, r.url, fmt.Sprintf("metrics_port=%d", freePort(t)))
	i.occupy()() // before the answer
	answer, err := client.Get(i.url + "/events?n=1000&ms=10")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = answer.Body.Read(make([]byte, 1)) // in the middle of it
	answer.Body.Close()
	for path, want := range map[string]string{"/wait": "499 UNSET execution", "/events": "200 UNSET execution"} {
		if got := r.outcome(t, path); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

func TestWhatIsTurnedAwayHasASpan(t *testing.T) {
	r := collect(t)
	for path, test := range map[string]struct{ setting, want string }{
		"/over": {"max_inflight=1", "429 UNSET"}, // for this one there is not even a call
		"/full": {"queue_size=0", "503 ERROR queue_full"},
		"/late": {"queue_timeout=20ms", "503 ERROR queue_timeout queue"},
	} {
		i := launchReady(t, r.url, "worker_concurrency=1", test.setting, fmt.Sprintf("metrics_port=%d", freePort(t)))
		leave := i.occupy()
		i.get(path, "traceparent: "+sampled)
		leave()
		if got := r.outcome(t, path); got != test.want {
			t.Errorf("%s: got %s, want %s", path, got, test.want)
		}
		if server, _, _ := r.request(t, path); hex.EncodeToString(server.ParentSpanId) != clientSpan {
			t.Errorf("%s: the client's span is not above: %v", path, server)
		}
	}
}

func TestRequestsAreServedWithoutTheCollectorAndTheLogSaysSoOnce(t *testing.T) {
	i := launchReady(t, fmt.Sprintf("http://127.0.0.1:%d", freePort(t)), "OTEL_EXPORTER_OTLP_TIMEOUT=20")
	i.get("/echo")
	i.await("spans were lost", func(l map[string]any) bool {
		return l["spans"].(float64) > 0 && strings.Contains(l["error"].(string), "connection refused")
	})
	for n := range 100 {
		i.send("POST", "/echo", strings.NewReader(fmt.Sprint(n))).is(t, 200, fmt.Sprint(n))
	}
	i.signal(syscall.SIGTERM)
	if code := i.exitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	lines, lost := 0, 0.0
	for _, line := range i.lines {
		if line["message"] == "spans were lost" {
			lines++
			lost += line["spans"].(float64)
		}
	}
	if lines != 2 || lost != 202 { // once while it runs, and the rest at the end
		t.Errorf("%d lines tell of %v spans", lines, lost)
	}
}

func TestStopSendsWhatIsPending(t *testing.T) {
	r := collect(t)
	i := launchReady(t, r.url, "OTEL_BSP_SCHEDULE_DELAY=3600000")
	for range 10 {
		i.get("/echo")
	}
	if spans := r.spans(); len(spans) > 0 {
		t.Fatalf("sent before the end: %v", spans)
	}
	i.signal(syscall.SIGTERM)
	if code := i.exitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if spans := r.spans(); len(spans) != 20 {
		t.Errorf("%d spans, want 20", len(spans))
	}
}

func TestCollectorThatHangsDelaysTheEndForALimitedTime(t *testing.T) {
	ctx, release := context.WithCancel(t.Context())
	asked := make(chan struct{}, 100)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // what breaks off ends, too
		asked <- struct{}{}
		<-ctx.Done()
	}))
	defer srv.Close()
	defer release()
	i := launchReady(t, srv.URL)
	i.get("/echo").is(t, 200, "")
	<-asked
	i.get("/echo").is(t, 200, "")
	start := time.Now()
	i.signal(syscall.SIGTERM)
	if code := i.exitCode(); code != 0 || time.Since(start) > lastExport+3*time.Second {
		t.Errorf("exit code %d after %v", code, time.Since(start))
	}
	i.await("spans were lost", func(l map[string]any) bool { return l["spans"] == 4.0 })
}

func TestHeadersAndCompressionReachTheCollector(t *testing.T) {
	r := collect(t)
	i := launchReady(t, r.url, "OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20x", "OTEL_EXPORTER_OTLP_COMPRESSION=gzip",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="+r.url+"/elsewhere")
	i.get("/echo")
	r.request(t, "/echo")
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.requests[0]
	if h.URL.Path != "/elsewhere" || h.Header.Get("Authorization") != "Bearer x" || h.Header.Get("Content-Encoding") != "gzip" ||
		!strings.HasPrefix(h.Header.Get("User-Agent"), "fwatchdog/") {
		t.Errorf("got %v %v", h.URL, h.Header)
	}
}

func TestProtocolThatIsNotSpokenIsRefusedAtTheStart(t *testing.T) {
	code, _, stderr := runs(t, "", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4317", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "fprocess=cat"})
	if code != 1 || !strings.Contains(stderr, `OTEL_EXPORTER_OTLP_PROTOCOL is "grpc" (environment): it must be http/protobuf`) {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}
