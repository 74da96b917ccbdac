package fwatchdog

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain plays the function when a test has started this binary as a worker.
func TestMain(m *testing.M) {
	if os.Getenv("FWATCHDOG_WORKER") != "" {
		os.Exit(Serve(echo))
	}
	goleak.VerifyTestMain(m)
}

func echo(w *ResponseWriter, r *Request) error {
	body, err := r.Bytes()
	if err != nil {
		return err
	}
	w.SetHeader("content-type", "application/octet-stream")
	_, err = w.Write(body)
	return err
}
