// Package nethttp lets fwatchdog serve an http.Handler.
//
//	func main() { os.Exit(fwatchdog.Serve(nethttp.Handler(mux))) }
//
// What differs from a server of net/http: nothing can be hijacked, there are no trailers, and informational (1xx) answers
// are dropped, because the protocol has none of these.
package nethttp

import (
	"io"
	"net/http"
	"net/textproto"
	"net/url"

	fwatchdog "fwatchdog/sdk/go"
)

// Handler makes a handler of h. The request's context ends at the deadline, when the host no longer wants the response,
// and when h has returned. A panic is answered 500; http.ErrAbortHandler breaks the response off.
func Handler(h http.Handler) fwatchdog.Handler {
	return func(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) (err error) {
		request, err := newRequest(r)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			_, err = io.WriteString(w, "400 Bad Request: the target is no URL\n")
			return err
		}
		defer func() {
			if v := recover(); v == http.ErrAbortHandler {
				err = fwatchdog.ErrAbort
			} else if v != nil {
				panic(v)
			}
		}()
		rw := &responseWriter{native: w, header: make(http.Header), head: r.Method == http.MethodHead}
		h.ServeHTTP(rw, request)
		rw.finish()
		return nil
	}
}

// newRequest makes what a server of net/http would have read from the wire.
func newRequest(r *fwatchdog.Request) (*http.Request, error) {
	target, err := url.ParseRequestURI(r.Target)
	if err != nil {
		return nil, err
	}
	request := &http.Request{
		Method:        r.Method,
		URL:           target,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        make(http.Header),
		Body:          io.NopCloser(r.Body),
		ContentLength: r.ContentLength,
		RequestURI:    r.Target,
		RemoteAddr:    "127.0.0.1:0", // the host is the client, as the OpenFaaS watchdog was; X-Forwarded-For has the real one
	}
	if r.ContentLength == 0 {
		request.Body = http.NoBody
	}
	for name, value := range r.Headers.All() {
		if name == "host" {
			request.Host = value
			continue
		}
		key := textproto.CanonicalMIMEHeaderKey(name)
		request.Header[key] = append(request.Header[key], value)
	}
	return request.WithContext(r.Context()), nil
}
