package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"fwatchdog/configs"
	"fwatchdog/internal/process"
	"fwatchdog/sdk/conformance"
)

// conformanceCommand asks a worker everything that the protocol demands.
type conformanceCommand struct {
	Minimal bool          `help:"Only what every worker must keep, whatever its function answers."`
	Only    string        `placeholder:"TEXT" help:"Only checks whose name holds this text."`
	Wait    time.Duration `default:"15s" help:"How long the worker may take for anything that is expected of it."`

	demo *bool
}

// more is what --help adds.
func (c *conformanceCommand) more() string {
	return "Without --minimal the process is a conformance function, with the routes of sdk/CONFORMANCE.md. Each check starts a " +
		"process of its own. Exit code 1 when one is broken; the frames that led there are printed below it."
}

func (c *conformanceCommand) run(settings *configs.Settings, args []string, io streams) error {
	argv, err := commandOrDemo(settings, args, *c.demo)
	if err != nil {
		return err
	}
	target := conformance.Target{Argv: argv, Env: plainEnviron(), FD3: settings.WorkerOutput == "fd3",
		Concurrency: 64, Minimal: c.Minimal, Patience: c.Wait}
	checks := c.chosen(target)
	if len(checks) == 0 {
		return fmt.Errorf("no check has %q in its name", c.Only)
	}
	broken, err := runChecks(checks, target, io)
	if err != nil {
		return err
	}
	fmt.Fprintf(io.out, "%d checks, %d broken\n", len(checks), broken)
	if broken > 0 {
		return exitError(exitRefused)
	}
	return nil
}

func (c *conformanceCommand) chosen(target conformance.Target) []conformance.Check {
	var some []conformance.Check
	for _, check := range conformance.For(target) {
		if strings.Contains(check.Name, c.Only) {
			some = append(some, check)
		}
	}
	return some
}

// runChecks runs one after the other, and tells of each as soon as it is over.
func runChecks(checks []conformance.Check, target conformance.Target, io streams) (broken int, err error) {
	ctx, stop := context.WithCancel(context.Background())
	starter := process.NewStarter(nil)
	ended := make(chan error, 1)
	go func() { ended <- starter.Run(ctx) }() // until stop
	for _, check := range checks {
		if err := check.Run(starter, target); err != nil {
			broken++
			fmt.Fprintf(io.out, "BROKEN  %s\n%s\n", check.Name, indent(indent(err.Error())))
			continue
		}
		fmt.Fprintf(io.out, "kept    %s\n", check.Name)
	}
	stop()
	return broken, <-ended
}

// plainEnviron is our environment without what a watchdog tells its workers.
func plainEnviron() []string {
	var plain []string
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "FWATCHDOG_") {
			plain = append(plain, pair)
		}
	}
	return plain
}
