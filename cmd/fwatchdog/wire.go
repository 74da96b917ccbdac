package main

import (
	"context"
	"errors"
	"os"
	"sync/atomic"

	"go.uber.org/zap"

	"fwatchdog/configs"
	"fwatchdog/internal/auth"
	"fwatchdog/internal/exchange"
	"fwatchdog/internal/fork"
	"fwatchdog/internal/life"
	"fwatchdog/internal/logging"
	"fwatchdog/internal/report"
	"fwatchdog/internal/static"
	"fwatchdog/internal/tracing"
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
	engine     engine
	pool       *pool.Pool             // the engine, where it is one
	supervisor *supervisor.Supervisor // of the pool
	scaler     *supervisor.Scaler     // of the pool
	server     *server.Server
	metrics    *metrics.Metrics
	counts     *worker.Counts
	stopping   atomic.Bool // the instance is on its way out
	maxAnswer  int64       // that is collected, in bytes
	recorder   *report.Recorder
	tracer     *tracing.Tracer // nil when there is no tracing

	reloadFailed atomic.Pointer[error] // what the last reload ended with
}

// engine is what answers requests: a pool of workers, a process for each request, or files.
type engine interface {
	server.Function
	// Run works until ctx ends, finishes what it has begun, and gives that up when hurry ends.
	Run(ctx, hurry context.Context) error
	// Drain says that ctx will end soon.
	Drain()
}

// doer answers one request.
type doer interface {
	Do(ctx context.Context, x *exchange.Exchange) error
}

// unpooled is an engine that keeps nothing: it is always ready, and done with the last request.
type unpooled struct{ doer }

// Run waits for the end.
func (unpooled) Run(ctx, _ context.Context) error {
	<-ctx.Done()
	return nil
}

// Drain has nothing to prepare.
func (unpooled) Drain() {}

// Ready is always true.
func (unpooled) Ready() bool { return true }

// RetryAfter is a second: what is refused is over max_inflight, and may come again at once.
func (unpooled) RetryAfter() int { return 1 }

// build makes the parts, from the process outward. Nothing runs yet.
func build(settings *configs.Settings, argv []string, log *zap.Logger) (*app, error) {
	a := &app{processes: newProcesses(), counts: new(worker.Counts)}
	memory, err := supervisor.Memory()
	if err != nil {
		return nil, err
	}
	a.maxAnswer = memory / 4 // an answer that is collected takes almost three times its size while it grows
	if spawner := spawners[settings.Mode]; spawner != nil {
		return a.withPool(settings, spawner(a, settings, argv, log), log)
	}
	answers, err := a.unpooled(settings, argv, log)
	if err != nil {
		return nil, err
	}
	a.engine = unpooled{answers}
	return a.withServer(settings, nil, log)
}

// unpooled is what answers in the modes that have no pool.
func (a *app) unpooled(settings *configs.Settings, argv []string, log *zap.Logger) (doer, error) {
	if settings.Mode == "static" {
		return static.New(settings.StaticPath), nil
	}
	cfg := settings.Fork(os.Environ())
	cfg.Command.Argv = argv
	cfg.MaxAnswer = a.maxAnswer
	cfg.Classic.Stdout = os.Stdout
	return fork.New(cfg, a.processes.starter, log)
}

// spawners start the workers of the modes that have a pool.
var spawners = map[configs.Mode]func(a *app, settings *configs.Settings, argv []string, log *zap.Logger) spawn{
	"pool": (*app).spawnFramed,
	"http": (*app).spawnUpstream,
	"warm": (*app).spawnOneshot,
}

// spawn starts one worker. Its error is not logged yet.
type spawn func(ctx context.Context, id life.ID) (pool.Worker, error)

// withPool makes an app whose engine is a pool of what spawn starts.
func (a *app) withPool(settings *configs.Settings, start spawn, log *zap.Logger) (*app, error) {
	a.pool = pool.New(settings.Pool(), func(ctx context.Context, id life.ID) (pool.Worker, error) {
		w, err := start(ctx, id)
		if err != nil {
			if ctx.Err() == nil {
				logStartError(log, id, err)
			}
			return nil, err
		}
		a.metrics.Booted(w.Vitals().Boot)
		return w, nil
	})
	a.engine = a.pool
	return a.withServer(settings, a, log)
}

// withServer makes what is the same with every kind of engine. pooled is nil when there is no pool.
func (a *app) withServer(settings *configs.Settings, pooled metrics.Source, log *zap.Logger) (_ *app, err error) {
	a.metrics = metrics.New(pooled)
	a.recorder = report.NewRecorder(version, string(settings.Mode), a)
	if a.pool != nil {
		if a.supervisor, err = supervisor.New(settings.Supervisor(), a.pool, a.metrics, log); err != nil {
			return nil, err
		}
		a.scaler = supervisor.NewScaler(a.pool, settings.Supervisor().IdleTimeout, log)
	}
	cfg := settings.Server()
	if cfg.Profile.LockIsHealth && !settings.SuppressLock {
		cfg.Locked = lockPresent
	}
	if about := settings.Auth(os.Getenv); about != nil {
		if cfg.Guard, err = newGuard(*about, settings.JWTAuthDebug, log); err != nil {
			return nil, err
		}
	}
	if to := settings.Spans(); to != nil {
		if a.tracer, err = tracing.New(*to, version, log); err != nil {
			return nil, err
		}
		log.Info("requests are traced", zap.String("collector", to.Place()), zap.String("service", a.tracer.Service()))
	}
	cfg.Tracer = a.tracer
	a.server, err = server.New(cfg, a.engine, a.metrics, log)
	return a, err
}

// newGuard makes what lets only requests with a token through.
func newGuard(cfg auth.Config, debug bool, log *zap.Logger) (server.Guard, error) {
	guard, err := auth.New(context.Background(), cfg)
	if err != nil {
		return nil, err
	}
	fields := []zap.Field{zap.String("issuer", guard.Issuer()), zap.String("authority", cfg.Authority), logging.Line("JWT Auth: true")}
	if debug {
		fields = append(fields, logging.Line("[JWT Auth] Issuer: %s", guard.Issuer()))
	}
	log.Info("tokens are checked", fields...)
	return guard, nil
}

// orNone is what a start returned, with no Worker at all in place of one that is a nil pointer.
func orNone[W pool.Worker](w W, err error) (pool.Worker, error) {
	if err != nil {
		return nil, err
	}
	return w, nil
}

// spawnFramed starts workers that speak FWP/1.
func (a *app) spawnFramed(settings *configs.Settings, argv []string, log *zap.Logger) spawn {
	cfg := workerConfig(settings, argv, a.counts)
	return func(ctx context.Context, id life.ID) (pool.Worker, error) {
		return orNone(worker.Start(ctx, a.processes.starter, cfg, id, log))
	}
}

// spawnUpstream starts workers that are HTTP servers.
func (a *app) spawnUpstream(settings *configs.Settings, argv []string, log *zap.Logger) spawn {
	cfg := settings.Upstream(os.Environ())
	cfg.Counts, cfg.Stopping = a.counts, &a.stopping
	cfg.Command.Argv = argv
	return func(ctx context.Context, id life.ID) (pool.Worker, error) {
		return orNone(worker.StartUpstream(ctx, a.processes.starter, cfg, id, log))
	}
}

// spawnOneshot starts workers that serve one request each.
func (a *app) spawnOneshot(settings *configs.Settings, argv []string, log *zap.Logger) spawn {
	cfg := settings.Oneshot(os.Environ())
	cfg.Counts, cfg.Stopping = a.counts, &a.stopping
	cfg.Command.Argv = argv
	cfg.MaxAnswer = a.maxAnswer
	return func(_ context.Context, id life.ID) (pool.Worker, error) {
		return orNone(worker.StartOneshot(a.processes.starter, cfg, id, log))
	}
}

// logStartError tells of a worker that did not become ready. The pool, which counts it and tries again, keeps no log.
func logStartError(log *zap.Logger, id life.ID, err error) {
	fields := []zap.Field{zap.Int("slot", id.Slot), zap.Uint64("serial", id.Serial)}
	if failed := new(worker.StartError); errors.As(err, &failed) {
		fields = append(fields, zap.Strings("command", failed.Command), zap.String("error", failed.What))
		if failed.Hint != "" {
			fields = append(fields, zap.String("hint", failed.Hint))
		}
		if failed.Seen != "" {
			fields = append(fields, zap.String("seen", failed.Seen)) // its stdout and stderr stand in the log already
		}
	} else {
		fields = append(fields, zap.Error(err))
	}
	log.Error("worker could not be started", fields...)
}

// workerConfig is how workers that run argv are started.
func workerConfig(settings *configs.Settings, argv []string, counts *worker.Counts) worker.Config {
	cfg := settings.Worker(os.Environ())
	cfg.Counts = counts
	cfg.Command.Argv = argv
	return cfg
}

// Snapshot, Workers, Usage and Orphans make the app a metrics.Source.

// Snapshot is the pool's state now; of no slots where there is no pool.
func (a *app) Snapshot() pool.Snapshot {
	if a.pool == nil {
		return pool.Snapshot{}
	}
	return a.pool.Snapshot()
}

// Usage is what each worker takes, by serial.
func (a *app) Usage() map[uint64]life.Usage {
	if a.supervisor == nil {
		return nil
	}
	return a.supervisor.Usage()
}

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
		LinesDropped:   a.counts.LinesDropped.Load(),
	}
}
