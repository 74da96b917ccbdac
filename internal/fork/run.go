package fork

import (
	"context"
	"errors"
	"io"
	"sync"
	"syscall"
	"time"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/process"
)

// run is one process that has one request, from its start to its end. Its goroutines are owned by tend, and tend by
// whoever called start: he waits for over, and closes the pipes then.
type run struct {
	proc   *process.Process
	stdout *process.Tail
	stderr *process.Tail // nil when it is part of stdout

	unwanted chan error    // carries why the process is of no more use; of capacity 1
	over     chan struct{} // closed when the process has been reaped and nothing of the request is used any more

	cut  error // why the process was killed; nil when it was not. Read it only after over.
	exit process.Exit
}

// grace is how long a process may take after SIGTERM at the end of all.
const grace = 100 * time.Millisecond

// follow owns proc from now on. It is given the body, whole or, where stream is set, as it comes. It is killed when ctx
// ends, or after limit unless that is 0. Lines of its stderr, where it has one, go to said.
func follow(ctx context.Context, proc *process.Process, limit time.Duration, body []byte, stream io.ReadCloser, said func(stderr io.Reader)) *run {
	r := &run{proc: proc, stdout: &process.Tail{Pipe: proc.Stdout}, unwanted: make(chan error, 1), over: make(chan struct{})}
	if proc.Stderr != nil {
		r.stderr = &process.Tail{Pipe: proc.Stderr}
	}
	go r.tend(ctx, limit, body, stream, said)
	return r
}

// tend ends with the process.
func (r *run) tend(ctx context.Context, limit time.Duration, body []byte, stream io.ReadCloser, said func(stderr io.Reader)) {
	defer close(r.over)
	var feeding, listening sync.WaitGroup
	feeding.Go(func() { r.feed(body, stream) })
	if r.stderr != nil {
		listening.Go(func() { said(r.stderr) })
	}
	r.await(ctx, limit)
	r.proc.Kill() // what is left of its group; it is a zombie still, so its number is nobody else's
	r.proc.EndReading()
	_ = r.proc.Stdin.SetWriteDeadline(time.Unix(1, 0)) // it fails when stdin is closed: nobody writes then
	if stream != nil {
		_ = stream.Close() // nobody wants the rest
	}
	feeding.Wait()
	listening.Wait()
	r.exit = r.proc.Reap()
}

// await returns when the process has ended, by itself or because it must not go on.
func (r *run) await(ctx context.Context, limit time.Duration) {
	var late <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-r.proc.Ended():
		return
	case <-late:
		r.cut = exchange.ErrDeadline
	case <-ctx.Done():
		r.cut = ctx.Err()
	case r.cut = <-r.unwanted:
	}
	if errors.Is(r.cut, exchange.ErrHostStops) {
		r.ask()
	}
	r.proc.Kill()
	<-r.proc.Ended()
}

// ask lets the process end by itself for a moment.
func (r *run) ask() {
	_ = r.proc.Signal(syscall.SIGTERM) // it fails when the process has ended
	select {
	case <-r.proc.Ended():
	case <-time.After(grace):
	}
}

// feed writes the body and ends it. A process need not read it; but one whose body breaks off must not take what came
// for the whole.
func (r *run) feed(body []byte, stream io.Reader) {
	_, _ = r.proc.Stdin.Write(body)
	if stream != nil {
		if err := exchange.Pour(r.proc.Stdin, stream); err != nil {
			r.giveUp(err)
			return // without an end
		}
	}
	_ = r.proc.Stdin.Close() // what it has not taken it does not want
}

// giveUp kills the process because of err.
func (r *run) giveUp(err error) {
	select {
	case r.unwanted <- err:
	default: // another reason came first
	}
}

// end waits until the process has gone, and closes its pipes.
func (r *run) end() {
	<-r.over
	r.proc.Close()
}
