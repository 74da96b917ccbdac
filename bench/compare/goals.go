package main

// goal is a ratio that is wanted, or a figure.
type goal struct {
	what        string
	want        float64
	most        bool // want is the most that may be; else the least
	over, under figure
}

// figure is one number of one entry in one scenario. The zero figure is 1.
type figure struct {
	scenario, key string
	of            func(result) float64
}

var goals = []goal{
	{"Node function ÷ fasthttp alone, throughput, 32 connections", 0.70, false, figure{"hello", "node", rate}, figure{"hello", "fasthttp", rate}},
	{"Node function ÷ node:http alone, throughput, 32 connections", 1.3, false, figure{"hello", "node", rate}, figure{"hello", "node:http", rate}},
	{"Node function ÷ reverse proxy before node:http, throughput", 5, false, figure{"hello", "node", rate}, figure{"hello", "proxy", rate}},
	{"Node function ÷ reverse proxy as it comes, before node:http, throughput", 5, false, figure{"hello", "node", rate}, figure{"hello", "plain proxy", rate}},
	{"JVM function ÷ embedded Tomcat, throughput, 32 connections", 1.3, false, figure{"hello", "jvm", rate}, figure{"hello", "tomcat", rate}},
	{"JVM function ÷ embedded Tomcat, throughput, 256 connections", 1.3, false, figure{"hello256", "jvm", rate}, figure{"hello256", "tomcat", rate}},
	{"Python function, 2 workers ÷ gunicorn, 2 sync workers, throughput", 3, false, figure{"python", "python", rate}, figure{"python", "gunicorn", rate}},
	{"Node function ÷ mode classic with Node, throughput", 1000, false, figure{"classic", "node @32", rate}, figure{"classic", "classic", rate}},
	{"JVM function ÷ mode classic with Java, throughput", 1000, false, figure{"classic", "jvm @32", rate}, figure{"classic", "classic jvm", rate}},
	{"Pool exchange ÷ RoadRunner's Exec, serial, Go worker, 1 KiB, time", 0.5, true, figure{"exchange", "time", value}, figure{"exchange", "RoadRunner time", value}},
	{"Pool exchange, allocations of the host", 2, true, figure{"exchange", "allocations", value}, figure{}},
	{"1 MiB echo through the pool, MiB allocated by the host", 0.1, true, figure{"exchange", "large", value}, figure{}},
	{"64 callers of 10 ms on one worker, of 6400/s", 0.95, false, figure{"concurrency", "sleep", func(r result) float64 { return r.Rate / 6400 }}, figure{}},
	{"Node function ÷ fasthttp alone, p50, 1 connection", 2.0, true, figure{"single", "node", p50}, figure{"single", "fasthttp", p50}},
	{"Node function ÷ node:http alone, processor time a request, 32 connections", 1.0, true, figure{"hello", "node", cpu}, figure{"hello", "node:http", cpu}},
	{"Node function ÷ reverse proxy before node:http, 1 MiB echo, throughput", 1.5, false, figure{"echo", "node", rate}, figure{"echo", "proxy", rate}},
	{"1000 connections ÷ 32, processor time a request, Node", 1.3, true, figure{"connections", "node @1000", cpu}, figure{"connections", "node @32", cpu}},
	{"64 workers ÷ 1, processor time a request, Go", 1.3, true, figure{"workers", "go, 64", cpu}, figure{"workers", "go", cpu}},
	{"During a reload ÷ before, p99, Node, 8 connections", 1.3, true, figure{"reload", "node, reload", p99}, figure{"reload", "node", p99}},
	{"During a reload ÷ before, p99, 64 callers of 10 ms", 1.3, true, figure{"reload10ms", "sleep, reload", p99}, figure{"reload10ms", "sleep", p99}},
	{"Mode http ÷ reverse proxy as it comes, before node:http, throughput", 2, false, figure{"hello", "http", rate}, figure{"hello", "plain proxy", rate}},
	{"fwatchdog alone, resident when idle, MiB", 16, true, figure{"alone", "resident", value}, figure{}},
	{"fwatchdog alone, the binary, MB", 16, true, figure{"alone", "binary", value}, figure{}},
	{"fwatchdog alone, start to listening, ms", 15, true, figure{"alone", "start", value}, figure{}},
}

// reached says how a goal came out; ok is false when it was not measured.
func (g goal) reached(all map[string]measured) (s spread, met, ok bool) {
	over := all[g.over.scenario].values(g.over.key, g.over.of)
	under := all[g.under.scenario].values(g.under.key, g.under.of)
	if g.under.of == nil {
		under = make([]float64, len(over))
		for i := range under {
			under[i] = 1
		}
	}
	if s, ok = ratio(over, under); !ok {
		return s, false, false
	}
	if g.most {
		return s, s.median <= g.want, true
	}
	return s, s.median >= g.want, true
}

// byLeast says what the least that can do the work reaches of the goal; ok is false where that is not measured.
func (g goal) byLeast(all map[string]measured) (s spread, ok bool) {
	least := g.ofLeast()
	if least.over.key == g.over.key {
		return s, false
	}
	s, _, ok = least.reached(all)
	return s, ok
}

// ofLeast is the goal with the least program in the place of fwatchdog.
func (g goal) ofLeast() goal {
	for _, f := range []*figure{&g.over, &g.under} {
		if isOurs(systemOf(f.key)) {
			f.key = "least, " + f.key
		}
	}
	return g
}
