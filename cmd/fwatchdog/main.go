// Command fwatchdog is the entrypoint of a function's container: it keeps a pool of long-lived function processes and
// answers HTTP with them. `fwatchdog --help` lists its commands and settings.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"fwatchdog/configs"
)

// version is set when a release is built.
var version = "0.1.0"

// Exit codes: a start that was refused, or a command that found what it was asked for wanting; and wrong flags.
const (
	exitOK      = 0
	exitRefused = 1
	exitUsage   = 2
)

func main() {
	os.Exit(run(os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
}

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// grammar is the command line.
type grammar struct {
	configs.Settings `embed:""`

	ShowVersion    bool `name:"version" help:"Print the version and exit, as the OpenFaaS watchdogs do."`
	RunHealthcheck bool `help:"Exit 0 when the lock file is there, as the OpenFaaS watchdogs do."`
	Demo           bool `help:"Serve the built-in function, which echoes, when no command is given."`

	Serve       serveCommand       `cmd:"" default:"withargs" help:"Serve requests (the default)."`
	DemoWorker  demoWorkerCommand  `cmd:"" help:"The built-in function: echoes. A worker, started by fwatchdog."`
	Check       checkCommand       `cmd:"" help:"Read the settings, start one worker, print what it said, exit."`
	Invoke      invokeCommand      `cmd:"" help:"Start one worker, send one request, print the response: no server."`
	Healthcheck healthcheckCommand `cmd:"" help:"Exit 0 when /_/health answers 200."`
	ShowTable   settingsCommand    `cmd:"" name:"settings" help:"Every setting with its default, meaning and present value."`
	Version     versionCommand     `cmd:"" help:"Print the version."`
}

// command is what runs once the settings are read.
type command interface {
	run(settings *configs.Settings, io streams) error
}

func run(args []string, io streams) int {
	var g grammar
	source := configs.NewSource(os.Environ())
	options := append(source.Options(), kong.Name("fwatchdog"), kong.Writers(io.out, io.err),
		kong.Description("A pool of warm function processes behind HTTP."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}), kong.UsageOnError())
	parser, err := kong.New(&g, options...)
	if err != nil {
		fmt.Fprintln(io.err, "fwatchdog:", err)
		return exitUsage
	}
	ctx, err := parser.Parse(doubleDashes(args))
	if err != nil {
		fmt.Fprintln(io.err, "fwatchdog:", err)
		return exitUsage
	}
	if code, done := g.legacy(io); done {
		return code
	}
	todo := ctx.Selected().Target.Addr().Interface().(command)
	if _, ok := todo.(*versionCommand); ok { // which needs no settings
		return report(todo.run(nil, io), io)
	}
	if err := source.Check(&g.Settings); err != nil {
		fmt.Fprintf(io.err, "fwatchdog: bad settings:\n%s\n", indent(err.Error()))
		return exitRefused
	}
	if serve, ok := todo.(*serveCommand); ok {
		serve.demo = g.Demo
	}
	return report(todo.run(&g.Settings, io), io)
}

// legacy does what the flags of the OpenFaaS watchdogs ask for; they need no other setting.
func (g *grammar) legacy(io streams) (code int, done bool) {
	switch {
	case g.ShowVersion:
		return report((&versionCommand{}).run(nil, io), io), true
	case g.RunHealthcheck:
		if _, err := os.Stat(lockPath()); err != nil {
			fmt.Fprintln(io.err, "unable to find lock file.")
			return exitRefused, true
		}
		return exitOK, true
	}
	return exitOK, false
}

// exitError ends a command that has said all there is to say with its own exit code.
type exitError int

// Error is part of error.
func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

func report(err error, io streams) int {
	if code := exitError(0); errors.As(err, &code) {
		return int(code)
	}
	if err != nil {
		fmt.Fprintln(io.err, "fwatchdog:", err)
		return exitRefused
	}
	return exitOK
}

// doubleDashes lets the two flags of the OpenFaaS watchdogs have one dash, as theirs may.
func doubleDashes(args []string) []string {
	var out []string
	for i, arg := range args {
		switch arg {
		case "--":
			return append(out, args[i:]...)
		case "-version", "-run-healthcheck":
			arg = "-" + arg
		}
		out = append(out, arg)
	}
	return out
}

func indent(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }
