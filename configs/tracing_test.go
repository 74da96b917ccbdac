package configs

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fwatchdog/internal/tracing"
)

const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318"

func TestVariablesOfOpenTelemetrySayWhereSpansGo(t *testing.T) {
	plain := tracing.Config{URL: "http://collector:4318/v1/traces", Header: map[string]string{}, Timeout: 10 * time.Second,
		Queue: 2048, Service: "fwatchdog"}
	with := func(change func(*tracing.Config)) *tracing.Config {
		cfg := plain
		cfg.Header = maps.Clone(plain.Header)
		change(&cfg)
		return &cfg
	}
	for name, test := range map[string]struct {
		environ []string
		want    *tracing.Config
	}{
		"none":                   {nil, nil},
		"an address":             {[]string{endpoint}, &plain},
		"the SDK is off":         {[]string{endpoint, "OTEL_SDK_DISABLED=True"}, nil},
		"there is no exporter":   {[]string{endpoint, "OTEL_TRACES_EXPORTER=none"}, nil},
		"ours is off":            {[]string{endpoint, "tracing=false", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}, nil},
		"nobody to send them to": {[]string{"OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_TRACES_SAMPLER=x"}, nil},
		"a path": {[]string{"OTEL_EXPORTER_OTLP_ENDPOINT=https://c/otlp/"},
			with(func(c *tracing.Config) { c.URL = "https://c/otlp/v1/traces" })},
		"an address for traces": {[]string{endpoint, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://t:1"},
			with(func(c *tracing.Config) { c.URL = "http://t:1/" })},
		"the function has a name": {[]string{endpoint, "OPENFAAS_NAME=fn"}, with(func(c *tracing.Config) { c.Service = "fn" })},
		"all else": {[]string{endpoint, "OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20x, k=v", "OTEL_EXPORTER_OTLP_TIMEOUT=1",
			"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=1500", "OTEL_EXPORTER_OTLP_COMPRESSION=gzip", "OTEL_EXPORTER_OTLP_CERTIFICATE=ca",
			"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=crt", "OTEL_EXPORTER_OTLP_CLIENT_KEY=key", "OTEL_BSP_MAX_QUEUE_SIZE=3",
			"OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf",
			"OTEL_TRACES_SAMPLER=traceidratio", "OTEL_TRACES_SAMPLER_ARG=0.5"},
			&tracing.Config{URL: plain.URL, Header: map[string]string{"authorization": "Bearer x", "k": "v"}, Timeout: 1500 * time.Millisecond,
				Gzip: true, Roots: "ca", Certificate: "crt", Key: "key", Queue: 3, Service: "fwatchdog"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := input{environ: test.environ}.settings(t).Spans()
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestBadVariableOfOpenTelemetryStopsTheStart(t *testing.T) {
	for variable, want := range map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=collector:4318":   `it must be like http://collector:4318`,
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=:":         `it must be like http://collector:4318`,
		"OTEL_EXPORTER_OTLP_PROTOCOL=grpc":             `it must be http/protobuf; gRPC and JSON are not spoken here`,
		"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/json": `it must be http/protobuf; gRPC and JSON are not spoken here`,
		"OTEL_EXPORTER_OTLP_COMPRESSION=zstd":          `it must be one of none, gzip`,
		"OTEL_EXPORTER_OTLP_TIMEOUT=0":                 `it must be a whole number, 1 at least`,
		"OTEL_EXPORTER_OTLP_HEADERS=secret":            `must be name=value, with commas between several`,
		"OTEL_EXPORTER_OTLP_CLIENT_KEY=key":            `of the client's certificate and its key one is missing`,
		"OTEL_TRACES_EXPORTER=zipkin":                  `it must be one of otlp, none`,
		"OTEL_TRACES_SAMPLER=jaeger_remote":            `it must be one of always_on`,
		"OTEL_TRACES_SAMPLER_ARG=2":                    `it must be a number from 0 to 1`,
		"OTEL_BSP_MAX_QUEUE_SIZE=2":                    `it must be a whole number, 3 at least`,
	} {
		name, _, _ := strings.Cut(variable, "=")
		environ := []string{endpoint, variable, "port=-1"}
		if name == "OTEL_TRACES_SAMPLER_ARG" {
			environ = append(environ, "OTEL_TRACES_SAMPLER=parentbased_traceidratio")
		}
		_, err := input{environ: environ}.check(t)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `port is "-1"`) ||
			name != "OTEL_EXPORTER_OTLP_CLIENT_KEY" && !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want %q", variable, err, want)
		}
		if _, err := (input{environ: slices.DeleteFunc(environ, func(v string) bool { return v == variable || v == "port=-1" })}).check(t); err != nil {
			t.Errorf("without %s: %v", name, err)
		}
	}
}
