package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"fwatchdog/configs"
	"fwatchdog/internal/process"
	"fwatchdog/worker"
)

// command is what can be asked for.
type command struct {
	name  string
	takes argument
	help  string
	todo  todo
}

// todo is what a command does with the arguments behind its flags. Its exported fields are the flags of its own.
type todo interface {
	run(settings *configs.Settings, args []string, io streams) error
}

// argument is what a command takes behind its flags.
type argument struct {
	name, help string
	count      int // how many; -1 is any number, and the first ends the flags
}

// commands are all that there are. The first is what runs when none is named.
func commands(o *options) []command {
	none := argument{}
	function := argument{"[-- COMMAND ARG...]", "The function process; overrides fprocess.", -1}
	number := argument{"N|auto", "How many workers are kept from now on; auto is as many as the settings say: it makes an elastic pool elastic again.", 1}
	return []command{
		{"serve", function, "Serve requests (the default).", &serveCommand{demo: &o.Demo}},
		{"demo-worker", none, "The built-in function: echoes. A worker, started by fwatchdog.", &demoWorkerCommand{}},
		{"status", none, "The running instance and its workers; -w keeps drawing.", &statusCommand{}},
		{"reload", none, "Replace all workers of the running instance, new ones first; exit 1 when these cannot be started.", &reloadCommand{}},
		{"scale", number, "Keep another number of workers in the running instance.", &scaleCommand{}},
		{"stop", none, "Let the running instance drain and end.", &stopCommand{}},
		{"check", function, "Read the settings, start one worker, print what it said, exit. Mode pool only.", &checkCommand{&o.Demo}},
		{"conformance", function, "Start a worker again and again, and print what it breaks of the protocol.", &conformanceCommand{demo: &o.Demo}},
		{"invoke", function, "Start one worker, send one request, print the response: no server. Mode pool only.", &invokeCommand{demo: &o.Demo}},
		{"healthcheck", none, "Exit 0 when /_/health answers 200.", &healthcheckCommand{}},
		{"settings", none, "Every setting with its default, meaning and present value.", &settingsCommand{}},
		{"version", none, "Print the version.", &versionCommand{}},
		{"help", argument{"[COMMAND]", "What to tell about; the program itself when there is none.", -1}, "Tell about a command, as its --help does.", &helpCommand{}},
	}
}

// options are flags that every command takes, beside the settings.
type options struct {
	Help           bool `short:"h" help:"Show context-sensitive help."`
	Version        bool `help:"Print the version and exit, as the OpenFaaS watchdogs do."`
	RunHealthcheck bool `help:"Exit 0 when the lock file is there, as the OpenFaaS watchdogs do."`
	Demo           bool `help:"Take the built-in function, which echoes, when no command is given."`
}

// line is a command line that was understood.
type line struct {
	options
	commands []command
	command  command
	named    bool // the command, and not only the first by default
	flags    *pflag.FlagSet
	apart    bool     // args came after --, so they are the function's
	args     []string // behind the flags
}

// parseLine reads a command line. Flags may stand before the name of a command and behind it.
func parseLine(args []string, source *configs.Source) (*line, error) {
	l := &line{flags: pflag.NewFlagSet("fwatchdog", pflag.ContinueOnError)}
	l.commands = commands(&l.options)
	l.command = l.commands[0]
	l.flags.SortFlags = false // a help has them in the order of their fields
	configs.AddFlags(l.flags, &l.options)
	source.AddFlags(l.flags)
	if err := l.parse(doubleDashes(args), false); err != nil {
		return nil, err
	}
	l.apart = l.flags.ArgsLenAtDash() == 0
	if len(l.args) == 0 || l.apart || !l.name(l.args[0]) {
		return l, nil
	}
	configs.AddFlags(l.flags, l.command.todo)
	if err := l.parse(l.args[1:], l.command.takes.count >= 0); err != nil {
		return nil, err
	}
	if _, asked := l.command.todo.(*helpCommand); asked && !l.Help {
		return l, l.ask()
	}
	return l, l.wrongArgs()
}

// name takes the command of that name, and reports whether there is one.
func (l *line) name(name string) bool {
	at := slices.IndexFunc(l.commands, func(c command) bool { return c.name == name })
	if at < 0 {
		return false
	}
	l.command, l.named = l.commands[at], true
	return true
}

// ask makes help COMMAND the same as COMMAND --help.
func (l *line) ask() error {
	l.Help = true
	if len(l.args) == 0 {
		l.command, l.named = l.commands[0], false
		return nil
	}
	if !l.name(l.args[0]) {
		return fmt.Errorf("there is no command %s%s", l.args[0], l.suggestion(l.args[0]))
	}
	configs.AddFlags(l.flags, l.command.todo)
	return nil
}

// suggestion is the end of a sentence about the name of a command that there is not.
func (l *line) suggestion(name string) string {
	var known []string
	for _, c := range l.commands {
		known = append(known, c.name)
	}
	return configs.Suggestion(name, known)
}

// explain adds to the error of a program that is not there what was probably meant.
func (l *line) explain(err error) error {
	failed := new(worker.StartError)
	if !errors.Is(err, process.ErrNotFound) || !errors.As(err, &failed) {
		return err
	}
	program := failed.Command[0]
	if name, _, assigns := strings.Cut(program, "="); assigns && !strings.Contains(name, "/") {
		return fmt.Errorf("%w\nNo shell runs to set a variable: let env do that, as in fprocess=\"env %s\"", err, strings.Join(failed.Command, " "))
	}
	if suggestion := l.suggestion(program); suggestion != "" && !l.named && !l.apart && len(l.args) > 0 {
		return fmt.Errorf("%w\nThere is no command %s either%s", err, program, suggestion)
	}
	return err
}

// parse takes flags up to the first word that is none, or also those behind it.
func (l *line) parse(args []string, all bool) error {
	l.flags.SetInterspersed(all)
	err := l.flags.Parse(args)
	l.args = l.flags.Args()
	unknown := new(pflag.NotExistError)
	if !errors.As(err, &unknown) {
		return err
	}
	var known []string
	l.flags.VisitAll(func(f *pflag.Flag) { known = append(known, "--"+f.Name) })
	// Of a name with one dash pflag makes letters.
	name, _, _ := strings.Cut(cmp.Or(unknown.GetSpecifiedShortnames(), unknown.GetSpecifiedName()), "=")
	return fmt.Errorf("%w%s", err, configs.Suggestion("--"+name, known))
}

// wrongArgs reports arguments that are too few or too many.
func (l *line) wrongArgs() error {
	takes := l.command.takes
	switch {
	case takes.count < 0 || l.Help:
	case len(l.args) > takes.count:
		return fmt.Errorf("unexpected argument %s", l.args[takes.count])
	case len(l.args) < takes.count:
		return fmt.Errorf("%s is missing: %s", takes.name, takes.help)
	}
	return nil
}

// doubleDashes lets the two flags of the OpenFaaS watchdogs have one dash, as theirs may.
func doubleDashes(args []string) []string {
	var out []string
	for i, arg := range args {
		if arg == "--" {
			return append(out, args[i:]...)
		}
		switch name, _, _ := strings.Cut(arg, "="); name {
		case "-version", "-run-healthcheck":
			arg = "-" + arg
		}
		out = append(out, arg)
	}
	return out
}
