package nethttp

import (
	"maps"
	"net/http"
	"slices"
	"strconv"

	fwatchdog "fwatchdog/sdk/go"
)

// sniffed is how many bytes of a body decide its type.
const sniffed = 512

// responseWriter is the http.ResponseWriter over the native one. Like that of net/http it is for one goroutine.
type responseWriter struct {
	native  *fwatchdog.ResponseWriter
	header  http.Header
	head    bool // the request's method is HEAD: no byte of the body leaves
	status  int  // 0 until WriteHeader
	untyped bool // the handler left the Content-Type to us
	start   []byte
	length  int // of the body
}

// Header implements http.ResponseWriter.
func (w *responseWriter) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter. What the header holds by now is what leaves.
func (w *responseWriter) WriteHeader(status int) {
	if status >= 100 && status < 200 {
		return // there will be another
	}
	w.native.WriteHeader(status) // refuses a status that is none, and logs a second one
	if w.status != 0 {
		return
	}
	w.status = status
	_, typed := w.header["Content-Type"]
	w.untyped = !typed && w.header.Get("Content-Encoding") == ""
	for _, name := range slices.Sorted(maps.Keys(w.header)) {
		for _, value := range w.header[name] {
			w.native.AddHeader(name, value)
		}
	}
}

// Write implements http.ResponseWriter.
func (w *responseWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.status == http.StatusNoContent || w.status == http.StatusNotModified {
		return 0, http.ErrBodyNotAllowed
	}
	w.length += len(b)
	if w.untyped {
		w.start = append(w.start, b[:min(len(b), sniffed-len(w.start))]...)
		if len(w.start) == sniffed {
			w.sniff()
		}
	}
	if w.head {
		return len(b), nil
	}
	return w.native.Write(b)
}

// sniff sets the Content-Type by what the body begins with, as net/http does.
func (w *responseWriter) sniff() {
	if w.untyped && len(w.start) > 0 {
		w.native.SetHeader("Content-Type", http.DetectContentType(w.start))
		w.untyped = false
	}
}

// Flush implements http.Flusher.
func (w *responseWriter) Flush() { _ = w.FlushError() } // http.Flusher has nowhere to put it

// FlushError is what http.ResponseController calls.
func (w *responseWriter) FlushError() error {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	w.sniff()
	w.untyped = false // the head leaves
	return w.native.Flush()
}

// finish completes the head of a response that was not flushed.
func (w *responseWriter) finish() {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	w.sniff()
	if w.head && w.length > 0 && w.header.Get("Content-Length") == "" {
		w.native.SetHeader("Content-Length", strconv.Itoa(w.length))
	}
}
