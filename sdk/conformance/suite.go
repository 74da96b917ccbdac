// Package conformance checks that a worker speaks FWP/1 as protocol/PROTOCOL.md demands. It plays the host, byte by byte,
// against a real process that runs the conformance function of sdk/CONFORMANCE.md.
package conformance

import (
	"strings"
	"time"

	"fwatchdog/internal/process"
)

// Target is the worker that is checked.
type Target struct {
	// Argv is the program that runs the conformance function, and Env its environment without the protocol's variables.
	Argv, Env []string
	// Dir is the folder it is started in; "" is ours.
	Dir string
	// FD3 lets it write its frames on fd 3.
	FD3 bool
	// Concurrency is how many requests at once the checks ask for; 1 leaves out those that need more.
	Concurrency int
	// Minimal leaves out what only the conformance function can do: every worker must keep the rest, whatever it answers.
	Minimal bool
	// Patience is how long it may take for anything that is expected of it; 0 is 15 seconds.
	Patience time.Duration
}

// command is the process to start, as a worker.
func (t Target) command() process.Command {
	c := t.bare()
	c.Env = append(c.Env, "FWATCHDOG_WORKER=1", "FWATCHDOG_SLOT=0", "FWATCHDOG_GENERATION=1")
	if t.FD3 {
		c.Env = append(c.Env, "FWATCHDOG_OUT_FD=3")
	}
	return c
}

// bare is the process as somebody starts it by hand.
func (t Target) bare() process.Command {
	return process.Command{Argv: t.Argv, Dir: t.Dir, FD3: t.FD3, Env: append([]string{}, t.Env...)}
}

// Check is one thing that a worker must do.
type Check struct {
	// Name is a sentence.
	Name string
	// Concurrent says that the check needs a worker that takes several requests at once.
	Concurrent bool
	// Minimal says that every worker must keep it, whatever its function answers.
	Minimal bool

	env   []string // of the process, beside the usual
	hello []byte   // what the host says first; nil is the usual
	run   func(p *peer)
	alone func(starter *process.Starter, t Target) error
}

// Suite is every check, in the order in which a reader of PROTOCOL.md would ask.
func Suite() []Check {
	var all []Check
	for _, part := range [][]Check{handshakes(), exchanges(), bodies(), prints(), failures(), cancels(), leaving(), flow(), heads(), logs()} {
		all = append(all, part...)
	}
	return all
}

// Run runs one check against the target and returns what the worker breaks, with the frames that led to it, or nil.
func (c Check) Run(starter *process.Starter, t Target) error {
	if c.alone != nil {
		return c.alone(starter, t)
	}
	env := c.env
	if c.Concurrent {
		env = append(env, "FWATCHDOG_CONCURRENCY=64")
	}
	p := start(starter, t, env...)
	p.greet(c.hello)
	c.run(p)
	return p.stop()
}

// For returns the checks that apply to a target.
func For(t Target) []Check {
	var some []Check
	for _, c := range Suite() {
		if (t.Concurrency > 1 || !c.Concurrent) && (c.Minimal || !t.Minimal) {
			some = append(some, c)
		}
	}
	return some
}

func hasWord(list, word string) bool {
	for _, w := range strings.Fields(list) {
		if w == word {
			return true
		}
	}
	return false
}
