package tracing

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"fwatchdog/internal/life"
)

// The attributes that are ours.
const (
	callIDKey = attribute.Key("fwatchdog.call_id")
	slotKey   = attribute.Key("fwatchdog.slot")
	serialKey = attribute.Key("fwatchdog.serial")
)

// Trace is what is known of one request while it is in flight. The zero Trace is of a request that is not recorded: what is
// asked of it costs nothing.
type Trace struct {
	span      trace.Span    // of the whole request; nil when it is not recorded
	start     time.Time     // of it; what follows counts from there, so that no change of the clock's tears the spans apart
	asked     time.Duration // when the function was asked; 0 is never
	answered  time.Duration // when it had answered; 0 is as late as the request ended
	execution trace.SpanID  // of the span of the function's part, which the function knows before that is made
	header    [55]byte
}

// Request is what came from a client.
type Request struct {
	// Start is when it came.
	Start time.Time
	// Method, Target and Agent are the client's words.
	Method, Target, Agent []byte
	// Traceparent and Tracestate are headers; empty when there is none.
	Traceparent, Tracestate string
}

// Begin begins the spans of a request. traceparent is what the function is told in place of the client's, whose bytes are
// t's: nil lets that pass. continued says that the client's counted, and its tracestate with it.
func (t *Tracer) Begin(to *Trace, r Request) (traceparent []byte, continued bool) {
	ctx := propagation.TraceContext{}.Extract(context.Background(), carrier{r.Traceparent, r.Tracestate})
	parent := trace.SpanContextFromContext(ctx)
	_, span := t.tracer.Start(ctx, spanName(r.Method), trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(r.Start))
	about := span.SpanContext()
	if !span.IsRecording() {
		if parent.IsValid() && !parent.IsSampled() { // who is below learns no more from us than from the client
			return nil, true
		}
		return to.name(about, about.SpanID()), parent.IsValid()
	}
	span.SetAttributes(r.attributes()...)
	to.span, to.start, to.execution = span, r.Start, newSpanID()
	return to.name(about, to.execution), parent.IsValid()
}

// name writes a traceparent.
func (tr *Trace) name(of trace.SpanContext, id trace.SpanID) []byte {
	traceID, h := of.TraceID(), tr.header[:]
	copy(h, "00-")
	hex.Encode(h[3:], traceID[:])
	h[35] = '-'
	hex.Encode(h[36:], id[:])
	h[52] = '-'
	hex.Encode(h[53:], []byte{byte(of.TraceFlags() & (trace.FlagsSampled | trace.FlagsRandom))})
	return h
}

// Recorded reports whether the request has spans.
func (tr *Trace) Recorded() bool { return tr.span != nil }

// Asked says that the function is asked now: what follows is the wait for a worker, or its work.
func (tr *Trace) Asked() { tr.asked = max(1, time.Since(tr.start)) }

// Answered says that the function's part is over, before the request is.
func (tr *Trace) Answered() { tr.answered = time.Since(tr.start) }

// End is how a request ended.
type End struct {
	// Took is how long it took in all.
	Took time.Duration
	// Waited is how long of that it stood in line.
	Waited time.Duration
	// Status is that of the answer.
	Status int
	// Failure is a word for what went wrong, from a fixed list; "" is nothing.
	Failure string
	// CallID names it in logs; empty where it has no name.
	CallID []byte
	// Worker is the last that had it; without a Serial there was none, or it has no number.
	Worker life.ID
	// Unserved says that no worker got it.
	Unserved bool
}

// End ends the spans of a request that is recorded. When too many wait to be sent, all of them are dropped: half a trace
// misleads.
func (t *Tracer) End(tr *Trace, e End) {
	defer func() { *tr = Trace{} }()
	queued, executed := tr.asked > 0 && e.Waited > 0, tr.asked > 0 && !e.Unserved
	n := int64(1)
	for _, is := range []bool{queued, executed} {
		if is {
			n++
		}
	}
	if t.pending.Add(n) > t.room {
		t.pending.Add(-n)
		t.exporter.losses.add(n, errQueueFull)
		return
	}
	answered := tr.answered
	if answered == 0 {
		answered = e.Took
	}
	begun := min(tr.asked+e.Waited, answered)
	ctx := trace.ContextWithSpan(context.Background(), tr.span)
	if queued {
		t.child(ctx, "queue", tr.at(tr.asked), tr.at(begun), "")
	}
	if executed {
		t.child(context.WithValue(ctx, chosen{}, tr.execution), "execution", tr.at(begun), tr.at(answered), e.Failure, e.worker()...)
	}
	tr.span.SetAttributes(e.attributes()...)
	fail(tr.span, e.Failure)
	tr.span.End(trace.WithTimestamp(tr.at(max(e.Took, answered))))
}

// errQueueFull is why spans are dropped before a try to send them.
var errQueueFull = errors.New("they came faster than the collector takes them: sample less, or raise OTEL_BSP_MAX_QUEUE_SIZE")

// at is a time of the request's.
func (tr *Trace) at(since time.Duration) time.Time { return tr.start.Add(since) }

// child makes a span that is over.
func (t *Tracer) child(ctx context.Context, name string, from, to time.Time, failure string, about ...attribute.KeyValue) {
	_, span := t.tracer.Start(ctx, name, trace.WithTimestamp(from), trace.WithAttributes(about...))
	fail(span, failure)
	span.End(trace.WithTimestamp(to))
}

// fail says what went wrong, if anything did.
func fail(span trace.Span, failure string) {
	if failure != "" {
		span.SetAttributes(semconv.ErrorTypeKey.String(failure))
		span.SetStatus(codes.Error, "")
	}
}

// chosen is the key under which a context carries the id of the next span to ids: the SDK has no other way for it.
type chosen struct{}

// ids makes the ids of spans. The execution's must be known before its span is made: the function gets it in a header, and
// when its part began is known only afterwards.
type ids struct{}

// NewIDs is part of the SDK's IDGenerator.
func (ids) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	var id trace.TraceID
	for !id.IsValid() {
		binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
		binary.NativeEndian.PutUint64(id[8:], rand.Uint64())
	}
	return id, newSpanID()
}

// NewSpanID is part of the SDK's IDGenerator.
func (ids) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	if id, ok := ctx.Value(chosen{}).(trace.SpanID); ok {
		return id
	}
	return newSpanID()
}

func newSpanID() trace.SpanID {
	var id trace.SpanID
	for !id.IsValid() {
		binary.NativeEndian.PutUint64(id[:], rand.Uint64())
	}
	return id
}

// carrier is the two headers, for the SDK to read.
type carrier struct{ parent, state string }

// Get is part of propagation.TextMapCarrier.
func (c carrier) Get(key string) string {
	switch key {
	case "traceparent":
		return c.parent
	case "tracestate":
		return c.state
	}
	return ""
}

// Set is part of propagation.TextMapCarrier; nothing is written there.
func (carrier) Set(string, string) {}

// Keys is part of propagation.TextMapCarrier.
func (carrier) Keys() []string { return []string{"traceparent", "tracestate"} }
