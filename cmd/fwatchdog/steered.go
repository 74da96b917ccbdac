package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"go.uber.org/zap"

	"fwatchdog/configs"
	"fwatchdog/internal/control"
	"fwatchdog/internal/report"
	"fwatchdog/internal/watch"
	"fwatchdog/pool"
)

// MemoryLimits, Totals, Draining and ReloadError make the app a report.Source, together with Snapshot and Usage.

// MemoryLimits are those of a worker in bytes; 0 is none.
func (a *app) MemoryLimits() (soft, hard int64) {
	if a.supervisor == nil {
		return 0, 0
	}
	limits := a.supervisor.Limits()
	return limits.Soft, limits.Hard
}

// Totals are of all requests since the start.
func (a *app) Totals() report.Totals { return a.metrics.Totals() }

// Draining reports whether the instance is about to end.
func (a *app) Draining() bool { return a.server.Draining() }

// ReloadError is why the last reload failed; "" when it did not. One that nobody waited for to its end does not count.
func (a *app) ReloadError() string {
	if err := a.reloadFailed.Load(); err != nil {
		return (*err).Error()
	}
	return ""
}

// State, Reload, Scale and Stop make a running instance a control.Instance.

// State is the instance now.
func (r *running) State() report.State { return r.recorder.State() }

// errNoPool is what is said in modes that keep no workers.
var errNoPool = errors.New("this mode keeps no workers")

// Reload replaces all workers by new ones. When these cannot be started the present ones serve on.
func (r *running) Reload(ctx context.Context) (pool.ReloadResult, error) {
	if r.pool == nil {
		return pool.ReloadResult{}, errNoPool
	}
	r.log.Info("reload began")
	result, err := r.pool.Reload(ctx)
	fields := []zap.Field{zap.Int("generation", result.Generation), zap.Int("new", result.New), zap.Int("old", result.Old)}
	switch {
	case err == nil:
		r.reloadFailed.Store(nil)
		r.server.Announce("")
		r.log.Info("reload completed", fields...)
	case ctx.Err() != nil && errors.Is(err, ctx.Err()): // it may go on: whether it fails nobody can tell
		r.log.Warn("reload interrupted", fields...)
	default:
		r.reloadFailed.Store(&err)
		r.log.Error("reload failed", append(fields, zap.Error(err))...)
	}
	return result, err
}

// Scale keeps n workers from now on.
func (r *running) Scale(n int) (int, error) {
	if r.pool == nil {
		return 0, errNoPool
	}
	if n < 1 || n > pool.MaxSize {
		return 0, fmt.Errorf("%d workers: it must be 1 to %d", n, pool.MaxSize)
	}
	r.log.Info("pool resized", zap.Int("workers", n), zap.Bool("by_hand", true))
	r.pool.Resize(n)
	return n, nil
}

// ScaleAuto keeps as many workers as the settings say.
func (r *running) ScaleAuto() (int, error) {
	if r.pool == nil {
		return 0, errNoPool
	}
	r.pool.Restore()
	n := r.pool.Snapshot().Target
	r.log.Info("pool resized", zap.Int("workers", n), zap.Bool("by_hand", false))
	return n, nil
}

// Stop begins to drain. The signal is the one way to do so: whoever else waits for it learns of it, too.
func (r *running) Stop() {
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		r.log.Error("stop failed", zap.Error(err))
	}
}

// controlPath is where the control socket lies.
func controlPath(settings *configs.Settings) string {
	return cmp.Or(settings.ControlSocket, filepath.Join(os.TempDir(), "fwatchdog.sock"))
}

// offerControl answers commands until nobody waits for the instance any more. It serves without them when the socket
// cannot be had: a function must not depend on a place in the file system.
func (r *running) offerControl(path string) {
	listener, err := control.Listen(path)
	if err != nil {
		r.log.Warn("commands cannot reach this instance", zap.Error(err))
		return
	}
	r.parts.Go(func() {
		if err := control.Serve(r.hurried, listener, path, r); err != nil {
			r.log.Error("part failed", zap.String("part", "control socket"), zap.Error(err))
		}
	})
}

// watchFolder reloads whenever a file below the folder changes. Answers tell of a reload that failed, since whoever
// develops a function looks at those first.
func (r *running) watchFolder(path string) error {
	folder, err := watch.Open(path)
	if err != nil {
		return err
	}
	folder.Missed = func(err error) { r.log.Warn("new folders could not be watched", zap.Error(err)) }
	r.parts.Go(func() {
		defer folder.Close()
		err := folder.Run(r.hurried, func() {
			_, _ = r.Reload(r.hurried) // kept as ReloadError
			reason, _, _ := strings.Cut(r.ReloadError(), "\n")
			r.server.Announce(reason)
		})
		if err != nil {
			r.log.Error("part failed", zap.String("part", "watch"), zap.Error(err))
		}
	})
	return nil
}
