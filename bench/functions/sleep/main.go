// Command sleep is a Go function that takes ten milliseconds where the path is /sleep.
package main

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	sdk "fwatchdog/sdk/go"
)

func main() {
	os.Exit(sdk.Serve(func(w *sdk.ResponseWriter, r *sdk.Request) error {
		if r.Path == "/sleep" {
			pause(10 * time.Millisecond)
		}
		_, err := w.Write([]byte("hello"))
		return err
	}))
}

// pause takes as long as it says. A timer of Go's may be a millisecond late, since its poller counts in milliseconds.
func pause(d time.Duration) {
	t := unix.NsecToTimespec(d.Nanoseconds())
	for unix.Nanosleep(&t, &t) == unix.EINTR {
	}
}
