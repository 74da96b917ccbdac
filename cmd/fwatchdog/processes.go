package main

import (
	"context"
	"errors"
	"sync"

	"go.uber.org/zap"

	"fwatchdog/internal/process"
	"fwatchdog/internal/reaper"
)

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
