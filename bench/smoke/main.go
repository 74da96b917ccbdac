// Command smoke compares what the Go benchmarks of the hot paths allocate with a committed baseline. Allocations are exact
// where times are not, so it can tell on any machine, in seconds, that a change costs garbage. `make bench-smoke` runs it;
// with -write it renews the baseline.
package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
)

// attempts is how often something else than the baseline must be seen in a row before it counts. What a change has cost is
// there every time; a pool that the garbage collector emptied is not.
const attempts = 3

func main() {
	root := flag.String("root", "..", "the folder of the module fwatchdog")
	file := flag.String("baseline", "smoke/baseline.txt", "the file with what is expected")
	write := flag.Bool("write", false, "write that file anew")
	flag.Parse()
	run := check
	if *write {
		run = renew
	}
	if err := run(*root, *file); err != nil {
		fmt.Fprintln(os.Stderr, "bench-smoke:", err)
		os.Exit(1)
	}
}

// check measures, and reports every difference from the baseline.
func check(root, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	want, err := parseBaseline(string(text))
	if err != nil {
		return err
	}
	if err := allKnown(root); err != nil {
		return err
	}
	all := map[string]cost{}
	var wrong []string
	for _, g := range groups {
		got, found, err := g.compare(root, g.of(want))
		if err != nil {
			return err
		}
		maps.Copy(all, got)
		wrong = append(wrong, found...)
	}
	broken, open := checkGoals(want, all)
	for _, line := range open {
		fmt.Println("a goal that is not reached yet:", line)
	}
	wrong = append(wrong, broken...)
	if len(wrong) > 0 {
		return differences(wrong)
	}
	fmt.Printf("%d benchmarks allocate what the baseline says\n", len(all))
	return nil
}

// compare runs the group until it allocates what is wanted, or never did.
func (g group) compare(root string, want map[string]cost) (got map[string]cost, wrong []string, err error) {
	for range attempts {
		if got, err = g.run(root); err != nil {
			return nil, nil, err
		}
		if wrong = compare(want, got); len(wrong) == 0 {
			break
		}
	}
	return got, wrong, nil
}

// renew measures several times and writes the baseline. Bytes that vary are marked; allocations that do are an error, but in
// a group that says so.
func renew(root, file string) error {
	if err := allKnown(root); err != nil {
		return err
	}
	all := map[string]cost{}
	for _, g := range groups {
		got, err := g.run(root)
		if err != nil {
			return err
		}
		for range attempts - 1 {
			again, err := g.run(root)
			if err != nil {
				return err
			}
			if err := settle(got, again); err != nil {
				return err
			}
		}
		maps.Copy(all, got)
	}
	return os.WriteFile(file, []byte(formatBaseline(all)), 0o666)
}

// settle notes in got which bytes vary.
func settle(got, again map[string]cost) error {
	for name, c := range got {
		other := again[name]
		if !c.varies && other.allocations != c.allocations {
			return fmt.Errorf("%s: %d allocations once and %d the next time; more iterations of its group may help", name, c.allocations, other.allocations)
		}
		if !near(c.bytes, other.bytes) {
			c.varies = true
		}
		c.bytes = max(c.bytes, other.bytes)
		got[name] = c
	}
	return nil
}
