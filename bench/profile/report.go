package main

import (
	"fmt"
	"strings"
	"time"
)

// period is how far apart samples are: Go's profiles have a hundred in a second of processor time.
const period = time.Second / 100

// report is the time of a request by part, as Markdown.
func (r recording) report() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, for %d s: %.0f requests/s, p50 %s, p99 %s.\n\n", r.what(), r.load.Seconds, r.result.Rate,
		milliseconds(r.result.Latency[0]), milliseconds(r.result.Latency[3]))
	b.WriteString("| part of fwatchdog | µs a request | share |\n|---|---:|---:|\n")
	sums, found := byPart(r.stacks), total(r.stacks)
	for _, p := range parts {
		r.writeRow(&b, string(p), r.each(sums[p]))
	}
	r.writeRow(&b, "not attributed: /proc has it, the profile does not", float64(r.result.First)-r.each(found))
	r.writeRow(&b, "**fwatchdog, all, by /proc**", float64(r.result.First))
	fmt.Fprintf(&b, "| the worker, by /proc | %.2f | |\n", float64(r.result.CPU-r.result.First)/1e3)
	fmt.Fprintf(&b, "\n%d samples of %d ms: of a part that was found n times, the error is about √n of them.\n", found/period, period.Milliseconds())
	return b.String()
}

// what says what was loaded and how.
func (r recording) what() string {
	asked := "a 5-byte answer"
	if r.load.Post != "" {
		asked = "1 MiB up and down"
	}
	return fmt.Sprintf("%s function, %s, %d connections", functionNames[r.function], asked, r.load.Connections)
}

// functionNames are the systems that can be profiled, as documents name their functions.
var functionNames = map[string]string{"node": "Node", "go": "Go", "jvm": "JVM"}

func (r recording) writeRow(b *strings.Builder, name string, ns float64) {
	fmt.Fprintf(b, "| %s | %.2f | %.1f %% |\n", name, ns/1e3, 100*ns/max(1, float64(r.result.First)))
}

// each is what a request has of a time, in nanoseconds.
func (r recording) each(t time.Duration) float64 { return float64(t) / max(1, r.result.Answers) }

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}
