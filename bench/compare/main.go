// Command bench compares fwatchdog with what does the same work, side by side on one machine, and writes
// docs/benchmarks.md. `make bench` runs it; README.md says what it needs.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

func main() {
	rounds := flag.Int("rounds", 5, "how often each system is loaded")
	seconds := flag.Int("seconds", 4, "for how long each time")
	only := flag.String("only", "", "names of scenarios, with commas; all when empty")
	out := flag.String("out", "../../docs", "the folder of benchmarks.md, from bench/compare, and the plots; empty prints only")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *rounds, *seconds, *only, *out); err != nil {
		log.Print(err)
		os.Exit(1)
	}
}

func run(ctx context.Context, rounds, seconds int, only, out string) error {
	root, err := filepath.Abs("../..")
	if err != nil {
		return err
	}
	all, err := measureAll(ctx, root, rounds, seconds, only)
	if err != nil {
		return err
	}
	text := document(all, root, rounds, seconds)
	if out == "" {
		_, err := fmt.Print(text)
		return err
	}
	for _, m := range all {
		if err := m.draw(out); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(out, "benchmarks.md"), []byte(text), 0o666)
}

// measureAll measures the scenarios and probes that are wanted.
func measureAll(ctx context.Context, root string, rounds, seconds int, only string) (all []measured, err error) {
	wanted := func(name string) bool { return only == "" || slices.Contains(strings.Split(only, ","), name) }
	for _, p := range probes {
		if wanted(p.name) {
			m, err := p.run(ctx, root, rounds)
			if err != nil {
				return nil, err
			}
			all = append(all, m)
		}
	}
	for _, s := range scenarios {
		if wanted(s.name) {
			m, err := s.run(ctx, root, rounds, seconds)
			if err != nil {
				return nil, err
			}
			all = append(all, m)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("there is no scenario %q", only)
	}
	return all, nil
}
