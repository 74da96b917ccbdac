package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The tests here start the real binary and talk to it as its users do. binary is fwatchdog, and function the conformance
// function of sdk/CONFORMANCE.md in Go; burden is the function of testdata/burden, static as is the binary.
var binary, function, burden string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "fwatchdog-test-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binary, function, burden = filepath.Join(dir, "fwatchdog"), filepath.Join(dir, "function"), filepath.Join(dir, "burden")
		for to, from := range map[string]string{binary: ".", function: "../../sdk/go/conformance", burden: "./testdata/burden"} {
			build := exec.Command("go", "build", "-o", to, from)
			build.Env = append(os.Environ(), "CGO_ENABLED=0")
			if out, err := build.CombinedOutput(); err != nil {
				fmt.Fprintf(os.Stderr, "go build %s: %v\n%s", from, err, out)
				return 1
			}
		}
		return m.Run()
	}())
}

// patience is how long anything that is waited for may take.
const patience = 15 * time.Second

// shortDir returns a folder that is removed with the test; its path is short enough for a socket in it.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fw-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // a process that is being killed may still write there
	return dir
}

// instance is a running fwatchdog.
type instance struct {
	t       *testing.T
	cmd     *exec.Cmd
	url     string
	metrics string
	tmp     string

	mu    sync.Mutex // guards lines
	lines []map[string]any
	raw   bytes.Buffer // what was no JSON
	out   output       // its stdout
	read  chan struct{}
	ended chan struct{}
}

// launch starts fwatchdog with settings ("name=value") and returns once it listens, or has ended.
func launch(t *testing.T, settings ...string) *instance {
	t.Helper()
	tmp := shortDir(t)
	cmd := exec.Command(binary)
	cmd.Env = append(os.Environ(), withDefaults(tmp, settings)...)
	return begin(t, cmd, tmp)
}

// shellScript returns where a function is that is a shell script, and what writes its text.
func shellScript(t *testing.T) (path string, write func(text string)) {
	path = filepath.Join(t.TempDir(), "function.sh")
	return path, func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// withDefaults adds to settings what instances of tests have in common.
func withDefaults(tmp string, settings []string) []string {
	if !slices.ContainsFunc(settings, func(s string) bool { return strings.HasPrefix(s, "fprocess=") }) {
		settings = append(settings, "fprocess="+function)
	}
	return append([]string{"port=0", "metrics_port=0", "healthcheck_interval=0s", "TMPDIR=" + tmp}, settings...)
}

// begin starts a command that becomes fwatchdog, and returns once that listens, or has ended.
func begin(t *testing.T, cmd *exec.Cmd, tmp string) *instance {
	t.Helper()
	i := &instance{t: t, cmd: cmd, tmp: tmp, read: make(chan struct{}), ended: make(chan struct{})}
	i.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	i.cmd.Stdout = &i.out
	stderr, err := i.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := i.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	listening := make(chan struct{})
	go i.readLog(stderr, sync.OnceFunc(func() { close(listening) }))
	go func() {
		<-i.read
		_ = i.cmd.Wait() // the exit code is in ProcessState
		close(i.ended)
	}()
	t.Cleanup(i.end)
	select {
	case <-listening:
	case <-i.ended:
	case <-time.After(patience):
		t.Fatalf("not listening after %v:\n%s", patience, i.log())
	}
	return i
}

func (i *instance) readLog(stderr io.Reader, listening func()) {
	defer close(i.read)
	scanner := bufio.NewScanner(stderr)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		line := map[string]any{}
		i.mu.Lock()
		if json.Unmarshal(scanner.Bytes(), &line) != nil {
			i.raw.Write(append(scanner.Bytes(), '\n'))
		}
		i.lines = append(i.lines, line)
		i.mu.Unlock()
		if line["message"] == "listening" {
			i.url = fmt.Sprintf("http://127.0.0.1:%v", line["port"])
			i.metrics = fmt.Sprintf("http://127.0.0.1:%v/metrics", line["metrics_port"])
			listening()
		}
		if _, port, found := strings.Cut(scanner.Text(), " Listening on port: "); found { // log_format=openfaas
			i.url = "http://127.0.0.1:" + port
			i.metrics = "http://127.0.0.1:" + i.setting("metrics_port") + "/metrics"
			listening()
		}
	}
}

// output is what a process writes, to be read while it writes.
type output struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

// Write is part of io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// end kills what is still there.
func (i *instance) end() {
	_ = syscall.Kill(-i.cmd.Process.Pid, syscall.SIGKILL) // it may have ended
	<-i.ended
	if i.t.Failed() {
		i.t.Logf("log:\n%s", i.log())
	}
}

func (i *instance) log() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	var text strings.Builder
	for _, line := range i.lines {
		row, _ := json.Marshal(line)
		fmt.Fprintf(&text, "%s\n", row)
	}
	return text.String() + i.raw.String()
}

// find returns the first log line with this message for which match holds.
func (i *instance) find(message string, match func(line map[string]any) bool) map[string]any {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, line := range i.lines {
		if line["message"] == message && (match == nil || match(line)) {
			return line
		}
	}
	return nil
}

// await waits for such a log line.
func (i *instance) await(message string, match func(line map[string]any) bool) map[string]any {
	i.t.Helper()
	var found map[string]any
	i.eventually("log line "+message, func() bool {
		found = i.find(message, match)
		return found != nil
	})
	return found
}

func (i *instance) eventually(what string, holds func() bool) {
	i.t.Helper()
	eventually(i.t, what, holds)
}

// eventually fails the test when the condition does not come true in time.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	eventuallyWithin(t, patience, what, holds)
}

// eventuallyWithin fails the test when the condition does not come true in so much time.
func eventuallyWithin(t *testing.T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(limit)
	for tick := time.NewTicker(limit / 3000); ; {
		select {
		case <-deadline:
			t.Fatalf("did not happen within %v: %s", limit, what)
		case <-tick.C:
			if holds() {
				tick.Stop()
				return
			}
		}
	}
}

// exitCode waits for the end and returns the exit code.
func (i *instance) exitCode() int {
	i.t.Helper()
	select {
	case <-i.ended:
		return i.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		i.t.Fatalf("still running after %v:\n%s", patience, i.log())
		return -1
	}
}

func (i *instance) signal(sig syscall.Signal) {
	i.t.Helper()
	if err := i.cmd.Process.Signal(sig); err != nil {
		i.t.Fatal(err)
	}
}

// response is an answer that was read whole.
type response struct {
	*http.Response
	body string
	err  error // of reading the body
}

// get sends a GET.
func (i *instance) get(target string, headers ...string) response {
	i.t.Helper()
	return i.send("GET", target, nil, headers...)
}

// send sends a request; headers are "Name: value".
func (i *instance) send(method, target string, body io.Reader, headers ...string) response {
	i.t.Helper()
	r, err := i.try(context.Background(), method, target, body, headers...)
	if err != nil {
		i.t.Fatal(err)
	}
	return r
}

// try sends a request that may fail.
func (i *instance) try(ctx context.Context, method, target string, body io.Reader, headers ...string) (response, error) {
	req, err := http.NewRequestWithContext(ctx, method, i.url+target, body)
	if err != nil {
		return response{}, err
	}
	for _, h := range headers {
		key, value, _ := strings.Cut(h, ": ")
		req.Header.Add(key, value)
	}
	resp, err := client.Do(req)
	if err != nil {
		return response{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return response{Response: resp, body: string(text), err: err}, nil
}

// ask sends a GET and returns what waits for its answer, which has only err when there is none.
func (i *instance) ask(target string, headers ...string) (answer func() response) {
	done := make(chan response, 1)
	go func() {
		r, err := i.try(i.t.Context(), "GET", target, nil, headers...)
		if err != nil {
			r = response{Response: &http.Response{}, err: err}
		}
		done <- r
	}()
	return func() response {
		i.t.Helper()
		select {
		case r := <-done:
			return r
		case <-time.After(patience):
			i.t.Fatal("there is no answer")
			return response{}
		}
	}
}

var client = &http.Client{
	Timeout:   2 * time.Minute,
	Transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true},
}

// is fails the test unless the answer is this one.
func (r response) is(t *testing.T, status int, body string) {
	t.Helper()
	if r.StatusCode != status || r.body != body || r.err != nil {
		t.Errorf("got %d %.200q (%v), want %d %.200q", r.StatusCode, r.body, r.err, status, body)
	}
}

// pid returns the process of the worker that is ready in the slot.
func (i *instance) pid(serial int) int {
	i.t.Helper()
	line := i.await("worker started", func(l map[string]any) bool { return l["serial"] == float64(serial) })
	return int(line["pid"].(float64))
}

// metric returns the value of a series, as it stands in the text format.
func (i *instance) metric(series string) float64 {
	i.t.Helper()
	resp, err := http.Get(i.metrics)
	if err != nil {
		i.t.Fatal(err)
	}
	defer resp.Body.Close()
	scanner := bufio.NewScanner(resp.Body)
	for scanner.Scan() {
		if text, ok := strings.CutPrefix(scanner.Text(), series+" "); ok {
			value, err := strconv.ParseFloat(text, 64)
			if err != nil {
				i.t.Fatal(err)
			}
			return value
		}
	}
	i.t.Fatalf("no series %s", series)
	return 0
}

// runs runs a command to its end.
func runs(t *testing.T, stdin string, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	cmd.Env = append(os.Environ(), env...)
	_ = cmd.Run() // the exit code tells
	if ctx.Err() != nil {
		t.Fatalf("still running after %v: %v", patience, args)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}
