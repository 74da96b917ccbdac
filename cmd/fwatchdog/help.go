package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"fwatchdog/configs"
)

// helpCommand is never run: parseLine makes the help of another command of it.
type helpCommand struct{}

func (c *helpCommand) run(*configs.Settings, []string, streams) error { return nil }

// printHelp is --help: of the command that was named, or of the program. A command that is not about serving shows its own
// flags: the settings, which each takes, would bury them.
func (l *line) printHelp(to io.Writer) {
	c, width := l.command, widthOf(to)
	if !l.named {
		c = command{help: "A pool of warm function processes behind HTTP."}
		fmt.Fprint(to, "Usage: fwatchdog [flags] [-- COMMAND ARG...]\n       fwatchdog <command> [flags]\n")
	} else {
		fmt.Fprintln(to, strings.TrimSpace("Usage: fwatchdog "+c.name+" [flags] "+c.takes.name))
	}
	fmt.Fprintf(to, "\n%s\n", wrap(c.help, width, ""))
	if c, ok := c.todo.(interface{ more() string }); ok {
		fmt.Fprintf(to, "\n%s\n", wrap(c.more(), width, ""))
	}
	if c.takes.count != 0 {
		printRows(to, width, "Arguments:", []row{{c.takes.name, c.takes.help}})
	}
	settings := l.command.name == "serve"
	printFlags(to, width, l.flags, settings)
	if !settings {
		fmt.Fprintln(to, "\nEvery setting may be a flag, too: \"fwatchdog --help\" lists them.")
	}
	if !l.named {
		var rows []row
		for _, c := range l.commands {
			rows = append(rows, row{c.name, c.help})
		}
		printRows(to, width, "Commands:", rows)
		fmt.Fprintln(to, "\nRun \"fwatchdog <command> --help\" for more information on a command.")
	}
}

// row is something with its meaning beside it.
type row struct{ left, right string }

// printFlags writes the flags by their groups, in order of appearance. Those of the program and of the command have none,
// and are the first; settings says whether there are others.
func printFlags(to io.Writer, width int, flags *pflag.FlagSet, settings bool) {
	var titles []string
	groups := map[string][]row{}
	flags.VisitAll(func(f *pflag.Flag) {
		if configs.GroupOf(f) != "" && !settings {
			return
		}
		title := cmp.Or(configs.GroupOf(f), "Flags:")
		if groups[title] == nil {
			titles = append(titles, title)
		}
		groups[title] = append(groups[title], row{label(f), f.Usage})
	})
	for _, title := range titles {
		printRows(to, width, title, groups[title])
	}
}

// label is the flag as one would write it. Settings have no letters, and no room for one.
func label(f *pflag.Flag) string {
	text := "--" + f.Name
	if value := f.Value.Type(); value != "" {
		text += "=" + value
	}
	switch {
	case f.Shorthand != "":
		return "-" + f.Shorthand + ", " + text
	case configs.GroupOf(f) == "":
		return "    " + text
	}
	return text
}

// printRows writes two columns, of which the right one is wrapped.
func printRows(to io.Writer, width int, title string, rows []row) {
	const margin, least = 6, 20 // around the left column, and of the right one
	left := 0
	for _, r := range rows {
		left = max(left, utf8.RuneCountInString(r.left))
	}
	indent := strings.Repeat(" ", left+margin)
	fmt.Fprintf(to, "\n%s\n", title)
	for _, r := range rows {
		fmt.Fprintf(to, "  %-*s    %s\n", left, r.left, wrap(r.right, max(least, width-len(indent)), indent))
	}
}

// wrap cuts text into lines where words end. All but the first are indented.
func wrap(text string, width int, indent string) string {
	var b strings.Builder
	column := 0
	for _, word := range strings.Fields(text) {
		length := utf8.RuneCountInString(word)
		switch {
		case column == 0:
		case column+1+length > width:
			b.WriteString("\n" + indent)
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += length
	}
	return b.String()
}

// widthOf is how many columns a help takes: those of the terminal, but no more than are read with ease.
func widthOf(to io.Writer) int {
	const usual, most = 80, 110
	columns, _ := strconv.Atoi(os.Getenv("COLUMNS")) // what is no number says nothing
	if file, ok := to.(*os.File); ok && columns <= 0 {
		columns, _, _ = term.GetSize(int(file.Fd())) // 0 where there is no terminal
	}
	if columns <= 0 {
		columns = usual
	}
	return min(columns, most)
}
