package templates_test

import (
	"regexp"
	"strings"
)

// A tutorial is a page of steps, in the order in which a reader takes them:
//
//	a fenced block below a line that ends in `NAME`: is a file,
//	a console block is commands with what each prints,
//	a text block is what the running fwatchdog has logged by then.

// step is one of a file, a command, or lines of a log.
type step struct {
	line    int    // of the page
	file    string // the name of a file whose text is text
	command string // that prints text; nothing is said of what it prints when text is empty
	text    string
}

var naming = regexp.MustCompile("(?:^|\\s)`([^`\\s]+)`:$")

// stepsOf reads a page.
func stepsOf(page string) []step {
	var steps []step
	var fence, before string
	var block []string
	begin := 0
	for n, line := range strings.Split(page, "\n") {
		kind, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && begin == 0:
			fence, block, begin = kind, nil, n+1
		case isFence:
			steps = append(steps, stepsIn(fence, before, block, begin)...)
			before, begin = "", 0
		case begin > 0:
			block = append(block, line)
		case line != "":
			before = line
		}
	}
	return steps
}

// stepsIn are the steps of one block; before is the line of the page above it.
func stepsIn(fence, before string, block []string, line int) []step {
	if named := naming.FindStringSubmatch(before); named != nil {
		return []step{{line: line, file: named[1], text: strings.Join(block, "\n") + "\n"}}
	}
	switch fence {
	case "console":
		return commandsIn(block, line)
	case "text":
		return []step{{line: line, text: strings.Join(block, "\n")}}
	}
	return nil
}

// commandsIn are the commands of a console block. One whose line ends in a backslash goes on in the next.
func commandsIn(block []string, line int) []step {
	var steps []step
	var output []string
	open := false // the command goes on
	for n, text := range block {
		command, isCommand := strings.CutPrefix(text, "$ ")
		switch last := len(steps) - 1; {
		case isCommand:
			steps = append(steps, step{line: line + n + 1, command: command})
			output = nil
		case open:
			command = steps[last].command + "\n" + text
			steps[last].command = command
		default:
			output = append(output, text)
			steps[last].text = strings.Join(output, "\n")
			continue
		}
		open = strings.HasSuffix(command, "\\")
	}
	return steps
}

// shows reports whether got is what the page says that the command prints, which is anything where the page says nothing. A
// line of three dots stands for any lines. Of what functions answer every letter counts; what fwatchdog and others say
// differs in its numbers.
func shows(s step, got string) bool {
	if s.text == "" {
		return true
	}
	plain := strings.TrimSpace
	if !strings.HasPrefix(s.command, "curl ") && !strings.HasPrefix(s.command, "fwatchdog invoke ") {
		plain = withoutNumbers
	}
	var pattern, lines strings.Builder
	for n, part := range dots.Split(s.text+"\n", -1) {
		if n > 0 {
			pattern.WriteString(`(?:.*\n)*`)
		}
		for line := range strings.Lines(part) {
			pattern.WriteString(regexp.QuoteMeta(plain(line)) + "\n")
		}
	}
	for line := range strings.Lines(strings.TrimSpace(got) + "\n") {
		lines.WriteString(plain(line) + "\n")
	}
	return regexp.MustCompile(`^(?:` + pattern.String() + `)$`).MatchString(lines.String())
}

var (
	dots    = regexp.MustCompile(`(?m)^\.\.\.\n`)
	numbers = regexp.MustCompile(`\bdev\b|[0-9a-f]{8}-[0-9a-f-]{27}|\d+(?:[.:]\d+)*(?:[mµn]?s|m|MiB|%)?`)
	bars    = regexp.MustCompile(`[#.]{4} `)
	none    = regexp.MustCompile(`(^|\s)-(\s|$)`)
)

// withoutNumbers is a line in which numbers and the width of columns are all the same.
func withoutNumbers(line string) string {
	line = none.ReplaceAllString(bars.ReplaceAllString(line, ".... "), "${1}0$2")
	return strings.Join(strings.Fields(numbers.ReplaceAllString(line, "0")), " ")
}
