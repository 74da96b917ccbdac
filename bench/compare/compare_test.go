package main

import (
	"errors"
	"slices"
	"testing"
	"time"

	"fwatchdog/bench/systems"
)

// measuredKeys are the keys of everything that is measured, by scenario.
func measuredKeys() map[string][]string {
	keys := map[string][]string{}
	for _, s := range scenarios {
		for _, e := range s.entries {
			keys[s.name] = append(keys[s.name], e.key())
		}
	}
	for _, p := range probes {
		for _, f := range p.figures {
			keys[p.name] = append(keys[p.name], f.key)
		}
	}
	return keys
}

func TestEveryGoalIsAboutWhatIsMeasuredSideBySide(t *testing.T) {
	keys := measuredKeys()
	for _, g := range goals {
		for _, f := range []figure{g.over, g.under} {
			if f.of != nil && !slices.Contains(keys[f.scenario], f.key) {
				t.Errorf("%s: nothing measures %q of %q", g.what, f.key, f.scenario)
			}
		}
		if g.under.of != nil && g.under.scenario != g.over.scenario {
			t.Errorf("%s: its sides are measured at different times", g.what)
		}
	}
}

func TestEveryEntryIsASystem(t *testing.T) {
	for _, s := range scenarios {
		for _, e := range s.entries {
			if _, ok := systems.All[e.system]; !ok {
				t.Errorf("%s: there is no system %q", s.name, e.system)
			}
		}
		own := slices.IndexFunc(s.entries, func(e entry) bool { return !e.ours() })
		if own < 0 {
			own = len(s.entries)
		}
		if s.plots.cost != "" && len(s.plots.by) != own {
			t.Errorf("%s: %d numbers for %d entries", s.name, len(s.plots.by), own)
		}
	}
}

func TestGoalsAreJudgedByTheMedianOfTheRounds(t *testing.T) {
	rounds := func(rates ...float64) (all []result) {
		for _, r := range rates {
			all = append(all, result{Result: systems.Result{Rate: r}})
		}
		return all
	}
	all := map[string]measured{"s": {results: map[string][]result{"a": rounds(10, 20, 60), "b": rounds(10, 10, 10), "none": rounds(0, 0, 0)}}}
	for name, c := range map[string]struct {
		goal    goal
		met, ok bool
	}{
		"at least":      {goal{"", 2, false, figure{"s", "a", rate}, figure{"s", "b", rate}}, true, true},
		"too little":    {goal{"", 3, false, figure{"s", "a", rate}, figure{"s", "b", rate}}, false, true},
		"at most":       {goal{"", 2, true, figure{"s", "a", rate}, figure{"s", "b", rate}}, true, true},
		"too much":      {goal{"", 1.9, true, figure{"s", "a", rate}, figure{"s", "b", rate}}, false, true},
		"a figure":      {goal{"", 20, true, figure{"s", "a", rate}, figure{}}, true, true},
		"not measured":  {goal{"", 1, true, figure{"s", "a", rate}, figure{"s", "c", rate}}, false, false},
		"nothing under": {goal{"", 1, true, figure{"s", "a", rate}, figure{"s", "none", rate}}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			if s, met, ok := c.goal.reached(all); met != c.met || ok != c.ok {
				t.Errorf("got %v, met %v, measured %v", s, met, ok)
			}
		})
	}
}

func TestTheLeastTakesThePlaceOfFwatchdogAlone(t *testing.T) {
	for name, c := range map[string]struct{ over, under, wantOver, wantUnder string }{
		"over a peer":       {"node", "node:http", "least, node", "node:http"},
		"over itself":       {"node @1000", "node @32", "least, node @1000", "least, node @32"},
		"over nothing":      {"sleep", "", "least, sleep", ""},
		"what is no system": {"resident", "", "resident", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := goal{over: figure{key: c.over}, under: figure{key: c.under}}.ofLeast()
			if got.over.key != c.wantOver || got.under.key != c.wantUnder {
				t.Errorf("%q over %q", got.over.key, got.under.key)
			}
		})
	}
}

func TestWhatTheLeastReachesStandsBesideTheGoalsOfSmallRequests(t *testing.T) {
	one := []result{{Result: systems.Result{Rate: 1, CPU: 1, Latency: [4]time.Duration{1, 1, 1, 1}}}}
	all := map[string]measured{}
	for name, keys := range measuredKeys() {
		m := measured{results: map[string][]result{}}
		for _, key := range keys {
			m.results[key] = one
		}
		all[name] = m
	}
	var with []string
	for _, g := range goals {
		if _, ok := g.byLeast(all); ok {
			with = append(with, g.over.scenario+": "+g.over.key)
		}
	}
	want := []string{"hello: node", "hello: node", "hello: node", "hello: node", "hello: jvm", "hello256: jvm", "concurrency: sleep",
		"single: node", "hello: node", "connections: node @1000"}
	if !slices.Equal(with, want) {
		t.Errorf("got %q", with)
	}
}

func TestOnlyPeersMaySpoilARound(t *testing.T) {
	for name, test := range map[string]struct {
		system              string
		failures            int
		wantErr             bool
		wantRuns, wantAgain int
	}{
		"a peer that fails twice":     {"proxy", 2, false, 3, 2},
		"a peer that fails each time": {"proxy", 9, true, 3, 3},
		"fwatchdog fails":             {"node", 1, true, 1, 0},
		"nobody fails":                {"node", 0, false, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var m measured
			runs := 0
			_, err := m.round(entry{system: test.system}, func() (systems.Result, error) {
				if runs++; runs <= test.failures {
					return systems.Result{}, errors.New("not every answer was right")
				}
				return systems.Result{}, nil
			})
			if (err != nil) != test.wantErr || runs != test.wantRuns || len(m.spoiled) != test.wantAgain {
				t.Errorf("after %d runs %v, and begun anew %q", runs, err, m.spoiled)
			}
		})
	}
}
