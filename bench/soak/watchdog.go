package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	clients     = 8
	pause       = 20 * time.Millisecond // of a client between two requests
	killEvery   = 2 * time.Second
	reloadEvery = 45 * time.Second
)

// watchdog is a running fwatchdog.
type watchdog struct {
	cmd     *exec.Cmd
	ended   chan error
	url     string
	metrics string

	good, lost, kills, reloads atomic.Int64

	mu   sync.Mutex // guards pids
	pids []int      // of workers that were started, the latest last
}

// start starts it with workers that leak a little, age and serve a limited number of requests.
func start(binary, function, dir string) (*watchdog, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	w := &watchdog{cmd: exec.Command(binary), metrics: fmt.Sprintf("http://127.0.0.1:%d/metrics", port), ended: make(chan error, 1)}
	w.cmd.Env = append(os.Environ(), "TMPDIR="+dir, "port=0", fmt.Sprintf("metrics_port=%d", port), "fprocess="+function,
		"pool_size=4", "worker_max_requests=1000", "worker_max_age=20s", "worker_min_age=1s", "worker_memory_soft=32MiB",
		"healthcheck_interval=0s", "BOOT_MS=100")
	log, err := w.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := w.cmd.Start(); err != nil {
		return nil, err
	}
	listening := make(chan string, 1)
	go func() {
		w.readLog(log, listening)
		w.ended <- w.cmd.Wait()
	}()
	select {
	case w.url = <-listening:
		return w, nil
	case err := <-w.ended:
		return nil, fmt.Errorf("it does not start: %w", err)
	}
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

func (w *watchdog) readLog(log io.Reader, listening chan<- string) {
	for lines := bufio.NewScanner(log); lines.Scan(); {
		var line struct {
			Message   string
			Port, Pid int
		}
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			fmt.Fprintln(os.Stderr, lines.Text())
		}
		switch line.Message {
		case "listening":
			listening <- fmt.Sprintf("http://127.0.0.1:%d", line.Port)
		case "worker started":
			w.mu.Lock()
			w.pids = append(w.pids, line.Pid)
			w.mu.Unlock()
		}
	}
}

// soak loads it until ctx ends, and samples it once a second.
func (w *watchdog) soak(ctx context.Context) ([]sample, error) {
	var group sync.WaitGroup
	for range clients {
		group.Go(func() { w.client(ctx) })
	}
	group.Go(func() { every(ctx, killEvery, w.kill) })
	group.Go(func() { every(ctx, reloadEvery, w.reload) })
	defer group.Wait()
	var samples []sample
	var err error
	begin := time.Now()
	every(ctx, time.Second, func() {
		if s, failed := w.sample(); failed != nil {
			err = failed
		} else {
			s.at = time.Since(begin)
			samples = append(samples, s)
		}
	})
	return samples, err
}

func every(ctx context.Context, interval time.Duration, do func()) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			do()
		case <-ctx.Done():
			return
		}
	}
}

// client sends small requests, some of which leak.
func (w *watchdog) client(ctx context.Context) {
	every(ctx, pause, func() {
		target := "/work?ms=5"
		if rand.N(4) == 0 {
			target = "/leak?kib=8&ms=5"
		}
		resp, err := http.Post(w.url+target, "text/plain", strings.NewReader("hello"))
		if err != nil {
			w.lost.Add(1)
			return
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
			w.lost.Add(1)
			return
		}
		w.good.Add(1)
	})
}

// kill kills one of the youngest workers.
func (w *watchdog) kill() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.pids) == 0 {
		return
	}
	if syscall.Kill(w.pids[len(w.pids)-1], syscall.SIGKILL) == nil { // else it has gone already
		w.kills.Add(1)
	}
}

func (w *watchdog) reload() {
	if w.cmd.Process.Signal(syscall.SIGHUP) == nil { // else it has ended, which Wait tells
		w.reloads.Add(1)
	}
}

// sample measures it.
func (w *watchdog) sample() (sample, error) {
	series, err := scrape(w.metrics)
	if err != nil {
		return sample{}, err
	}
	descriptors, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", w.cmd.Process.Pid))
	return sample{
		mib:         series["process_resident_memory_bytes"] / (1 << 20),
		descriptors: float64(len(descriptors)),
		goroutines:  series["go_goroutines"],
		workers:     series[`fwatchdog_workers{state="ready"}`],
		starts:      series["fwatchdog_worker_starts_total"],
		kills:       float64(w.kills.Load()),
		served:      float64(w.good.Load()),
	}, err
}

func scrape(url string) (map[string]float64, error) {
	resp, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	series := map[string]float64{}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			series[name] = n
		}
	}
	return series, lines.Err()
}

// tally says what has happened.
func (w *watchdog) tally() string {
	return fmt.Sprintf("%d requests answered, %d lost with one of %d workers that were killed, %d reloads",
		w.good.Load(), w.lost.Load(), w.kills.Load(), w.reloads.Load())
}

// stop ends it, and reports an end that is not a good one.
func (w *watchdog) stop() error {
	select {
	case err := <-w.ended:
		return fmt.Errorf("it ended by itself: %v", err)
	default:
	}
	if err := w.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return <-w.ended
}
