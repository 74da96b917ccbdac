package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"fwatchdog/bench/systems"
)

// intro has the rounds, the seconds of each, and the machine to fill in.
const intro = `# Benchmarks

Made by ` + "`make bench`" + `: every comparison runs its systems in turn on the same machine, %d rounds of %d seconds each after a warm-up.
Figures are medians of the rounds; ratios are taken round by round, with their least and most. All systems give the same answer,
which is looked at before and after each round. An answer other than 200 ends the run where it is fwatchdog's; a round that a peer spoils
so is begun anew, which stands below its table. fwatchdog runs with all that is on by default:
metrics, time limits, call ids, log; but for queue_size=2000, so that a thousand connections may wait. Processor time is that of the
system with all its processes, for one request, and behind it what the first process takes of that: fwatchdog without its workers.
The load generator, wrk, runs on the same processors: absolute figures are low by what it takes, ratios are what counts.
The tables are made one after the other, and a machine that others use, too, is faster at one time than at another: compare figures
within a table only, also those of one system.

%s
`

const goalsIntro = `## Goals

What the least reaches is measured beside it: a program of a hundred lines (bench/systems/least) that puts the same worker behind
fasthttp, with frames that share writes and none of the rest that fwatchdog does. What it misses, too, is out of reach on the machine.

| | wanted | measured | | the least reaches |
|---|---|---|---|---|
`

// document writes what was measured as the text of docs/benchmarks.md.
func document(all []measured, root string, rounds, seconds int) string {
	var b strings.Builder
	fmt.Fprintf(&b, intro, rounds, seconds, machine(root))
	writeGoals(&b, all)
	for _, m := range all {
		fmt.Fprintf(&b, "\n## %s\n\n", m.title)
		if len(m.figures) > 0 {
			m.writeFigures(&b)
		} else {
			m.writeEntries(&b)
		}
		for _, without := range m.without {
			fmt.Fprintf(&b, "\nLeft out: %s.\n", without)
		}
		for _, spoiled := range m.spoiled {
			fmt.Fprintf(&b, "\nA round was begun anew: %s.\n", spoiled)
		}
		for _, picture := range m.pictures() {
			fmt.Fprintf(&b, "\n![%s](%s)\n", picture[1], picture[0])
		}
	}
	writeCommands(&b)
	return b.String()
}

func writeGoals(b *strings.Builder, all []measured) {
	byName := map[string]measured{}
	for _, m := range all {
		byName[m.name] = m
	}
	b.WriteString(goalsIntro)
	for _, g := range goals {
		s, met, ok := g.reached(byName)
		if !ok {
			fmt.Fprintf(b, "| %s | %s %g | not measured | | |\n", g.what, bound(g), g.want)
			continue
		}
		limit := ""
		if least, ok := g.byLeast(byName); ok {
			limit = least.String()
		}
		fmt.Fprintf(b, "| %s | %s %g | %s | %s | %s |\n", g.what, bound(g), g.want, s, verdict(met), limit)
	}
}

func (m measured) writeFigures(b *strings.Builder) {
	b.WriteString("| | median | least | most |\n|---|---:|---:|---:|\n")
	for _, f := range m.figures {
		if values := m.values(f.key, value); len(values) > 0 {
			s := spreadOf(values)
			fmt.Fprintf(b, "| %s | %s | %s | %s |\n", f.name, short(s.median), short(s.least), short(s.most))
		}
	}
}

func (m measured) writeEntries(b *strings.Builder) {
	b.WriteString("| system | requests/s | least to most | p50 | p99 | processor time | first process |\n|---|---:|---:|---:|---:|---:|---:|\n")
	for _, e := range m.entries {
		of := func(figure func(result) float64) float64 { return median(m.values(e.key(), figure)) }
		s := spreadOf(m.values(e.key(), rate))
		fmt.Fprintf(b, "| %s | %.0f | %.0f to %.0f | %s | %s | %.1f µs | %.1f µs |\n", e.name(), s.median, s.least, s.most,
			milliseconds(of(p50)), milliseconds(of(p99)), of(cpu)/1e3, of(first)/1e3)
	}
}

// writeCommands lists how each system is started.
func writeCommands(b *strings.Builder) {
	b.WriteString("\n## Commands\n\n`bench/setup` builds and installs what is compared, `go -C bench/compare run .` runs it. The load is\n" +
		"`wrk -t 2 -c CONNECTIONS -d SECONDS --latency --timeout 30s`, with one thread where there is one connection.\n`{out}` is .cache/bench, `{root}` the project.\n\n" +
		"| system | command and environment |\n|---|---|\n")
	for _, key := range slices.Sorted(maps.Keys(systems.All)) {
		s := systems.All[key]
		fmt.Fprintf(b, "| %s | `%s` |\n", s.Name, strings.Join(slices.Concat(quoted(s.Env), s.Argv), " "))
	}
}

// quoted puts values with blanks into quotes.
func quoted(env []string) []string {
	words := make([]string, len(env))
	for i, variable := range env {
		name, value, _ := strings.Cut(variable, "=")
		if strings.Contains(value, " ") {
			value = strconv.Quote(value)
		}
		words[i] = name + "=" + value
	}
	return words
}

func bound(g goal) string {
	if g.most {
		return "at most"
	}
	return "at least"
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "**not met**"
}

// machine says what was measured on, and with what.
func machine(root string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d processors (%s), %s of memory; Linux %s; ", runtime.NumCPU(), processor(), memory(), firstLine("uname", "-r"))
	for _, c := range []struct {
		name string
		argv []string
	}{
		{"Node", []string{"node", "--version"}}, {"Java", []string{"java", "--version"}}, {"Python", []string{"python3", "--version"}},
		{"gunicorn", []string{filepath.Join(root, ".cache/bench/venv/bin/gunicorn"), "--version"}}, {"wrk", []string{"wrk", "-v"}},
		{"fwatchdog", []string{"git", "-C", root, "describe", "--tags", "--always", "--dirty"}}} {
		fmt.Fprintf(&b, "%s: %s; ", c.name, firstLine(c.argv...))
	}
	for _, jar := range found(filepath.Join(root, "bench/systems/tomcat/target/lib/tomcat-embed-core-*.jar")) {
		fmt.Fprintf(&b, "%s; ", strings.TrimSuffix(filepath.Base(jar), ".jar"))
	}
	fmt.Fprintf(&b, "fasthttp %s; %s.\n", version("github.com/valyala/fasthttp"), runtime.Version())
	return b.String()
}

func found(pattern string) []string {
	files, _ := filepath.Glob(pattern) // the patterns are right
	return files
}

// firstLine is what a program says of itself.
func firstLine(argv ...string) string {
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput() // wrk -v has an exit code other than 0
	if len(out) == 0 {
		return fmt.Sprint("unknown: ", err)
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	line, _, _ = strings.Cut(line, " Copyright")
	return line
}

// version is that of a module that the systems are built with.
func version(module string) string {
	return firstLine("go", "list", "-m", "-f", "{{.Version}}", module)
}

func memory() string {
	text, _ := os.ReadFile("/proc/meminfo") // unknown when it cannot be read
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "MemTotal:" {
			kib, _ := strconv.ParseFloat(fields[1], 64) // digits
			return fmt.Sprintf("%.0f GiB", kib/(1<<20))
		}
	}
	return "unknown"
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo") // unknown when it cannot be read
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}
