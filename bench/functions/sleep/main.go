// Command sleep is a Go function that takes ten milliseconds where the path is /sleep.
package main

import (
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	sdk "fwatchdog/sdk/go"
)

func main() {
	os.Exit(sdk.Serve(func(w *sdk.ResponseWriter, r *sdk.Request) error {
		if r.Path == "/sleep" {
			if err := pause(10 * time.Millisecond); err != nil {
				return err
			}
		}
		_, err := w.Write([]byte("hello"))
		return err
	}))
}

var timers sync.Pool // of *os.File, which the collector closes

// pause takes as long as it says, as an answer from the network would. A timer of Go's may be a millisecond late, since
// its poller counts in milliseconds; a call that blocks keeps a processor from other goroutines for up to ten.
func pause(d time.Duration) error {
	timer, ok := timers.Get().(*os.File)
	if !ok {
		fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
		if err != nil {
			return err
		}
		timer = os.NewFile(uintptr(fd), "timer")
	}
	defer timers.Put(timer)
	if err := set(timer, d); err != nil {
		return err
	}
	_, err := timer.Read(make([]byte, 8)) // how often it has rung
	return err
}

// set makes the timer ring once, after d.
func set(timer *os.File, d time.Duration) error {
	conn, err := timer.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(d.Nanoseconds())}
	if err := conn.Control(func(fd uintptr) { failed = unix.TimerfdSettime(int(fd), 0, &spec, nil) }); err != nil {
		return err
	}
	return failed
}
