package tracing

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	collector "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	"go.uber.org/zap"
	"golang.org/x/time/rate"
	"google.golang.org/protobuf/proto"
)

// exporter sends batches of spans. The SDK calls it from one goroutine, behind the back of requests.
type exporter struct {
	cfg     Config
	agent   string
	client  *http.Client
	pending *atomic.Int64 // spans that are not sent yet
	losses  *losses
	ending  chan struct{} // closed when there is no time for a second try any more
}

// ExportSpans is part of the SDK's SpanExporter. It tells itself what is lost: the SDK would tell each time.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	defer e.pending.Add(-int64(len(spans)))
	ctx, cancel := context.WithTimeout(ctx, e.cfg.Timeout)
	defer cancel()
	body, err := e.body(spans)
	if err == nil {
		err = e.deliver(ctx, body)
	}
	if err != nil {
		e.losses.add(int64(len(spans)), err)
	}
	return nil
}

// Shutdown is part of the SDK's SpanExporter.
func (e *exporter) Shutdown(context.Context) error {
	e.client.CloseIdleConnections()
	return nil
}

// body is an export, as it is posted.
func (e *exporter) body(spans []sdk.ReadOnlySpan) ([]byte, error) {
	plain, err := proto.Marshal(encode(spans))
	if err != nil || !e.cfg.Gzip {
		return plain, err
	}
	var small bytes.Buffer
	w := gzip.NewWriter(&small)
	_, _ = w.Write(plain) // a buffer takes all
	_ = w.Close()
	return small.Bytes(), nil
}

// deliver posts an export until the collector has taken it, with pauses, as long as there is hope and time.
func (e *exporter) deliver(ctx context.Context, body []byte) error {
	pauses := backoff.NewExponentialBackOff()
	for {
		err := e.post(ctx, body)
		var later *laterError
		if !errors.As(err, &later) {
			return err
		}
		pause := max(later.after, pauses.NextBackOff())
		if end, ok := ctx.Deadline(); ok && time.Until(end) < pause {
			return err
		}
		select {
		case <-time.After(pause):
		case <-e.ending:
			return err
		}
	}
}

// laterError says that another try may succeed.
type laterError struct {
	err   error
	after time.Duration // not sooner
}

// Error returns what went wrong.
func (e *laterError) Error() string { return e.err.Error() }

// largestReply is how much of a collector's answer is read, in bytes.
const largestReply = 64 << 10

// again are the statuses after which OTLP lets one try again.
var again = []int{http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}

// post is one try.
func (e *exporter) post(ctx context.Context, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for name, value := range e.cfg.Header {
		request.Header.Set(name, value)
	}
	request.Header.Set("User-Agent", e.agent)
	request.Header.Set("Content-Type", "application/x-protobuf")
	if e.cfg.Gzip {
		request.Header.Set("Content-Encoding", "gzip")
	}
	response, err := e.client.Do(request)
	if err != nil {
		return &laterError{err: err}
	}
	defer response.Body.Close()
	reply, err := io.ReadAll(io.LimitReader(response.Body, largestReply))
	switch {
	case slices.Contains(again, response.StatusCode):
		seconds, _ := strconv.Atoi(response.Header.Get("Retry-After")) // a date, which is rare, is as none
		return &laterError{fmt.Errorf("the collector answered %s", response.Status), time.Duration(seconds) * time.Second}
	case response.StatusCode < 200 || response.StatusCode > 299:
		return fmt.Errorf("the collector answered %s", response.Status)
	case err != nil: // it has taken them
		return nil
	}
	return e.read(reply)
}

// read tells what a collector that has taken the export did not like of it.
func (e *exporter) read(reply []byte) error {
	var said collector.ExportTraceServiceResponse
	if proto.Unmarshal(reply, &said) != nil {
		return nil // in whatever words: it has taken them
	}
	if refused := said.GetPartialSuccess(); refused.GetRejectedSpans() > 0 {
		e.losses.add(refused.GetRejectedSpans(), fmt.Errorf("the collector refused them: %s", refused.GetErrorMessage()))
	}
	return nil
}

// quiet is the time between two lines about spans that were lost.
const quiet = time.Minute

// losses tells of spans that were lost, at a limited rate.
type losses struct {
	log       *zap.Logger
	sometimes rate.Sometimes
	untold    atomic.Int64
	last      atomic.Pointer[error]
}

func newLosses(log *zap.Logger) *losses {
	return &losses{log: log, sometimes: rate.Sometimes{First: 1, Interval: quiet}}
}

// add counts n spans that were lost because of err.
func (l *losses) add(n int64, err error) {
	l.untold.Add(n)
	l.last.Store(&err)
	l.sometimes.Do(l.tell)
}

// tell tells of those of which nothing was told yet.
func (l *losses) tell() {
	if n := l.untold.Swap(0); n > 0 {
		l.log.Warn("spans were lost", zap.Int64("spans", n), zap.Error(*l.last.Load()))
	}
}
