package fwatchdog

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"
)

// A Handler answers one request. It may run many times at once. What it has written to w when it returns is the response;
// an error makes it a 500, or breaks the response off when its head has left already. A panic is an error with a stack.
type Handler func(w *ResponseWriter, r *Request) error

// The exit codes of a worker.
const (
	exitFine     = 0
	exitInit     = 1
	exitUsage    = 64 // started without fwatchdog, or with a setting that is none
	exitProtocol = 65 // the host broke the protocol
)

// defaultConcurrency is how many requests a worker takes at once when nobody says otherwise.
const defaultConcurrency = 256

// An Option changes how a handler is served.
type Option func(*config)

type config struct {
	init        func() error
	concurrency int
}

// Init sets a function that runs once, before the first request: it connects, reads, warms up. When it fails the worker
// reports the error and exits with code 1.
func Init(f func() error) Option { return func(c *config) { c.init = f } }

// Concurrency sets how many requests the worker takes at once: 256 unless it is set. The environment variable
// FWATCHDOG_CONCURRENCY, which the operator sets, replaces it.
func Concurrency(n int) Option { return func(c *config) { c.concurrency = n } }

// Serve answers requests until the host closes the pipe, and returns the code to exit with. It takes over descriptors 0
// and 1 and lets SIGTERM and SIGINT pass: the host tells a worker when to go. It is called once, from main.
func Serve(handler Handler, options ...Option) int {
	if os.Getenv("FWATCHDOG_WORKER") == "" {
		return complain(exitUsage, "this program is a worker: start it with fwatchdog")
	}
	in, out, err := takePipes()
	if err != nil {
		return complain(exitUsage, err)
	}
	// Caught, not ignored: a subprocess of the handler would inherit the latter.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGTERM, syscall.SIGINT)

	if text := os.Getenv("FWATCHDOG_CONCURRENCY"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return complain(exitUsage, fmt.Sprintf("FWATCHDOG_CONCURRENCY=%q is not a positive number", text))
		}
		options = append(options, Concurrency(n))
	}
	return ServePipes(in, out, handler, options...)
}

// ServePipes is Serve without what concerns the process: it answers the host that writes to in and reads from out. Package
// workertest calls it.
func ServePipes(in io.Reader, out io.Writer, handler Handler, options ...Option) int {
	c := config{concurrency: defaultConcurrency}
	for _, o := range options {
		o(&c)
	}
	return newWorker(in, out, handler).run(c)
}

// complain says on stderr why the process is about to exit.
func complain(code int, why any) int {
	fmt.Fprintln(os.Stderr, why)
	return code
}
