package tracing

import (
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	collector "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	resource "go.opentelemetry.io/proto/slim/otlp/resource/v1"
	wire "go.opentelemetry.io/proto/slim/otlp/trace/v1"
)

// encode makes an export of spans, of which there is at least one. All are of one Tracer, so of one resource and scope, and
// none has events or links.
func encode(spans []sdk.ReadOnlySpan) *collector.ExportTraceServiceRequest {
	about := spans[0].Resource()
	scoped := &wire.ScopeSpans{Scope: encodeScope(spans[0].InstrumentationScope()), Spans: make([]*wire.Span, 0, len(spans))}
	for _, span := range spans {
		scoped.Spans = append(scoped.Spans, encodeSpan(span))
	}
	return &collector.ExportTraceServiceRequest{ResourceSpans: []*wire.ResourceSpans{{
		Resource:   &resource.Resource{Attributes: encodeAttributes(about.Attributes())},
		SchemaUrl:  about.SchemaURL(),
		ScopeSpans: []*wire.ScopeSpans{scoped},
	}}}
}

func encodeScope(scope instrumentation.Scope) *common.InstrumentationScope {
	return &common.InstrumentationScope{Name: scope.Name, Version: scope.Version}
}

func encodeSpan(span sdk.ReadOnlySpan) *wire.Span {
	about, parent := span.SpanContext(), span.Parent()
	traceID, id := about.TraceID(), about.SpanID()
	out := &wire.Span{
		TraceId:                traceID[:],
		SpanId:                 id[:],
		TraceState:             about.TraceState().String(),
		Flags:                  flags(about, parent),
		Name:                   span.Name(),
		Kind:                   kind(span.SpanKind()),
		StartTimeUnixNano:      uint64(max(0, span.StartTime().UnixNano())),
		EndTimeUnixNano:        uint64(max(0, span.EndTime().UnixNano())),
		Attributes:             encodeAttributes(span.Attributes()),
		DroppedAttributesCount: uint32(span.DroppedAttributes()),
		Status:                 &wire.Status{},
	}
	if above := parent.SpanID(); above.IsValid() {
		out.ParentSpanId = above[:]
	}
	if span.Status().Code == codes.Error {
		out.Status.Code = wire.Status_STATUS_CODE_ERROR
	}
	return out
}

// flags are those of W3C, and whether the parent is somebody else's span.
func flags(about, parent trace.SpanContext) uint32 {
	f := uint32(about.TraceFlags()) | uint32(wire.SpanFlags_SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK)
	if parent.IsRemote() {
		f |= uint32(wire.SpanFlags_SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK)
	}
	return f
}

func kind(of trace.SpanKind) wire.Span_SpanKind {
	if of == trace.SpanKindServer {
		return wire.Span_SPAN_KIND_SERVER
	}
	return wire.Span_SPAN_KIND_INTERNAL
}

func encodeAttributes(of []attribute.KeyValue) []*common.KeyValue {
	out := make([]*common.KeyValue, 0, len(of))
	for _, a := range of {
		out = append(out, &common.KeyValue{Key: string(a.Key), Value: encodeValue(a.Value)})
	}
	return out
}

// encodeValue writes what our spans and their resource have: numbers, and texts, which come from clients and need not be
// UTF-8, as the wire wants it.
func encodeValue(v attribute.Value) *common.AnyValue {
	if v.Type() == attribute.INT64 {
		return &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: v.AsInt64()}}
	}
	return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: strings.ToValidUTF8(v.String(), "\uFFFD")}}
}
