// Command soak runs fwatchdog under load for a long time, while its workers are recycled, killed and reloaded, and measures
// what it takes itself: memory, descriptors, goroutines. It draws them over time, and fails when one of them grows.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func run() error {
	duration := flag.Duration("for", 10*time.Minute, "how long")
	picture := flag.String("svg", "", "the picture to write")
	root := flag.String("root", "..", "the folder of the module fwatchdog")
	flag.Parse()
	if *picture == "" {
		return errors.New("-svg must name a file")
	}
	dir, err := os.MkdirTemp("", "soak-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary, function := filepath.Join(dir, "fwatchdog"), filepath.Join(dir, "burden")
	for to, from := range map[string]string{binary: "./cmd/fwatchdog", function: "./cmd/fwatchdog/testdata/burden"} {
		build := exec.Command("go", "build", "-o", to, from)
		build.Dir = *root
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", from, err, out)
		}
	}
	w, err := start(binary, function, dir)
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(context.Background(), *duration)
	defer stop()
	found, err := w.soak(ctx)
	if err := errors.Join(err, w.stop()); err != nil {
		return err
	}
	fmt.Println(w.tally())
	if err := drawTo(*picture, found); err != nil {
		return err
	}
	return flat(found)
}

// sample is what the watchdog took at one moment.
type sample struct {
	at                             time.Duration // since the beginning
	mib, descriptors, goroutines   float64
	workers, starts, kills, served float64
}

// flat reports what has grown from the second tenth of the time to the last by more than its measure varies.
func flat(samples []sample) error {
	tenth := len(samples) / 10
	if tenth == 0 {
		return errors.New("the time was too short to tell")
	}
	early, late := samples[tenth:2*tenth], samples[len(samples)-tenth:]
	var errs []error
	for _, m := range measures {
		before, after := mean(early, m.of), mean(late, m.of)
		fmt.Printf("%-12s %7.1f at first, %7.1f at last\n", m.name, before, after)
		if after > before*1.1+m.slack {
			errs = append(errs, fmt.Errorf("%s grew from %.1f to %.1f", m.name, before, after))
		}
	}
	return errors.Join(errs...)
}

func mean(samples []sample, of func(sample) float64) float64 {
	sum := 0.0
	for _, s := range samples {
		sum += of(s)
	}
	return sum / float64(len(samples))
}

// measures are what must not grow. slack is by how much each varies, for what is going on at the moment.
var measures = []struct {
	name, unit string
	slack      float64
	of         func(sample) float64
}{
	{"memory", "MiB", 2, func(s sample) float64 { return s.mib }},
	{"descriptors", "", 5, func(s sample) float64 { return s.descriptors }},
	{"goroutines", "", 5, func(s sample) float64 { return s.goroutines }},
}
