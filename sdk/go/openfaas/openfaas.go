// Package openfaas serves functions that were written for the OpenFaaS templates, unchanged.
//
//	func main() { os.Exit(openfaas.Serve(function.Handle)) }
package openfaas

import (
	"fmt"
	"io"
	"net/http"

	fwatchdog "fwatchdog/sdk/go"
	"fwatchdog/sdk/go/nethttp"
)

// Serve serves a function of any of the known signatures and returns the code to exit with. A function of another
// signature stops the worker before it takes a request.
func Serve(function any) int {
	handler, err := Handler(function)
	return fwatchdog.Serve(handler, fwatchdog.Init(func() error { return err }))
}

// Handler makes a handler of a function of any of the known signatures:
//
//	func(http.ResponseWriter, *http.Request)                    golang-middleware
//	func(handler.Request) (handler.Response, error)             golang-http
//	func([]byte) string                                         go
//	func(*fwatchdog.ResponseWriter, *fwatchdog.Request) error   the SDK's own
func Handler(function any) (fwatchdog.Handler, error) {
	switch f := function.(type) {
	case func(http.ResponseWriter, *http.Request):
		return nethttp.Handler(middleware(f)), nil
	case func([]byte) string:
		return classic(f), nil
	case func(*fwatchdog.ResponseWriter, *fwatchdog.Request) error:
		return f, nil
	}
	if h, ok := golangHTTP(function); ok {
		return nethttp.Handler(h), nil
	}
	return nil, fmt.Errorf("openfaas: Handle is a %T; it must be one of\n"+
		"  func(http.ResponseWriter, *http.Request)\n"+
		"  func(handler.Request) (handler.Response, error)\n"+
		"  func([]byte) string\n"+
		"  func(*fwatchdog.ResponseWriter, *fwatchdog.Request) error", function)
}

// middleware serves the signature of the template golang-middleware. That template serves http.DefaultServeMux with the
// function at "/": what the function's packages have registered there (net/http/pprof, say) comes first.
func middleware(f http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := http.DefaultServeMux.Handler(r); pattern != "" {
			http.DefaultServeMux.ServeHTTP(w, r)
			return
		}
		f(w, r)
	})
}

// classic serves the signature of the template go: the answer ends with a newline.
func classic(f func([]byte) string) fwatchdog.Handler {
	return func(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
		body, err := r.Bytes()
		if err != nil {
			return err
		}
		_, err = io.WriteString(w, f(body)+"\n")
		return err
	}
}
