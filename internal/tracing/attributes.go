package tracing

import (
	"bytes"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// longest is how much of a client's word is kept, in bytes: a head may have 68 KiB, and thousands of spans wait.
const longest = 2 << 10

// text copies a client's word.
func text(word []byte) string {
	if len(word) > longest {
		word = word[:longest]
	}
	return string(word)
}

// methods are those that HTTP defines; a client cannot make new names of spans.
var methods = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE"}

// spanName is the name of a request's span: its method, as there is no route.
func spanName(method []byte) string {
	for _, name := range methods {
		if string(method) == name {
			return name
		}
	}
	return "HTTP"
}

// attributes are what the conventions for HTTP servers ask for.
func (r *Request) attributes() []attribute.KeyValue {
	path, query := pathAndQuery(r.Target)
	about := append(make([]attribute.KeyValue, 0, 6), semconv.URLScheme("http"), semconv.URLPath(text(path)))
	if len(query) > 0 {
		about = append(about, semconv.URLQuery(redacted(text(query))))
	}
	if len(r.Agent) > 0 {
		about = append(about, semconv.UserAgentOriginal(text(r.Agent)))
	}
	if name := spanName(r.Method); name != "HTTP" {
		return append(about, semconv.HTTPRequestMethodKey.String(name))
	}
	return append(about, semconv.HTTPRequestMethodOther, semconv.HTTPRequestMethodOriginal(text(r.Method)))
}

// pathAndQuery cuts a target, which may be a whole URL.
func pathAndQuery(target []byte) (path, query []byte) {
	path, query, _ = bytes.Cut(target, []byte{'?'})
	if _, rest, absolute := bytes.Cut(path, []byte("://")); absolute && path[0] != '/' {
		_, rest, _ = bytes.Cut(rest, []byte{'/'})
		path = append([]byte{'/'}, rest...)
	}
	return path, query
}

// secrets are the parameters whose values the conventions do not want to see.
var secrets = []string{"AWSAccessKeyId", "Signature", "sig", "X-Goog-Signature"}

// redacted is a query without what lets others act in the client's name.
func redacted(query string) string {
	if !slices.ContainsFunc(secrets, func(name string) bool { return strings.Contains(query, name+"=") }) {
		return query
	}
	parameters := strings.Split(query, "&")
	for i, parameter := range parameters {
		if name, _, _ := strings.Cut(parameter, "="); slices.Contains(secrets, name) {
			parameters[i] = name + "=REDACTED"
		}
	}
	return strings.Join(parameters, "&")
}

// attributes are what is known of a request at its end.
func (e *End) attributes() []attribute.KeyValue {
	about := append(make([]attribute.KeyValue, 0, 4), semconv.HTTPResponseStatusCode(e.Status))
	if len(e.CallID) > 0 {
		about = append(about, callIDKey.String(text(e.CallID)))
	}
	return append(about, e.worker()...)
}

// worker names the worker, if it has a name.
func (e *End) worker() []attribute.KeyValue {
	if e.Worker.Serial == 0 {
		return nil
	}
	return []attribute.KeyValue{slotKey.Int(e.Worker.Slot), serialKey.Int64(int64(e.Worker.Serial))}
}
