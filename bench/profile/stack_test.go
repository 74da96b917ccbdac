package main

import (
	"slices"
	"testing"
	"time"

	"github.com/google/pprof/profile"
)

func line(name string) profile.Line { return profile.Line{Function: &profile.Function{Name: name}} }

func TestStacksBeginOutsideAndHaveFunctionsCompiledIntoOthers(t *testing.T) {
	p := &profile.Profile{
		SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}},
		Sample: []*profile.Sample{{Value: []int64{2, 20e6}, Location: []*profile.Location{
			{Line: []profile.Line{line("innermost"), line("its caller")}}, {Line: []profile.Line{line("outermost")}}}}},
	}
	stacks, err := stacksOf(p)
	if err != nil || len(stacks) != 1 {
		t.Fatalf("got %v, %v", stacks, err)
	}
	if want := []string{"outermost", "its caller", "innermost"}; !slices.Equal(stacks[0].functions, want) {
		t.Errorf("got %v, want %v", stacks[0].functions, want)
	}
	if stacks[0].time != 20*time.Millisecond {
		t.Errorf("got %v", stacks[0].time)
	}
}

func TestOtherProfilesAreRefused(t *testing.T) {
	p := &profile.Profile{SampleType: []*profile.ValueType{{Type: "inuse_space", Unit: "bytes"}}}
	if _, err := stacksOf(p); err == nil {
		t.Error("a profile of memory is read as one of time")
	}
}

func TestNamesAreCutBehindThePackage(t *testing.T) {
	for function, want := range map[string][2]string{
		"indexbytebody": {"", "indexbytebody"},
		"main.main":     {"main", "main"},
		"github.com/valyala/fasthttp.(*Server).serveConn":    {"github.com/valyala/fasthttp", "(*Server).serveConn"},
		"fwatchdog/protocol.appendString[go.shape.[]uint8]":  {"fwatchdog/protocol", "appendString[go.shape.[]uint8]"},
		"fwatchdog/pool.each[fwatchdog/worker.Framed].func1": {"fwatchdog/pool", "each[fwatchdog/worker.Framed].func1"},
	} {
		if pkg, name := cut(function); pkg != want[0] || name != want[1] {
			t.Errorf("%s: got %q and %q", function, pkg, name)
		}
	}
}
