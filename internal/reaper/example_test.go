package reaper_test

import (
	"context"
	"fmt"
	"os"
	"syscall"

	"fwatchdog/internal/reaper"
)

// A program that may be PID 1 starts its children through Pids, so that the Reaper leaves them to their owners.
func ExampleReaper() {
	var pids reaper.Pids
	if reaper.Needed() {
		ctx, stop := context.WithCancel(context.Background())
		over := make(chan error)
		r := reaper.New(&pids)
		go func() { over <- r.Run(ctx) }()
		defer func() {
			stop()
			<-over
		}()
	}
	pid, err := pids.Start(func() (int, error) {
		return syscall.ForkExec("/bin/sh", []string{"sh", "-c", "exit 3"}, &syscall.ProcAttr{Env: os.Environ()})
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	awaitEnd(pid)
	pids.Take(pid, func() {
		var status syscall.WaitStatus
		_, err := syscall.Wait4(pid, &status, 0, nil)
		fmt.Println(status.ExitStatus(), err)
	})
	// Output: 3 <nil>
}
