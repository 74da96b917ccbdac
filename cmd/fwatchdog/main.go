// Command fwatchdog is the entrypoint of a function's container: it keeps a pool of long-lived function processes and
// answers HTTP with them. `fwatchdog --help` lists its commands and settings.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"fwatchdog/configs"
	"fwatchdog/internal/logging"
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

func run(args []string, io streams) int {
	source := configs.NewSource(os.Environ())
	line, err := parseLine(args, source)
	switch {
	case err != nil:
		fmt.Fprintln(io.err, "fwatchdog:", err)
		return exitUsage
	case line.Help:
		line.printHelp(io.out)
		return exitOK
	case line.Version || line.command.name == "version": // neither this nor what follows needs a setting
		return exitCode(new(versionCommand).run(nil, nil, io), io)
	case line.RunHealthcheck && !lockPresent():
		fmt.Fprintln(io.err, "unable to find lock file.")
		return exitRefused
	case line.RunHealthcheck:
		return exitOK
	}
	settings, err := source.Read()
	if err != nil {
		fmt.Fprintf(io.err, "fwatchdog: bad settings:\n%s\n", indent(err.Error()))
		return exitRefused
	}
	return exitCode(line.explain(line.command.todo.run(settings, line.args, io)), io)
}

// exitError ends a command that has said all there is to say with its own exit code.
type exitError int

// Error is part of error.
func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// exitCode tells what a command ended with, and returns the exit code for it.
func exitCode(err error, io streams) int {
	if code := exitError(0); errors.As(err, &code) {
		return int(code)
	}
	if err != nil {
		fmt.Fprintln(io.err, "fwatchdog:", printable(err.Error()))
		return exitRefused
	}
	return exitOK
}

// printable keeps what a function says from steering the terminal, and its lines.
func printable(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = logging.Printable(line)
	}
	return strings.Join(lines, "\n")
}

func indent(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }
