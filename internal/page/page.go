// Package page is the live page of an instance: its workers as a table and the last quarter of an hour as plots. It shows
// and changes nothing. All of it comes from the binary, so that it works where there is no way out.
//
//	/               the page
//	/state.json     the State of package report
//	/history.json   the samples that are kept, the oldest first
//	/events         server-sent events: a state and a sample every second
//
// The plots are drawn by uPlot (MIT licence, static/uplot.LICENSE).
package page

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"time"

	"fwatchdog/internal/report"
)

//go:embed static
var static embed.FS

// policy lets the page load what this server has, and nothing from elsewhere.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; " +
	"form-action 'none'; frame-ancestors 'none'"

// Handler serves the page of the instance that the recorder watches.
func Handler(recorder *report.Recorder) http.Handler {
	files, err := fs.Sub(static, "static")
	if err != nil {
		panic(fmt.Sprintf("page: %v", err)) // the folder is embedded
	}
	mux := http.NewServeMux()
	mux.Handle("GET /", guarded(http.FileServerFS(files)))
	mux.HandleFunc("GET /state.json", func(w http.ResponseWriter, _ *http.Request) { answer(w, recorder.State()) })
	mux.HandleFunc("GET /history.json", func(w http.ResponseWriter, _ *http.Request) { answer(w, recorder.History()) })
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) { stream(w, r, recorder) })
	return mux
}

func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-cache") // the next version may have other files
		next.ServeHTTP(w, r)
	})
}

func answer(w http.ResponseWriter, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(document) // a client that has gone wants no answer
}

// patience is how long a client may take for one event, so that one that is asleep holds nothing for ever.
const patience = 10 * time.Second

// stream sends a state and a sample whenever there is a new one, until the client goes.
func stream(w http.ResponseWriter, r *http.Request, recorder *report.Recorder) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	control := http.NewResponseController(w)
	for {
		last, changed := recorder.Last()
		if control.SetWriteDeadline(time.Now().Add(patience)) != nil ||
			event(w, "state", recorder.State()) != nil || event(w, "sample", last) != nil || control.Flush() != nil {
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

func event(w http.ResponseWriter, name string, document any) error {
	data, err := json.Marshal(document)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "event: %s\ndata: %s\n\n", name, data)
	return err
}
