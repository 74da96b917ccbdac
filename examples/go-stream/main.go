// Command go-stream sends the time as server-sent events, until the client has enough of it or goes.
//
//	go build -o ticker ./examples/go-stream
//	fwatchdog -- ./ticker
//	curl -N 'localhost:8080/?n=5&every=1s'
package main

import (
	"cmp"
	"fmt"
	"os"
	"strconv"
	"time"

	fwatchdog "fwatchdog/sdk/go"
)

func main() { os.Exit(fwatchdog.Serve(tick)) }

func tick(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
	query := r.Query()
	n, badCount := strconv.Atoi(cmp.Or(query.Get("n"), "10"))
	every, badPause := time.ParseDuration(cmp.Or(query.Get("every"), "1s"))
	if cmp.Or(badCount, badPause) != nil || every <= 0 {
		w.WriteHeader(400)
		_, err := fmt.Fprintln(w, "n is a number, every a duration like 1s")
		return err
	}
	w.SetHeader("Content-Type", "text/event-stream")
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for range n {
		select {
		case now := <-ticker.C:
			if _, err := fmt.Fprintf(w, "data: %s\n\n", now.UTC().Format(time.TimeOnly)); err != nil {
				return err
			}
			if err := w.Flush(); err != nil { // without it the events would leave together at the end
				return err
			}
		case <-r.Context().Done(): // the client has gone, or its time is over
			return r.Context().Err()
		}
	}
	return nil
}
