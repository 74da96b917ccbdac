package configs

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"fwatchdog/internal/tracing"
)

// Spans is what the variables of OpenTelemetry say about tracing; nil is none. They have the names and the forms of its
// specification, which every SDK reads, so they are no settings of ours; see docs/tracing.md.
func (s *Settings) Spans() *tracing.Config { return s.spans }

// defaults of OpenTelemetry's specification.
const (
	defaultExportTimeout = 10 * time.Second
	defaultSpanQueue     = 2048
)

// readSpans reads the variables of OpenTelemetry. What is wrong with them is of no interest where there is no tracing.
func readSpans(environ map[string]string) (*tracing.Config, error) {
	o := otel{environ: environ}
	cfg := &tracing.Config{
		URL:         o.url(),
		Header:      o.headers(),
		Timeout:     time.Duration(o.number(o.exporter("TIMEOUT"), 1, int(defaultExportTimeout.Milliseconds()))) * time.Millisecond,
		Gzip:        o.oneOf(o.exporter("COMPRESSION"), "", "none", "gzip") == "gzip",
		Roots:       o.exporter("CERTIFICATE").text,
		Certificate: o.exporter("CLIENT_CERTIFICATE").text,
		Key:         o.exporter("CLIENT_KEY").text,
		Queue:       o.number(o.variable("OTEL_BSP_MAX_QUEUE_SIZE"), tracing.SpansOfRequest, defaultSpanQueue),
		Service:     cmp.Or(environ["OPENFAAS_NAME"], "fwatchdog"),
	}
	if o.exporter("ENDPOINT").text == "" || strings.EqualFold(environ["OTEL_SDK_DISABLED"], "true") ||
		o.oneOf(o.variable("OTEL_TRACES_EXPORTER"), "", "otlp", "none") == "none" {
		return nil, nil
	}
	o.protocol()
	o.sampler()
	if len(o.problems) == 0 {
		o.problems = append(o.problems, cfg.Validate())
	}
	return cfg, errors.Join(o.problems...)
}

// otel reads variables of OpenTelemetry, and collects what is wrong with them.
type otel struct {
	environ  map[string]string
	problems []error
}

// variable is one of them. Empty counts as not set.
type variable struct{ name, text string }

func (o *otel) variable(name string) variable { return variable{name, o.environ[name]} }

// exporter is a variable of the exporter: that for traces, or else that for all signals.
func (o *otel) exporter(name string) variable {
	if v := o.variable("OTEL_EXPORTER_OTLP_TRACES_" + name); v.text != "" {
		return v
	}
	return o.variable("OTEL_EXPORTER_OTLP_" + name)
}

func (o *otel) bad(v variable, must string) {
	o.problems = append(o.problems, fmt.Errorf("%s is %q (environment): it must be %s", v.name, v.text, must))
}

// url is where traces are posted to: the address for traces as it stands, or the path for them below that for all signals.
func (o *otel) url() string {
	v := o.exporter("ENDPOINT")
	u, err := url.Parse(v.text)
	switch {
	case v.text == "":
		return ""
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		o.bad(v, "like http://collector:4318")
		return ""
	case v.name == "OTEL_EXPORTER_OTLP_ENDPOINT":
		return u.JoinPath("v1/traces").String()
	case u.Path == "":
		u.Path = "/"
	}
	return u.String()
}

// protocol refuses all protocols but one: a collector that speaks another would never tell what is wrong.
func (o *otel) protocol() {
	o.oneOf(o.exporter("PROTOCOL"), "; gRPC and JSON are not spoken here. Collectors take http/protobuf on port 4318, and "+
		"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL is for traces alone; tracing=false leaves tracing to the function", "http/protobuf")
}

// samplers are those that the SDK knows.
var samplers = []string{"always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off",
	"parentbased_traceidratio"}

// sampler checks what the SDK reads itself, and would replace by its default.
func (o *otel) sampler() {
	name := o.oneOf(o.variable("OTEL_TRACES_SAMPLER"), "", samplers...)
	if arg := o.variable("OTEL_TRACES_SAMPLER_ARG"); strings.HasSuffix(name, "traceidratio") && arg.text != "" {
		if ratio, err := strconv.ParseFloat(strings.TrimSpace(arg.text), 64); err != nil || !(ratio >= 0 && ratio <= 1) {
			o.bad(arg, "a number from 0 to 1")
		}
	}
}

// oneOf is the value in lower case. more stands behind the list of those that there are.
func (o *otel) oneOf(v variable, more string, values ...string) string {
	value := strings.ToLower(strings.TrimSpace(v.text))
	if value != "" && !slices.Contains(values, value) {
		o.bad(v, either(values)+more)
	}
	return value
}

func either(values []string) string {
	if len(values) == 1 {
		return values[0]
	}
	return "one of " + strings.Join(values, ", ")
}

// number is a whole number that is least at least.
func (o *otel) number(v variable, least, otherwise int) int {
	if v.text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(strings.TrimSpace(v.text))
	if err != nil || n < least {
		o.bad(v, fmt.Sprintf("a whole number, %d at least", least))
		return otherwise
	}
	return n
}

// headers are name=value with commas between them, the values with %XX for what a comma would break.
func (o *otel) headers() map[string]string {
	v := o.exporter("HEADERS")
	header := map[string]string{}
	for _, pair := range strings.Split(v.text, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, value, found := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if name = strings.TrimSpace(name); !found || name == "" || err != nil {
			o.problems = append(o.problems, fmt.Errorf("%s (environment) must be name=value, with commas between several", v.name)) // values are secrets
			return nil
		}
		header[name] = value
	}
	return header
}
