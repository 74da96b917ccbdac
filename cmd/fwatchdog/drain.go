package main

import (
	"context"
	"os"
	"syscall"
	"time"

	"go.uber.org/zap"

	"fwatchdog/configs"
	"fwatchdog/internal/logging"
)

// drain ends the instance and loses nothing: it pauses, so that whoever sends requests can learn that there will be no
// answer soon, closes the listener, serves what is in flight for as long as is allowed, and lets the workers go. A further
// signal ends the waiting.
func (r *running) drain(stop configs.Stop, signals <-chan os.Signal) {
	r.stopping.Store(true)
	r.server.Drain()
	paused := r.hurryOnSignals(stop, signals)
	timer := time.NewTimer(stop.Pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-paused:
	}
	r.engine.Drain()
	if stop.Longest > 0 {
		defer time.AfterFunc(stop.Longest, r.hurry).Stop()
	}
	inflight := r.server.InFlight()
	r.log.Info("listener closed", zap.Int("requests", inflight),
		logging.Line("No new connections allowed, draining: %d requests", inflight))
	cut := r.server.Shutdown(r.hurried)
	if cut > 0 {
		r.log.Warn("requests were cut off", zap.Int("requests", cut))
	}
	r.stopEngine()
	if err := <-r.engineDone; err != nil {
		r.log.Error("engine failed", zap.Error(err))
	}
	r.hurry()
	r.parts.Wait()
	r.sendSpans()
	r.log.Info("stopped", logging.Line("Exiting. Active connections: %d", cut))
}

// lastExport is how long the end of an instance may wait for the collector of spans.
const lastExport = 2 * time.Second

// sendSpans sends what was not sent yet, once all requests are over.
func (r *running) sendSpans() {
	ctx, cancel := context.WithTimeout(context.Background(), lastExport)
	defer cancel()
	r.tracer.Shutdown(ctx)
}

// hurryOnSignals lets the next signal end the pause, and that or the one after it all waiting. The channel is closed when
// the pause is over.
func (r *running) hurryOnSignals(stop configs.Stop, signals <-chan os.Signal) (paused <-chan struct{}) {
	ended := make(chan struct{})
	r.parts.Go(func() {
		select {
		case <-r.await(signals, syscall.SIGTERM, syscall.SIGINT):
			r.log.Warn("waiting no longer")
		case <-r.hurried.Done():
		}
		close(ended)
		if !stop.PauseOnly {
			r.hurry()
			return
		}
		select {
		case <-r.await(signals, syscall.SIGTERM, syscall.SIGINT):
			r.hurry()
		case <-r.hurried.Done():
		}
	})
	return ended
}

// stopNow ends an instance that cannot serve.
func (r *running) stopNow() {
	r.hurry()
	r.stopEngine()
	r.server.Shutdown(r.hurried)
	r.parts.Wait()
	r.sendSpans()
}
