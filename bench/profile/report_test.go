package main

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"fwatchdog/bench/systems"
)

func took(functions string, t time.Duration) stack {
	s := called(functions)
	s.time = t
	return s
}

func recorded(stacks []stack) recording {
	return recording{function: "node", load: systems.Load{Connections: 32, Seconds: 3}, stacks: stacks,
		result: systems.Result{Rate: 100, Answers: 300, CPU: 5 * time.Millisecond, First: 4 * time.Millisecond}}
}

func TestPartsAddUpToWhatTheProcessTook(t *testing.T) {
	r := recorded([]stack{
		took(connection+"bytes.Equal", 300*time.Millisecond),
		took(handled+"time.Now", 150*time.Millisecond),
		took("runtime.mcall > runtime.schedule", 450*time.Millisecond),
		took("main.main", 30*time.Millisecond),
	})
	var sum, all float64
	for line := range strings.Lines(r.report()) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 || !strings.Contains(cells[3], "%") {
			continue
		}
		took, err := strconv.ParseFloat(strings.TrimSpace(cells[2]), 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if strings.Contains(cells[1], "all") {
			all = took
		} else {
			sum += took
		}
	}
	if all != 4000 || sum != all {
		t.Errorf("the process took %g, and its parts %g", all, sum)
	}
}

func TestEveryPartHasARow(t *testing.T) {
	listed := map[part]bool{}
	for _, p := range parts {
		listed[p] = true
	}
	for _, f := range folders {
		if !listed[f.part] {
			t.Errorf("%s has no row", f.part)
		}
	}
	for _, p := range []part{clientRead, clientWrite, pipeRead, pipeWrite, waiting, collecting, elsewhere} {
		if !listed[p] {
			t.Errorf("%s has no row", p)
		}
	}
}
