package fwatchdog_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	fwatchdog "fwatchdog/sdk/go"
)

// TestMain plays the function when a test has started this binary for it.
func TestMain(m *testing.M) {
	if os.Getenv("PLAY_FUNCTION") != "" {
		os.Exit(fwatchdog.Serve(function))
	}
	goleak.VerifyTestMain(m)
}
