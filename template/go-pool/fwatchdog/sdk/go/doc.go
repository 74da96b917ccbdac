// Package fwatchdog is the worker's side of fwatchdog in Go: it turns a handler into a process that fwatchdog starts
// and keeps, and that answers many requests at once over its standard input and output.
//
//	func main() { os.Exit(fwatchdog.Serve(handle)) }
//
//	func handle(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
//		_, err := io.Copy(w, r.Body)
//		return err
//	}
//
// Package nethttp beside it serves an http.Handler, package openfaas the signatures of the OpenFaaS templates.
//
// What the handler prints never reaches the protocol: Serve moves the pipes to private descriptors first of all, and
// points descriptor 1 at descriptor 2.
//
//	stdin ---> reader --- one goroutine a request ---> outgoing ---> stdout
//	             |            Handler(w, r)               |
//	             +-- DATA, WINDOW, CANCEL --> stream      +-- written by whoever finds it idle
//
// The package needs the standard library only, and Linux.
package fwatchdog
