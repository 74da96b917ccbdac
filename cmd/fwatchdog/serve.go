package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/term"

	"fwatchdog/configs"
	"fwatchdog/internal/logging"
)

// serveCommand serves requests until a signal.
type serveCommand struct {
	Command []string `arg:"" optional:"" passthrough:"" help:"The function process; overrides fprocess."`

	demo bool
}

var errNoCommand = errors.New(`no function to run: provide a "function_process" or "fprocess" environmental variable, ` +
	"or give the command after --, or try the built-in function with --demo")

// functionCommand is the process to run: the arguments after --, else fprocess.
func functionCommand(settings *configs.Settings, args []string) ([]string, error) {
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) > 0 {
		return args, nil
	}
	argv, err := settings.Command()
	if err == nil && len(argv) == 0 {
		err = errNoCommand
	}
	return argv, err
}

func (c *serveCommand) run(settings *configs.Settings, io streams) error {
	signals := make(chan os.Signal, 8) // first of all: PID 1 has no default actions
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGTTIN, syscall.SIGTTOU, syscall.SIGUSR1)
	defer signal.Stop(signals)
	argv, err := functionCommand(settings, c.Command)
	if errors.Is(err, errNoCommand) && c.demo {
		argv, err = demoCommand()
	}
	if err != nil {
		return err
	}
	log, err := newLog(settings, io.err)
	if err != nil {
		return err
	}
	defer func() { _ = log.Sync() }() // a terminal or a pipe cannot be synced
	a, err := build(settings, argv, log)
	if err != nil {
		return err
	}
	return a.serve(settings, signals, log)
}

func newLog(settings *configs.Settings, to io.Writer) (*zap.Logger, error) {
	format := settings.LogFormat
	if format == "" {
		format = "json"
		if file, ok := to.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
			format = "text"
		}
	}
	return logging.New(to, format, settings.LogLevel)
}

// serve runs the parts in order and stops them in the reverse. It returns an error when the start was refused.
func (a *app) serve(settings *configs.Settings, signals <-chan os.Signal, log *zap.Logger) error {
	functions, err := net.Listen("tcp", ":"+strconv.Itoa(settings.Port))
	if err != nil {
		return fmt.Errorf("listen on port %d (setting port): %w", settings.Port, err)
	}
	defer functions.Close()
	stopMetrics, err := a.serveMetrics(settings.MetricsPort, log)
	if err != nil {
		return err
	}
	defer stopMetrics()
	removeLock := func() {}
	if !settings.SuppressLock {
		if removeLock, err = writeLock(); err != nil {
			return err
		}
	}
	defer removeLock()
	log.Info("listening", zap.Int("port", functions.Addr().(*net.TCPAddr).Port), zap.Int("metrics_port", settings.MetricsPort),
		zap.String("version", version), zap.Int("pool_size", settings.PoolSize))

	a.processes.begin(log)
	defer a.processes.end()
	r := newRunning(a, functions, log)
	select {
	case err := <-r.poolDone: // the first generation failed for good
		r.stopNow()
		return err
	case err := <-r.served:
		r.stopNow()
		return err
	case sig := <-r.await(signals, syscall.SIGTERM, syscall.SIGINT):
		log.Info("stopping", zap.Stringer("signal", sig), zap.Duration("pause", settings.HealthcheckInterval))
	}
	removeLock()
	r.drain(settings.HealthcheckInterval, signals)
	return nil
}

// serveMetrics answers scrapes on a port of their own.
func (a *app) serveMetrics(port int, log *zap.Logger) (stop func(), err error) {
	if port == 0 {
		return func() {}, nil
	}
	listener, err := net.Listen("tcp", ":"+strconv.Itoa(port))
	if err != nil {
		return nil, fmt.Errorf("listen on port %d (setting metrics_port; 0 turns it off): %w", port, err)
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", a.metrics.Handler())
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ErrorLog: zap.NewStdLog(log)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(listener) // ends with Close
	}()
	return func() { _ = srv.Close(); <-done }, nil
}

// running is an instance whose parts run, each in a goroutine of its own.
type running struct {
	*app
	log      *zap.Logger
	parts    sync.WaitGroup
	stopPool context.CancelFunc // lets the workers leave
	hurry    context.CancelFunc // waits for nobody any more
	hurried  context.Context
	poolDone chan error
	served   chan error
}

func newRunning(a *app, functions net.Listener, log *zap.Logger) *running {
	poolCtx, stopPool := context.WithCancel(context.Background())
	hurried, hurry := context.WithCancel(context.Background())
	r := &running{app: a, log: log, stopPool: stopPool, hurry: hurry, hurried: hurried,
		poolDone: make(chan error, 1), served: make(chan error, 1)}
	r.parts.Go(func() { r.poolDone <- a.pool.Run(poolCtx, hurried) })
	r.parts.Go(func() { a.supervisor.Run(poolCtx) })
	r.parts.Go(func() { r.served <- a.server.Serve(functions) })
	return r
}

// await returns a channel that carries the first of the wanted signals; the others are acted on as they come.
func (r *running) await(signals <-chan os.Signal, wanted ...os.Signal) <-chan os.Signal {
	found := make(chan os.Signal, 1)
	r.parts.Go(func() {
		for {
			select {
			case sig := <-signals:
				for _, w := range wanted {
					if sig == w {
						found <- sig
						return
					}
				}
				r.act(sig)
			case <-r.hurried.Done():
				return
			}
		}
	})
	return found
}

// act does what a signal asks for that does not end the instance.
func (r *running) act(sig os.Signal) {
	switch sig {
	case syscall.SIGUSR1:
		r.log.Info("state", zap.Any("pool", r.pool.Snapshot()))
	case syscall.SIGHUP:
		r.parts.Go(r.reload)
	case syscall.SIGTTIN:
		r.resize(1)
	case syscall.SIGTTOU:
		r.resize(-1)
	}
}

// reload replaces all workers by new ones. When these cannot be started the present ones serve on.
func (r *running) reload() {
	r.log.Info("reload began")
	result, err := r.pool.Reload(r.hurried)
	fields := []zap.Field{zap.Int("generation", result.Generation), zap.Int("new", result.New), zap.Int("old", result.Old)}
	if err != nil {
		r.log.Error("reload failed", append(fields, zap.Error(err))...)
		return
	}
	r.log.Info("reload completed", fields...)
}

// resize keeps so many workers more; one at least.
func (r *running) resize(more int) {
	target := max(1, r.pool.Snapshot().Target+more)
	r.log.Info("pool resized", zap.Int("workers", target))
	r.pool.Resize(target)
}

// drain ends the instance and loses nothing: it pauses, so that whoever sends requests can learn that there will be no
// answer soon, closes the listener, serves what is in flight, and lets the workers go. A second signal ends the waiting.
func (r *running) drain(pause time.Duration, signals <-chan os.Signal) {
	r.server.Drain()
	again := r.await(signals, syscall.SIGTERM, syscall.SIGINT)
	r.parts.Go(func() {
		select {
		case <-again:
			r.log.Warn("waiting no longer")
			r.hurry()
		case <-r.hurried.Done():
		}
	})
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.hurried.Done():
	}
	r.pool.Drain()
	if cut := r.server.Shutdown(r.hurried); cut > 0 {
		r.log.Warn("requests were cut off", zap.Int("requests", cut))
	}
	r.stopPool()
	if err := <-r.poolDone; err != nil {
		r.log.Error("pool failed", zap.Error(err))
	}
	r.hurry()
	r.parts.Wait()
	r.log.Info("stopped")
}

// stopNow ends an instance that cannot serve.
func (r *running) stopNow() {
	r.hurry()
	r.stopPool()
	r.server.Shutdown(r.hurried)
	r.parts.Wait()
}
