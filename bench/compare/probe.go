package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"maps"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"fwatchdog/bench/systems"
)

// probe is figures that no load on HTTP tells.
type probe struct {
	name, title string
	figures     []probed // in the order of the table
	// measure returns one round of the figures, by key. A figure that could not be had is missing.
	measure func(ctx context.Context, root string) (map[string]float64, error)
}

// probed is one figure of a probe.
type probed struct{ key, name string }

var probes = []probe{
	{"exchange", "One exchange after another through the pool, a worker in Go, 1 KiB, and 1 MiB", []probed{
		{"time", "fwatchdog, µs an exchange"}, {"allocations", "fwatchdog, allocations an exchange"}, {"large", "fwatchdog, MiB allocated for an echo of 1 MiB"},
		{"RoadRunner time", "RoadRunner's Exec, µs"}, {"RoadRunner allocations", "RoadRunner's Exec, allocations"}, {"RoadRunner large", "RoadRunner's Exec, MiB for 1 MiB"}}, exchanges},
	{"alone", "fwatchdog alone", []probed{
		{"resident", "resident when idle, MiB"}, {"binary", "the binary, MB"}, {"start", "start to listening, ms"}}, alone},
}

// run measures the probe in so many rounds.
func (p probe) run(ctx context.Context, root string, rounds int) (measured, error) {
	m := measured{scenario: scenario{name: p.name, title: p.title}, results: map[string][]result{}}
	for round := range rounds {
		got, err := p.measure(ctx, root)
		if err != nil {
			return m, fmt.Errorf("%s: %w", p.name, err)
		}
		for _, key := range slices.Sorted(maps.Keys(got)) {
			m.results[key] = append(m.results[key], result{value: got[key]})
			log.Printf("%s, round %d, %s: %s", p.name, round+1, key, short(got[key]))
		}
	}
	if slices.ContainsFunc(p.figures, func(f probed) bool { return len(m.results[f.key]) == 0 }) {
		m.without = append(m.without, fmt.Sprintf("what `%s` would measure: there is no such program on PATH", peer))
		log.Printf("without %s", peer)
	}
	m.figures = p.figures
	return m, nil
}

// exchanged is what bench/exchange prints, and any program that measures the same of another pool.
type exchanged struct {
	Nanoseconds float64 // of a small exchange
	Allocations float64 // of the host for it
	LargeBytes  float64 // allocated by the host for a large one
}

// peer is the program on PATH that measures RoadRunner's pool in the same way and prints the same line.
const peer = "roadrunner-exchange"

// exchanges measures our pool and then the peer's.
func exchanges(ctx context.Context, root string) (map[string]float64, error) {
	figures := map[string]float64{}
	ours, err := runExchange(ctx, filepath.Join(root, ".cache/bench/exchange"))
	if err != nil {
		return nil, err
	}
	ours.into(figures, "")
	theirs, err := runExchange(ctx, peer)
	switch {
	case errors.Is(err, exec.ErrNotFound):
	case err != nil:
		return nil, err
	default:
		theirs.into(figures, "RoadRunner ")
	}
	return figures, nil
}

func (e exchanged) into(figures map[string]float64, prefix string) {
	figures[prefix+"time"] = e.Nanoseconds / 1e3
	figures[prefix+"allocations"] = math.Round(e.Allocations*100) / 100 // what is made now and then is no allocation of each
	figures[prefix+"large"] = e.LargeBytes / (1 << 20)
}

func runExchange(ctx context.Context, program string) (e exchanged, err error) {
	cmd := exec.CommandContext(ctx, program)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return e, fmt.Errorf("%s: %w", program, err)
	}
	return e, json.Unmarshal(out, &e)
}

// alone measures fwatchdog with one worker and no requests.
func alone(ctx context.Context, root string) (map[string]float64, error) {
	about, err := os.Stat(filepath.Join(root, ".cache/bench/fwatchdog"))
	if err != nil {
		return nil, err
	}
	r, err := systems.Launch(ctx, "go", root)
	if err != nil {
		return nil, err
	}
	defer r.Stop()
	if err := awaitListening(ctx, r); err != nil {
		return nil, err
	}
	listening := time.Since(r.Born)
	if err := r.Await(ctx); err != nil {
		return nil, err
	}
	time.Sleep(idling)
	resident, err := residentKiB(r.Cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	return map[string]float64{
		"binary":   float64(about.Size()) / 1e6,
		"start":    float64(listening) / float64(time.Millisecond),
		"resident": resident / 1024,
	}, nil
}

// idling is for how long it has nothing to do before its memory is looked at.
const idling = 3 * time.Second

// awaitListening returns when connections are accepted.
func awaitListening(ctx context.Context, r *systems.Running) error {
	tick := time.NewTicker(100 * time.Microsecond)
	defer tick.Stop()
	for deadline := time.After(10 * time.Second); ; {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", r.Port))
		if err == nil {
			return conn.Close()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline:
			return fmt.Errorf("%s does not listen: %w", r.Name, err)
		}
	}
}

// residentKiB is the memory of one process.
func residentKiB(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmRSS:" {
			return strconv.ParseFloat(fields[1], 64)
		}
	}
	return 0, fmt.Errorf("process %d has no VmRSS", pid)
}
