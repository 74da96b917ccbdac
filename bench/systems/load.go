package systems

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Result is what one round of load on one system gave.
type Result struct {
	Rate    float64 // answers a second
	Answers float64
	Latency [4]time.Duration // at each of Percentiles
	CPU     time.Duration    // of all processes of the system, for one answer
	First   time.Duration    // what of it is the system's first process: fwatchdog itself, without its workers
}

// Percentiles are those that wrk prints.
var Percentiles = [...]float64{50, 75, 90, 99}

// Load is what is sent to a system.
type Load struct {
	Connections int
	Path        string
	Post        string // a Lua script for wrk that sends a body; "" is GET
	Seconds     int
	Reload      bool // the system is told to replace its workers, half-way
}

// Run loads a system for some seconds. Every answer must be 200; one is looked at before and one after.
func (l Load) Run(ctx context.Context, r *Running) (Result, error) {
	if err := l.check(r); err != nil {
		return Result{}, fmt.Errorf("%s before the load: %w", r.Name, err)
	}
	before, err := r.processorTime()
	if err != nil {
		return Result{}, err
	}
	out, err := l.wrk(ctx, r)
	if err != nil {
		return Result{}, err
	}
	after, err := r.processorTime()
	if err != nil {
		return Result{}, err
	}
	if err := l.check(r); err != nil {
		return Result{}, fmt.Errorf("%s after the load: %w", r.Name, err)
	}
	got, err := parse(out, after.minus(before))
	if err != nil {
		return got, fmt.Errorf("%s: %w", r.Name, err)
	}
	return got, nil
}

// check asks in the way of the load, and reports an answer that is not the one that all must give. A system may have a moment
// to get over the last load, whose connections were cut: a reverse proxy then breaks off an answer now and then.
func (l Load) check(r *Running) (err error) {
	for pause := time.Duration(0); pause <= 400*time.Millisecond; pause += 200 * time.Millisecond {
		time.Sleep(pause)
		if l.Post == "" {
			err = r.check(l.Path)
		} else {
			err = r.checkEcho(l.Path)
		}
		if err == nil {
			return nil
		}
	}
	return err
}

// wrk returns what it prints.
func (l Load) wrk(ctx context.Context, r *Running) (string, error) {
	threads := min(2, l.Connections)
	args := []string{"-t", strconv.Itoa(threads), "-c", strconv.Itoa(l.Connections), "-d", fmt.Sprintf("%ds", l.Seconds), "--latency", "--timeout", "30s"}
	if l.Post != "" {
		args = append(args, "-s", l.Post)
	}
	var reloaded chan error
	if l.Reload {
		reloaded = make(chan error, 1)
		time.AfterFunc(time.Duration(l.Seconds)*time.Second/2, func() { reloaded <- r.Cmd.Process.Signal(syscall.SIGHUP) })
	}
	started := r.workersStarted()
	out, err := exec.CommandContext(ctx, "wrk", append(args, r.url(l.Path))...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("wrk on %s: %w\n%s", r.Name, err, out)
	}
	if !l.Reload {
		return string(out), nil
	}
	if err := <-reloaded; err != nil {
		return "", fmt.Errorf("reload %s: %w", r.Name, err)
	}
	if r.workersStarted() == started {
		return "", fmt.Errorf("%s was told to reload and started no worker", r.Name)
	}
	return string(out), nil
}

var (
	ratePattern  = regexp.MustCompile(`Requests/sec:\s+([\d.]+)`)
	countPattern = regexp.MustCompile(`(\d+) requests in`)
	errorPattern = regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)`)
)

// parse reads what wrk prints.
func parse(text string, spent processorTime) (Result, error) {
	if found := errorPattern.FindString(text); found != "" {
		return Result{}, fmt.Errorf("not every answer was right: %s", strings.TrimSpace(found))
	}
	rate, count := ratePattern.FindStringSubmatch(text), countPattern.FindStringSubmatch(text)
	if rate == nil || count == nil {
		return Result{}, fmt.Errorf("wrk printed something else:\n%s", text)
	}
	var got Result
	for i, p := range Percentiles {
		var err error
		if got.Latency[i], err = percentile(text, fmt.Sprintf("%g%%", p)); err != nil {
			return Result{}, fmt.Errorf("%w:\n%s", err, text)
		}
	}
	got.Answers, _ = strconv.ParseFloat(count[1], 64) // digits
	got.Rate, _ = strconv.ParseFloat(rate[1], 64)
	got.CPU = time.Duration(float64(spent.all) / max(1, got.Answers))
	got.First = time.Duration(float64(spent.first) / max(1, got.Answers))
	return got, nil
}

func percentile(text, name string) (time.Duration, error) {
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] == name {
			return time.ParseDuration(fields[1])
		}
	}
	return 0, fmt.Errorf("wrk printed no percentile %s", name)
}
