package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"go.uber.org/zap"

	"fwatchdog/configs"
	"fwatchdog/internal/life"
	"fwatchdog/internal/process"
	"fwatchdog/internal/reaper"
	"fwatchdog/metrics"
	"fwatchdog/pool"
	"fwatchdog/protocol"
	"fwatchdog/server"
	"fwatchdog/supervisor"
	"fwatchdog/worker"
)

// app is every part of a running instance. build is the only place that connects them.
type app struct {
	processes  *processes
	pool       *pool.Pool
	server     *server.Server
	supervisor *supervisor.Supervisor
	metrics    *metrics.Metrics
	counts     *worker.Counts
}

// build makes the parts, from the process outward. Nothing runs yet.
func build(settings *configs.Settings, argv []string, log *zap.Logger) (*app, error) {
	a := &app{processes: newProcesses(), counts: new(worker.Counts)}
	cfg := workerConfig(settings, argv, a.counts)
	a.pool = pool.New(settings.Pool(), func(ctx context.Context, id life.ID) (pool.Worker, error) {
		w, err := worker.Start(ctx, a.processes.starter, cfg, id, log)
		if err != nil {
			if ctx.Err() == nil {
				logStartError(log, id, err)
			}
			return nil, err
		}
		a.metrics.Booted(w.Vitals().Boot)
		return w, nil
	})
	a.metrics = metrics.New(a)
	var err error
	if a.supervisor, err = supervisor.New(settings.Supervisor(), a.pool, a.metrics, log); err != nil {
		return nil, err
	}
	a.server, err = server.New(settings.Server(), a.pool, a.metrics, log)
	return a, err
}

// logStartError tells of a worker that did not become ready. The pool, which counts it and tries again, keeps no log.
func logStartError(log *zap.Logger, id life.ID, err error) {
	fields := []zap.Field{zap.Int("slot", id.Slot), zap.Uint64("serial", id.Serial)}
	if failed := new(worker.StartError); errors.As(err, &failed) {
		fields = append(fields, zap.Strings("command", failed.Command), zap.String("error", failed.What),
			zap.String("hint", failed.Hint), zap.String("seen", failed.Seen)) // its stderr stands in the log already
	} else {
		fields = append(fields, zap.Error(err))
	}
	log.Error("worker could not be started", fields...)
}

// workerConfig is how workers that run argv are started.
func workerConfig(settings *configs.Settings, argv []string, counts *worker.Counts) worker.Config {
	cfg := settings.Worker()
	cfg.Counts = counts
	cfg.Command.Argv = argv
	cfg.Command.Env = os.Environ()
	return cfg
}

// Snapshot, Workers, Memory and Orphans make the app a metrics.Source.

// Snapshot is the pool's state now.
func (a *app) Snapshot() pool.Snapshot { return a.pool.Snapshot() }

// Memory is what each worker takes, in bytes, by serial.
func (a *app) Memory() map[uint64]int64 { return a.supervisor.Memory() }

// Orphans is how many orphans were reaped.
func (a *app) Orphans() uint64 { return a.processes.reaper.Reaped() }

// Workers is what all workers add up to.
func (a *app) Workers() metrics.WorkerCounts {
	return metrics.WorkerCounts{
		Cancelled: map[string]uint64{
			"deadline":    a.counts.Cancelled[protocol.CancelDeadline].Load(),
			"client_gone": a.counts.Cancelled[protocol.CancelClientGone].Load(),
			"host_stops":  a.counts.Cancelled[protocol.CancelHostStops].Load(),
		},
		LateResponses:  a.counts.LateResponses.Load(),
		ProtocolErrors: a.counts.ProtocolErrors.Load(),
		StrayBytes:     a.counts.StrayBytes.Load(),
	}
}

// processes is what starts children, and reaps the orphans that an init gets.
type processes struct {
	starter *process.Starter
	reaper  *reaper.Reaper

	running sync.WaitGroup
	stop    context.CancelFunc
}

func newProcesses() *processes {
	pids := new(reaper.Pids)
	return &processes{starter: process.NewStarter(pids), reaper: reaper.New(pids)}
}

// begin lets children be started until end.
func (p *processes) begin(log *zap.Logger) {
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	p.run("start processes", log, func() error { return p.starter.Run(ctx) })
	if reaper.Needed() {
		p.run("reap orphans", log, func() error { return p.reaper.Run(ctx) })
	}
}

func (p *processes) run(what string, log *zap.Logger, f func() error) {
	p.running.Add(1)
	go func() {
		defer p.running.Done()
		if err := f(); err != nil && !errors.Is(err, context.Canceled) {
			log.Error("part failed", zap.String("part", what), zap.Error(err))
		}
	}()
}

// end waits until the last child has been reaped.
func (p *processes) end() {
	p.stop()
	p.running.Wait()
}

// lockPath is where the lock file of the OpenFaaS watchdogs lies.
func lockPath() string { return filepath.Join(os.TempDir(), ".lock") }

// writeLock makes the lock file, which says that the instance is healthy to whoever cannot ask by HTTP.
func writeLock() (remove func(), err error) {
	path := lockPath()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err == nil {
		err = os.WriteFile(path, nil, 0o660)
		if err == nil {
			return func() { _ = os.Remove(path) }, nil // somebody may have removed it
		}
	}
	return nil, fmt.Errorf("cannot write the lock file %s: set suppress_lock=true or TMPDIR: %w", path, err)
}
