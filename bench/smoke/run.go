package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// group is benchmarks of one package that run equally often. A number of iterations is fixed, for allocations an operation
// are rounded down: what a benchmark allocates once must be less than one for each.
type group struct {
	folder     string
	benchmarks string // which of the package, a regular expression
	iterations int
	timing     bool // decides, too: into how many pieces a body falls, say
}

var groups = []group{
	{"protocol", ".", 2000, false},
	{"pool", ".", 20000, false},
	{"worker", "BenchmarkExchange", 10000, false},
	{"worker", "BenchmarkEcho/bytes=1024", 10000, false},
	{"worker", "BenchmarkEcho/bytes=1048576", 200, true},
	{"worker/forward", ".", 3000, false},
	{"server", ".", 10000, false},
	{"metrics", ".", 5000, false},
	{"sdk/go", "BenchmarkRequest", 10000, false},
}

// elsewhere are packages whose benchmarks are about time alone.
var elsewhere = []string{"internal/process"}

// processors are as many on every machine: with more, more pools fill and more requests wait.
const processors = 2

// run runs the group once.
func (g group) run(root string) (map[string]cost, error) {
	cmd := exec.Command("go", "test", "-run=^$", "-bench="+g.pattern(), "-benchmem", fmt.Sprintf("-benchtime=%dx", g.iterations),
		fmt.Sprintf("-cpu=%d", processors), "-timeout=2m", "./"+g.folder)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	got := g.parse(string(out))
	if len(got) == 0 {
		return nil, fmt.Errorf("%s ran no benchmark", strings.Join(cmd.Args, " "))
	}
	return got, nil
}

// pattern names the group's benchmarks and no others that begin in the same way.
func (g group) pattern() string {
	if g.benchmarks == "." {
		return g.benchmarks
	}
	return "^" + strings.ReplaceAll(g.benchmarks, "/", "$/^") + "$"
}

// of returns what of all belongs to the group.
func (g group) of(all map[string]cost) map[string]cost {
	mine := map[string]cost{}
	for name, c := range all {
		folder, benchmark, _ := strings.Cut(name, " ")
		if folder == g.folder && (g.benchmarks == "." || benchmark == g.benchmarks || strings.HasPrefix(benchmark, g.benchmarks+"/")) {
			mine[name] = c
		}
	}
	return mine
}

var suffix = regexp.MustCompile(`-\d+$`) // of a benchmark's name: the processors

// parse reads what go test prints.
func (g group) parse(text string) map[string]cost {
	got := map[string]cost{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		c := cost{
			bytes:       figure(fields, "B/op"),
			allocations: figure(fields, "allocs/op"),
			varies:      g.timing,
		}
		got[g.folder+" "+suffix.ReplaceAllString(fields[0], "")] = c
	}
	return got
}

// figure is the number before its unit, 0 when there is none.
func figure(fields []string, unit string) int {
	at := slices.Index(fields, unit)
	if at < 1 {
		return 0
	}
	n, err := strconv.Atoi(fields[at-1])
	if err != nil {
		return 0 // go test prints whole numbers
	}
	return n
}

var benchmark = regexp.MustCompile(`(?m)^func Benchmark`)

// allKnown reports packages with benchmarks that are neither in a group nor left out on purpose.
func allKnown(root string) error {
	files, err := exec.Command("git", "-C", root, "ls-files", "-co", "--exclude-standard", "*_test.go").Output()
	if err != nil {
		return fmt.Errorf("list the tests: %w", err)
	}
	for file := range strings.Lines(string(files)) {
		file = strings.TrimSpace(file)
		folder := filepath.ToSlash(filepath.Dir(file))
		if slices.Contains(elsewhere, folder) || slices.ContainsFunc(groups, func(g group) bool { return g.folder == folder }) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			continue // it was removed and is listed still
		}
		if benchmark.Match(text) {
			return fmt.Errorf("%s has benchmarks: list its package in bench/smoke/run.go", file)
		}
	}
	return nil
}
