package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// cost is what one operation of a benchmark allocates.
type cost struct {
	allocations, bytes int
	varies             bool // from run to run, with time
}

func (c cost) String() string { return fmt.Sprintf("%d allocs/op and %d B/op", c.allocations, c.bytes) }

// near reports whether numbers of bytes are the same, but for what buffers that are made once come to.
func near(a, b int) bool {
	apart := max(a, b) - min(a, b)
	return apart <= 64 || apart <= max(a, b)/8
}

// more reports whether a allocates more often than b, by more than it varies.
func (a cost) more(b cost) bool {
	slack := 0
	if a.varies || b.varies {
		slack = max(2, b.allocations/4)
	}
	return a.allocations > b.allocations+slack
}

// compare says in a line each what is not as it was.
func compare(want, got map[string]cost) []string {
	names := map[string]cost{}
	maps.Copy(names, want)
	maps.Copy(names, got)
	var wrong []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		was, known := want[name]
		is, ran := got[name]
		switch {
		case !known:
			wrong = append(wrong, fmt.Sprintf("%s is new: %s", name, is))
		case !ran:
			wrong = append(wrong, name+" is gone")
		case is.more(was):
			wrong = append(wrong, fmt.Sprintf("%s allocates more: was %s, is %s", name, was, is))
		case was.more(is):
			wrong = append(wrong, fmt.Sprintf("%s allocates less, so renew the baseline: was %s, is %s", name, was, is))
		case !was.varies && !near(is.bytes, was.bytes):
			wrong = append(wrong, fmt.Sprintf("%s allocates other sizes: was %s, is %s", name, was, is))
		}
	}
	return wrong
}

// differences is an error of these lines.
func differences(lines []string) error {
	return fmt.Errorf("allocations differ from bench/smoke/baseline.txt:\n  %s\nWhere that is meant, `make bench-baseline` renews it: commit it with the change",
		strings.Join(lines, "\n  "))
}

// goal is the most that an operation may ever allocate, whatever the baseline says. A negative number is no limit.
type goal struct {
	benchmark          string
	allocations, bytes int
}

var goals = []goal{
	{"worker BenchmarkExchange/callers=1", 2, -1},
	{"worker BenchmarkExchange/callers=32", 2, -1},
	{"worker BenchmarkEcho/bytes=1024", 2, -1},
	{"worker BenchmarkEcho/bytes=1048576", -1, 1 << 20 / 10},
}

func (g goal) met(c cost) bool {
	return (g.allocations < 0 || c.allocations <= g.allocations) && (g.bytes < 0 || c.bytes <= g.bytes)
}

// checkGoals returns the goals that were reached once and are not now, and those that are still open.
func checkGoals(was, is map[string]cost) (broken, open []string) {
	for _, g := range goals {
		c, ran := is[g.benchmark]
		if !ran || g.met(c) {
			continue
		}
		line := fmt.Sprintf("%s: %s", g.benchmark, c)
		if g.allocations >= 0 {
			line += fmt.Sprintf(", at most %d allocs/op are wanted", g.allocations)
		}
		if g.bytes >= 0 {
			line += fmt.Sprintf(", at most %d B/op are wanted", g.bytes)
		}
		if g.met(was[g.benchmark]) {
			broken = append(broken, line)
		} else {
			open = append(open, line)
		}
	}
	return broken, open
}

const head = `# What an operation of each benchmark allocates: package, benchmark, allocations, bytes. ~ marks bytes that vary with
# time: they are not compared, and the allocations roughly. ` + "`make bench-baseline`" + ` writes this file.
`

func formatBaseline(all map[string]cost) string {
	var b strings.Builder
	b.WriteString(head)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		c, mark := all[name], ""
		if c.varies {
			mark = "~"
		}
		fmt.Fprintf(&b, "%s %d %s%d\n", name, c.allocations, mark, c.bytes)
	}
	return b.String()
}

func parseBaseline(text string) (map[string]cost, error) {
	all := map[string]cost{}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) != 4 {
			return nil, fmt.Errorf("the baseline has a line of %d words: %q", len(fields), line)
		}
		var c cost
		var err error
		if c.allocations, err = strconv.Atoi(fields[2]); err != nil {
			return nil, fmt.Errorf("the baseline: %w", err)
		}
		bytes, varies := strings.CutPrefix(fields[3], "~")
		if c.bytes, err = strconv.Atoi(bytes); err != nil {
			return nil, fmt.Errorf("the baseline: %w", err)
		}
		c.varies = varies
		all[fields[0]+" "+fields[1]] = c
	}
	return all, nil
}
