package main

import (
	"strings"
	"testing"
)

func TestEveryDifferenceIsSaid(t *testing.T) {
	was := cost{allocations: 2, bytes: 1000}
	for name, c := range map[string]struct {
		want, got map[string]cost
		said      string
	}{
		"the same":                   {map[string]cost{"a": was}, map[string]cost{"a": was}, ""},
		"more":                       {map[string]cost{"a": was}, map[string]cost{"a": {allocations: 3, bytes: 1000}}, "more: was 2 allocs/op and 1000 B/op, is 3"},
		"less":                       {map[string]cost{"a": was}, map[string]cost{"a": {allocations: 1, bytes: 1000}}, "renew"},
		"larger":                     {map[string]cost{"a": was}, map[string]cost{"a": {allocations: 2, bytes: 2000}}, "other sizes"},
		"a little larger":            {map[string]cost{"a": was}, map[string]cost{"a": {allocations: 2, bytes: 1060}}, ""},
		"larger where sizes vary":    {map[string]cost{"a": {2, 1000, true}}, map[string]cost{"a": {allocations: 2, bytes: 2000}}, ""},
		"one more where it varies":   {map[string]cost{"a": {2, 1000, true}}, map[string]cost{"a": {3, 1000, true}}, ""},
		"many more where it varies":  {map[string]cost{"a": {2, 1000, true}}, map[string]cost{"a": {9, 1000, true}}, "more"},
		"a benchmark that is new":    {nil, map[string]cost{"a": was}, "a is new"},
		"a benchmark that went away": {map[string]cost{"a": was}, nil, "a is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(compare(c.want, c.got), "\n")
			if !strings.Contains(got, c.said) || c.said == "" && got != "" {
				t.Errorf("got %q, want %q", got, c.said)
			}
		})
	}
}

func TestBaselineIsReadAsItWasWritten(t *testing.T) {
	all := map[string]cost{"pool BenchmarkDo/slots=1": {1, 20, false}, "worker BenchmarkEcho": {0, 3, true}}
	got, err := parseBaseline(formatBaseline(all))
	if err != nil || len(compare(all, got)) > 0 || !got["worker BenchmarkEcho"].varies {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestAGoalThatWasReachedMustBeKept(t *testing.T) {
	name := "worker BenchmarkEcho/bytes=1024"
	within, over := map[string]cost{name: {allocations: 2}}, map[string]cost{name: {allocations: 3}}
	if broken, open := checkGoals(within, over); len(broken) != 1 || len(open) != 0 {
		t.Errorf("reached before: %q, %q", broken, open)
	}
	if broken, open := checkGoals(over, over); len(broken) != 0 || len(open) != 1 {
		t.Errorf("never reached: %q, %q", broken, open)
	}
}

func TestWhatGoTestPrintsIsRead(t *testing.T) {
	got := group{folder: "worker"}.parse("goos: linux\nBenchmarkEcho/bytes=1024-2   500   24711 ns/op  41.44 MB/s   8 B/op   2 allocs/op\nPASS\n")
	if c := got["worker BenchmarkEcho/bytes=1024"]; c != (cost{allocations: 2, bytes: 8}) || len(got) != 1 {
		t.Errorf("got %v", got)
	}
}
