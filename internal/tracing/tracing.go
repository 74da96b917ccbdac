// Package tracing makes spans of requests with the SDK of OpenTelemetry and sends them to whoever collects them, as OTLP
// over HTTP. What is sent late, or never, delays no request and fails none. It knows neither HTTP's server nor workers.
//
//	traceparent -> server span "POST" -> [ queue ][ execution ] -> traceparent of the function, which names the execution
//
// request.go is what is done for a request, exporter.go what is done behind its back.
package tracing

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
)

// Config says to whom spans are sent, and how.
type Config struct {
	// URL is where exports are posted to.
	URL string
	// Header goes with every export.
	Header map[string]string
	// Timeout is how long one export may take, further tries included; more than 0.
	Timeout time.Duration
	// Gzip says that exports are compressed.
	Gzip bool
	// Roots is a file of certificates, one of which must have signed that of the collector; "" is the system's.
	Roots string
	// Certificate and Key are files with what we show the collector; "" is nothing.
	Certificate, Key string
	// Queue is how many spans are kept until they are sent; at least SpansOfRequest.
	Queue int
	// Service is the service's name where OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES have none.
	Service string
}

// SpansOfRequest is the most spans that one request has.
const SpansOfRequest = 3

// Place is the URL as it may stand in a log: without the secrets that may be in it.
func (c Config) Place() string {
	u, err := url.Parse(c.URL)
	if err != nil {
		return ""
	}
	u.RawQuery, u.Fragment = "", ""
	return u.Redacted()
}

// Validate reports every field that cannot be.
func (c Config) Validate() error {
	var errs []error
	if u, err := url.Parse(c.URL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		errs = append(errs, fmt.Errorf("the collector's address is %q: it must be like http://collector:4318", c.URL))
	}
	if c.Timeout <= 0 {
		errs = append(errs, fmt.Errorf("the time limit of an export is %v: it must be more than 0", c.Timeout))
	}
	if c.Queue < SpansOfRequest {
		errs = append(errs, fmt.Errorf("the queue of spans is %d: it must be at least %d, which is one request", c.Queue, SpansOfRequest))
	}
	if (c.Certificate == "") != (c.Key == "") {
		errs = append(errs, errors.New("of the client's certificate and its key one is missing"))
	}
	return errors.Join(errs...)
}

// Tracer makes spans of requests. A nil Tracer makes none.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	exporter *exporter
	room     int64         // spans that may be pending
	pending  *atomic.Int64 // spans that have ended and are not sent yet
	service  string
}

// New returns a Tracer that sends what it makes until Shutdown. version is ours. The SDK itself reads those variables that
// concern nobody else: the sampler, the batches, the limits of a span, the resource's attributes.
func New(cfg Config, version string, log *zap.Logger) (*Tracer, error) {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("tracing is not as it was asked for", zap.Error(err)) }))
	about, err := resource.New(context.Background(), resource.WithTelemetrySDK(), resource.WithHost(),
		resource.WithAttributes(semconv.ServiceName(cfg.Service)), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	connections, err := transport(cfg)
	if err != nil {
		return nil, err
	}
	t := &Tracer{room: int64(cfg.Queue), pending: new(atomic.Int64)}
	if name, found := about.Set().Value(semconv.ServiceNameKey); found {
		t.service = name.AsString()
	}
	t.exporter = &exporter{cfg: cfg, agent: "fwatchdog/" + version, client: &http.Client{Transport: connections},
		pending: t.pending, losses: newLosses(log), ending: make(chan struct{})}
	t.provider = sdk.NewTracerProvider(sdk.WithResource(about), sdk.WithIDGenerator(ids{}),
		sdk.WithSpanProcessor(sdk.NewBatchSpanProcessor(t.exporter, sdk.WithMaxQueueSize(cfg.Queue))))
	t.tracer = t.provider.Tracer("fwatchdog", trace.WithInstrumentationVersion(version))
	return t, nil
}

// Service is the name under which the spans are found.
func (t *Tracer) Service() string { return t.service }

// transport is how the collector is spoken to.
func transport(cfg Config) (*http.Transport, error) {
	connections := http.DefaultTransport.(*http.Transport).Clone()
	connections.TLSClientConfig = &tls.Config{}
	if cfg.Roots != "" {
		text, err := os.ReadFile(cfg.Roots)
		if err != nil {
			return nil, fmt.Errorf("read the collector's certificates: %w", err)
		}
		connections.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !connections.TLSClientConfig.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("read the collector's certificates: there is none in %s", cfg.Roots)
		}
	}
	if cfg.Certificate != "" {
		pair, err := tls.LoadX509KeyPair(cfg.Certificate, cfg.Key)
		if err != nil {
			return nil, fmt.Errorf("read the certificate for the collector: %w", err)
		}
		connections.TLSClientConfig.Certificates = []tls.Certificate{pair}
	}
	return connections, nil
}

// Shutdown sends what is pending, with one try for each batch, and gives up when ctx ends. There must be no requests any
// more.
func (t *Tracer) Shutdown(ctx context.Context) {
	if t == nil {
		return
	}
	close(t.exporter.ending)
	if err := t.provider.Shutdown(ctx); err != nil {
		t.exporter.losses.add(t.pending.Load(), fmt.Errorf("the instance ended before they were sent: %w", err))
	}
	t.exporter.losses.tell()
}
