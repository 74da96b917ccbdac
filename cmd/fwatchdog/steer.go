package main

import (
	"context"
	"fmt"
	"os/signal"
	"strconv"
	"syscall"

	"fwatchdog/configs"
	"fwatchdog/internal/control"
	"fwatchdog/pool"
)

// steer lets f use the control socket until it is done or interrupted.
func steer(settings *configs.Settings, f func(context.Context, control.Client) error) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return f(ctx, control.Client{Path: controlPath(settings)})
}

// reloadCommand replaces all workers of the running instance, and waits until that is over.
type reloadCommand struct{}

func (c *reloadCommand) run(settings *configs.Settings, _ []string, io streams) error {
	return steer(settings, func(ctx context.Context, client control.Client) error {
		result, err := client.Reload(ctx)
		if err != nil {
			return fmt.Errorf("reload: %w", err)
		}
		_, err = fmt.Fprintln(io.out, reloaded(result))
		return err
	})
}

// reloaded says how a reload went.
func reloaded(r pool.ReloadResult) string {
	return fmt.Sprintf("generation %d: %s; %s", r.Generation, counted(r.New, "1 new worker", "%d new workers", "no new worker"),
		counted(r.Leaving, "1 old one finishes what it has", "%d old ones finish what they have", "the old ones have gone"))
}

// counted is the text that fits the number.
func counted(n int, one, many, none string) string {
	switch n {
	case 0:
		return none
	case 1:
		return one
	}
	return fmt.Sprintf(many, n)
}

// scaleCommand keeps another number of workers.
type scaleCommand struct{}

func (c *scaleCommand) run(settings *configs.Settings, args []string, io streams) error {
	wanted, err := strconv.Atoi(args[0])
	if err != nil && args[0] != "auto" {
		return fmt.Errorf("scale: %q is neither a number of workers nor auto", args[0])
	}
	return steer(settings, func(ctx context.Context, client control.Client) error {
		scale := func() (int, error) { return client.Scale(ctx, wanted) }
		if args[0] == "auto" {
			scale = func() (int, error) { return client.ScaleAuto(ctx) }
		}
		n, err := scale()
		if err != nil {
			return fmt.Errorf("scale: %w", err)
		}
		_, err = fmt.Fprintln(io.out, counted(n, "1 worker is kept", "%d workers are kept", "no worker is kept"))
		return err
	})
}

// stopCommand lets the running instance drain.
type stopCommand struct{}

func (c *stopCommand) run(settings *configs.Settings, _ []string, io streams) error {
	return steer(settings, func(ctx context.Context, client control.Client) error {
		if err := client.Stop(ctx); err != nil {
			return fmt.Errorf("stop: %w", err)
		}
		_, err := fmt.Fprintln(io.out, "draining")
		return err
	})
}
