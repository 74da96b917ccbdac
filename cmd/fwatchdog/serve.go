package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/term"

	"fwatchdog/configs"
	"fwatchdog/internal/cpus"
	"fwatchdog/internal/logging"
	"fwatchdog/internal/page"
	"fwatchdog/pool"
	"fwatchdog/server"
	"fwatchdog/worker"
)

// serveCommand serves requests until a signal.
type serveCommand struct {
	demo *bool
}

var errNoCommand = errors.New(`no function to run: provide a "function_process" or "fprocess" environmental variable, ` +
	"or give the command after --, or try the built-in function with --demo")

// errNoClassic has the words of classic-watchdog, for which scripts look.
var errNoClassic = fmt.Errorf("%s\n%w", "Provide a valid process via fprocess environmental variable.", errNoCommand)

// functionCommand settles which process is to run: the arguments after --, which the settings say from then on, else fprocess.
func functionCommand(settings *configs.Settings, args []string) ([]string, error) {
	settings.Override(args)
	argv, err := settings.Command()
	if err == nil && len(argv) == 0 {
		err = errNoCommand
		if settings.Mode == "classic" {
			err = errNoClassic
		}
	}
	if err != nil {
		return nil, err
	}
	return withHeap(settings, argv)
}

// commandOrDemo is functionCommand's or, where it has none and demo is wanted, the built-in function.
func commandOrDemo(settings *configs.Settings, args []string, demo bool) ([]string, error) {
	argv, err := functionCommand(settings, args)
	if errors.Is(err, errNoCommand) && demo {
		argv, err = demoCommand()
		settings.Override(argv) // for whoever asks them what runs
	}
	return argv, err
}

func (c *serveCommand) run(settings *configs.Settings, args []string, io streams) error {
	signals := make(chan os.Signal, 8) // first of all: PID 1 has no default actions
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGTTIN, syscall.SIGTTOU, syscall.SIGUSR1)
	defer signal.Stop(signals)
	collectOften()
	argv, err := commandOrDemo(settings, args, *c.demo)
	if settings.Mode == "static" { // which runs none
		err = nil
	}
	if err != nil {
		return err
	}
	log, err := newLog(settings, io)
	if err != nil {
		return err
	}
	defer func() { _ = log.Sync() }() // a terminal or a pipe cannot be synced
	settings.AccessLog = accessLog(settings, io)
	a, err := build(settings, argv, log)
	if err != nil {
		return err
	}
	return a.serve(settings, signals, log)
}

// collectOften lets garbage be a quarter of our memory and not as much as all the rest, unless the environment says
// otherwise. A request leaves hardly any, so this costs little; ten thousand connections would cost as much again.
func collectOften() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(25)
	}
}

func newLog(settings *configs.Settings, io streams) (*zap.Logger, error) {
	format := settings.LogFormat
	if format == "" {
		format = "json"
		if settings.Mode.OpenFaaS() {
			format = "openfaas"
		} else if isTerminal(io.err) {
			format = "text"
		}
	}
	return logging.Config{Format: format, Level: settings.LogLevel, Err: io.err, Out: io.out, Prefix: settings.PrefixLogs}.New()
}

func isTerminal(w any) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// accessLog is the setting, or what fits whoever reads the log.
func accessLog(settings *configs.Settings, io streams) string {
	switch {
	case settings.AccessLog != "":
		return settings.AccessLog
	case isTerminal(io.err):
		return "all"
	}
	return "errors"
}

// serve runs the parts in order and stops them in the reverse. It returns an error when the start was refused.
func (a *app) serve(settings *configs.Settings, signals <-chan os.Signal, log *zap.Logger) error {
	functions, err := server.Listen(":" + strconv.Itoa(settings.Port))
	if err != nil {
		return fmt.Errorf("listen on port %d (setting port): %w", settings.Port, err)
	}
	defer functions.Close()
	stopMetrics, err := a.serveMetrics(settings, log)
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
	logListening(settings, functions.Addr().(*net.TCPAddr).Port, log)

	a.processes.begin(log)
	defer a.processes.end()
	r := newRunning(a, functions, log)
	if settings.Mode.LongLived() { // elsewhere we start processes all the time, and to start one holds a thread up
		r.parts.Go(func() { cpus.Share(r.hurried, func() bool { return a.pool.Load().Waiting > 0 }) })
	}
	r.offerControl(controlPath(settings))
	if settings.Watch != "" {
		if err := r.watchFolder(settings.Watch); err != nil {
			r.stopNow()
			return err
		}
	}
	select {
	case err := <-r.engineDone: // the first generation failed for good
		r.stopNow()
		if errors.Is(err, pool.ErrUnused) {
			err = fmt.Errorf("%w. %s", err, worker.HintEarly)
		}
		return err
	case err := <-r.served:
		r.stopNow()
		return err
	case sig := <-r.await(signals, syscall.SIGTERM, syscall.SIGINT):
		logStopping(settings, sig.String(), log)
	}
	removeLock()
	r.drain(settings.Stop(), signals)
	return nil
}

// serveMetrics answers scrapes, and shows the page, on a port of their own.
func (a *app) serveMetrics(settings *configs.Settings, log *zap.Logger) (stop func(), err error) {
	port := settings.MetricsPort
	if port == 0 {
		return func() {}, nil
	}
	listener, err := net.Listen("tcp", ":"+strconv.Itoa(port))
	if err != nil {
		return nil, fmt.Errorf("listen on port %d (setting metrics_port; 0 turns it off): %w", port, err)
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", a.metrics.Handler())
	if !settings.Mode.OpenFaaS() { // whose watchdogs have nothing there
		mux.Handle("/", page.Handler(a.recorder))
	}
	if settings.Debug {
		mux.HandleFunc("/debug/pprof/", pprof.Index) // which serves the named profiles, too
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
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
	log        *zap.Logger
	parts      sync.WaitGroup
	stopEngine context.CancelFunc // lets the workers leave
	hurry      context.CancelFunc // waits for nobody any more
	hurried    context.Context
	engineDone chan error
	served     chan error
}

func newRunning(a *app, functions net.Listener, log *zap.Logger) *running {
	working, stopEngine := context.WithCancel(context.Background())
	hurried, hurry := context.WithCancel(context.Background())
	r := &running{app: a, log: log, stopEngine: stopEngine, hurry: hurry, hurried: hurried,
		engineDone: make(chan error, 1), served: make(chan error, 1)}
	r.parts.Go(func() { r.engineDone <- a.engine.Run(working, hurried) })
	r.parts.Go(func() { a.recorder.Run(hurried) })
	if a.supervisor != nil {
		r.parts.Go(func() { a.supervisor.Run(working) })
		r.parts.Go(func() { a.scaler.Run(working) })
	}
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
	if r.pool == nil {
		r.log.Warn("signal ignored: this mode has no pool", zap.Stringer("signal", sig))
		return
	}
	switch sig {
	case syscall.SIGUSR1:
		r.log.Info("state", zap.Any("pool", r.pool.Snapshot()))
	case syscall.SIGHUP:
		r.parts.Go(func() { _, _ = r.Reload(r.hurried) }) // the log tells
	case syscall.SIGTTIN:
		r.resize(1)
	case syscall.SIGTTOU:
		r.resize(-1)
	}
}

// resize keeps so many workers more, one at least. That is a person's will: an elastic pool stays at that size.
func (r *running) resize(more int) {
	_, _ = r.Scale(max(1, r.pool.Snapshot().Target+more)) // at its largest it stays
}
