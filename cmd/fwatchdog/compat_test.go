package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The tests in the files compat_*.go hold the modes classic, serializing, streaming and static to what the OpenFaaS
// watchdogs do, and to what this one does better.

// forkModes are those with a process for each request.
var forkModes = []string{"classic", "serializing", "streaming"}

// watchdog starts fwatchdog in a mode of the OpenFaaS watchdogs, with a shell script as the function.
func watchdog(t *testing.T, mode, script string, settings ...string) *instance {
	t.Helper()
	t.Parallel()
	path, write := shellScript(t)
	write(script)
	return launch(t, append([]string{"mode=" + mode, "fprocess=" + path, "log_format=json"}, settings...)...)
}

// eachFork runs a test in every mode with a process for each request.
func eachFork(t *testing.T, test func(t *testing.T, mode string)) {
	t.Parallel()
	for _, mode := range forkModes {
		t.Run(mode, func(t *testing.T) { test(t, mode) })
	}
}

// header fails the test unless the answer has this header; "" is none.
func (r response) header(t *testing.T, name, want string) {
	t.Helper()
	if got := strings.Join(r.Header.Values(name), ","); got != want {
		t.Errorf("%s is %q, want %q", name, got, want)
	}
}

// duration fails the test unless X-Duration-Seconds is there, or not, as is wanted.
func (r response) duration(t *testing.T, wanted bool) {
	t.Helper()
	got := r.Header.Get("X-Duration-Seconds")
	if there := regexp.MustCompile(`^\d+\.\d{6}$`).MatchString(got); there != wanted || !wanted && got != "" {
		t.Errorf("X-Duration-Seconds is %q, wanted: %v", got, wanted)
	}
}

// gone waits until there is no such process any more, or only its zombie.
func gone(t *testing.T, pid int) {
	t.Helper()
	eventually(t, fmt.Sprintf("process %d has gone", pid), func() bool { return !alive(pid) })
}

// alive reports whether a process runs.
func alive(pid int) bool {
	_, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
	return err == nil && !isZombie(pid)
}

// pidIn waits until a file holds the number of a process, and returns it.
func pidIn(t *testing.T, path string) (pid int) {
	t.Helper()
	eventually(t, "the process has written "+path, func() bool {
		text, err := os.ReadFile(path)
		if err != nil || !strings.HasSuffix(string(text), "\n") {
			return false
		}
		_, err = fmt.Sscan(string(text), &pid)
		return err == nil
	})
	return pid
}

// kill ends a process.
func kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// within fails the test when what it watched took longer than it may, on a machine that is busy with other things.
func within(t *testing.T, begun time.Time, longest time.Duration) {
	t.Helper()
	if took := time.Since(begun); took > longest {
		t.Errorf("it took %v, want less than %v", took, longest)
	}
}

// stop ends the instance as a platform does, and fails the test unless that is an orderly end.
func (i *instance) stop() {
	i.t.Helper()
	i.signal(syscall.SIGTERM)
	if code := i.exitCode(); code != 0 {
		i.t.Errorf("exit code %d", code)
	}
}

// scrape returns all metrics.
func (i *instance) scrape() string {
	i.t.Helper()
	return mustGet(i.t, i.metrics).body
}

func mustGet(t *testing.T, url string) response {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return response{Response: resp, body: string(body), err: err}
}

// setting returns what the instance was told.
func (i *instance) setting(name string) string {
	text := ""
	for _, variable := range i.cmd.Env {
		if value, found := strings.CutPrefix(variable, name+"="); found {
			text = value
		}
	}
	return text
}
