package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os/exec"
	"slices"
	"time"

	"fwatchdog/bench/systems"
)

// scenario is systems under load, one after the other in every round.
type scenario struct {
	name    string // on the command line
	title   string
	load    systems.Load
	entries []entry
	plots   plots
}

const (
	hello = "/"
	sleep = "/sleep"
)

// scenarios are what is compared. What a goal compares stands in one of them, as near to each other as can be: the machine may be
// a third faster a few seconds later.
var scenarios = []scenario{
	{name: "hello", title: "A 5-byte answer, 32 connections", load: systems.Load{Connections: 32, Path: hello}, plots: plots{latency: true},
		entries: each("proxy", "fasthttp", "node", "node:http", "least, node", "jvm", "tomcat", "least, jvm", "go", "http", "plain proxy", "of-watchdog")},
	{name: "hello256", title: "A 5-byte answer, 256 connections", load: systems.Load{Connections: 256, Path: hello},
		entries: each("jvm", "tomcat", "least, jvm", "node", "node:http")},
	{name: "single", title: "A 5-byte answer, 1 connection", load: systems.Load{Connections: 1, Path: hello}, plots: plots{latency: true},
		entries: each("fasthttp", "node", "least, node", "go", "jvm", "node:http", "tomcat")},
	{name: "python", title: "A 5-byte answer, Python, 32 connections", load: systems.Load{Connections: 32, Path: hello},
		entries: each("python", "gunicorn")},
	{name: "classic", title: "A process for each request, and the same functions in the pool", load: systems.Load{Connections: 8, Path: hello},
		entries: slices.Concat(at("node", 32), at("jvm", 32), each("classic", "classic jvm", "classic-watchdog"))},
	{name: "echo", title: "1 MiB up and down, 8 connections", load: systems.Load{Connections: 8, Path: hello, Post: "echo.lua"},
		entries: each("node", "proxy", "node:http")},
	{name: "connections", title: "A 5-byte answer by number of connections", load: systems.Load{Path: hello}, plots: plots{cost: "connections", by: []float64{1, 32, 256, 1000}},
		entries: slices.Concat(at("node", 1, 32, 256, 1000), at("least, node", 32, 1000))},
	{name: "workers", title: "A 5-byte answer by number of workers, 32 connections", load: systems.Load{Connections: 32, Path: hello}, plots: plots{cost: "workers", by: []float64{1, 4, 16, 64}},
		entries: each("go", "go, 4", "go, 16", "go, 64")},
	{name: "concurrency", title: "64 callers of a function that takes 10 ms, one worker", load: systems.Load{Connections: 64, Path: sleep},
		entries: each("sleep", "least, sleep")},
	{name: "reload", title: "All workers replaced half-way, 8 connections", load: systems.Load{Connections: 8, Path: hello}, plots: plots{latency: true},
		entries: slices.Concat(reloaded("node"), reloaded("go"))},
	{name: "reload10ms", title: "All workers replaced half-way, 64 callers of a function that takes 10 ms", load: systems.Load{Connections: 64, Path: sleep}, plots: plots{latency: true},
		entries: reloaded("sleep")},
}

// result is what one round gave: of a load, or of a probe.
type result struct {
	systems.Result
	value float64 // what a probe found; a load leaves it 0
}

// measured is a scenario with the results of each entry, by round.
type measured struct {
	scenario
	results map[string][]result
	figures []probed // of a probe: it has no entries
	without []string // systems that could not be had, and why
	spoiled []string // rounds of peers that were begun anew, and why
}

// run starts all systems, warms each entry up, and loads them in turn. A system that cannot be started is left out, and said so.
func (s scenario) run(ctx context.Context, root string, rounds, seconds int) (measured, error) {
	m := measured{scenario: s, results: map[string][]result{}}
	live := map[string]*systems.Running{}
	defer func() {
		for _, r := range live {
			r.Stop()
		}
	}()
	m.entries = nil
	for _, e := range s.entries {
		if live[e.system] == nil {
			r, err := systems.Start(ctx, e.system, root)
			if err != nil {
				m.leaveOut(e, err)
				continue
			}
			live[e.system] = r
		}
		m.entries = append(m.entries, e)
		warm := e.load(s.load, max(2, seconds))
		warm.Reload = false
		if _, err := m.round(e, func() (systems.Result, error) { return warm.Run(ctx, live[e.system]) }); err != nil {
			return m, err
		}
	}
	for round := range rounds {
		for _, e := range m.entries {
			got, err := m.round(e, func() (systems.Result, error) { return e.load(s.load, seconds).Run(ctx, live[e.system]) })
			if err != nil {
				return m, err
			}
			m.results[e.key()] = append(m.results[e.key()], result{Result: got})
			log.Printf("%s, round %d, %s: %.0f/s, p50 %v, p99 %v, %v of processor", s.name, round+1, e.key(), got.Rate, got.Latency[0], got.Latency[3], got.CPU)
		}
	}
	return m, nil
}

// tries is how often a round of a peer may be begun: Go's reverse proxy breaks off an answer now and then.
const tries = 3

// round loads an entry; where a peer gives a wrong answer, or none, once more.
func (m *measured) round(e entry, load func() (systems.Result, error)) (got systems.Result, err error) {
	for range tries {
		if got, err = load(); err == nil || e.ours() {
			break
		}
		m.spoiled = append(m.spoiled, err.Error()) // which names the system
		log.Printf("%s, once more: %v", e.key(), err)
	}
	return got, err
}

// leaveOut notes a system that could not be started.
func (m *measured) leaveOut(e entry, err error) {
	why := "it did not start"
	if errors.Is(err, exec.ErrNotFound) {
		why = "there is no such program on PATH"
	}
	m.without = append(m.without, fmt.Sprintf("%s: %s", systems.All[e.system].Name, why))
	log.Printf("without %s: %v", e.system, err)
}

// values are one figure of an entry's rounds.
func (m measured) values(key string, of func(result) float64) []float64 {
	var values []float64
	for _, r := range m.results[key] {
		values = append(values, of(r))
	}
	return values
}

// median of values; 0 when there are none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

// Figures of a result.
func rate(r result) float64  { return r.Rate }
func p50(r result) float64   { return float64(r.Latency[0]) }
func p99(r result) float64   { return float64(r.Latency[3]) }
func cpu(r result) float64   { return float64(r.CPU) }
func first(r result) float64 { return float64(r.First) }
func value(r result) float64 { return r.value }

// spread is a figure, or a ratio of two, round by round: its median, least and most.
type spread struct{ median, least, most float64 }

func (s spread) String() string {
	return fmt.Sprintf("%s (%s to %s)", short(s.median), short(s.least), short(s.most))
}

// short is a number with as many digits as say something.
func short(n float64) string {
	switch {
	case n >= 100:
		return fmt.Sprintf("%.0f", n)
	case n >= 10:
		return fmt.Sprintf("%.1f", n)
	}
	return fmt.Sprintf("%.2f", n)
}

// ratio compares one figure of two entries in the same rounds.
// ok is false when there is no round with both.
func ratio(over, under []float64) (s spread, ok bool) {
	var ratios []float64
	for i := range min(len(over), len(under)) {
		if under[i] > 0 {
			ratios = append(ratios, over[i]/under[i])
		}
	}
	return spreadOf(ratios), len(ratios) > 0
}

// spreadOf is the zero spread when there are no values.
func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	return spread{median(values), slices.Min(values), slices.Max(values)}
}

func milliseconds(ns float64) string { return time.Duration(ns).Round(10 * time.Microsecond).String() }
