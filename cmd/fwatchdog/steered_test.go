package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"fwatchdog/internal/life"
	"fwatchdog/internal/report"
	"fwatchdog/pool"
)

// steered is an instance with a control socket whose path is short enough, and what runs commands on it.
func steered(t *testing.T, settings ...string) (*instance, func(args ...string) (int, string, string)) {
	t.Helper()
	dir, err := os.MkdirTemp("", "steered")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := "control_socket=" + filepath.Join(dir, "s")
	i := launch(t, append(settings, socket)...)
	return i, func(args ...string) (int, string, string) { return runs(t, "", []string{socket}, args...) }
}

func TestStatusIsATableOfTheWorkers(t *testing.T) {
	i, command := steered(t, "pool_size=2")
	first, second := i.pid(1), i.pid(2)
	i.eventually("both are ready", func() bool {
		_, out, _ := command("status")
		return strings.Contains(out, "workers ready 2 of 2")
	})
	i.get("/echo")

	code, out, errs := command("status")

	lines := strings.Split(out, "\n")
	if code != 0 || len(lines) != 9 || !strings.HasPrefix(lines[0], "fwatchdog ") || !strings.Contains(lines[0], "ready") ||
		!strings.HasPrefix(lines[5], "SLOT SERIAL") || !strings.Contains(out, fmt.Sprint(first)) || !strings.Contains(out, fmt.Sprint(second)) {
		t.Errorf("exit code %d %s\n%s", code, errs, out)
	}
	for _, line := range lines {
		if utf8.RuneCountInString(line) > 80 {
			t.Errorf("a line is %d wide: %s", len(line), line)
		}
	}
	code, out, _ = command("status", "--json")
	var state report.State
	if err := json.Unmarshal([]byte(out), &state); err != nil || code != 0 || len(state.Workers) != 2 || state.Phase != "ready" {
		t.Errorf("exit code %d, %v\n%s", code, err, out)
	}
}

func TestCommandsSteerTheInstance(t *testing.T) {
	i, command := steered(t, "pool_size=1")
	i.pid(1)
	if code, out, errs := command("scale", "3"); code != 0 || out != "3 workers are kept\n" {
		t.Errorf("scale: exit code %d %s%s", code, out, errs)
	}
	i.pid(3)
	if code, out, errs := command("scale", "0"); code != 1 || !strings.Contains(errs, "0 workers: it must be 1 to 4096") {
		t.Errorf("scale 0: exit code %d %s%s", code, out, errs)
	}
	if code, out, errs := command("reload"); code != 0 || !strings.HasPrefix(out, "generation 2: 3 new workers; ") {
		t.Errorf("reload: exit code %d %s%s", code, out, errs)
	}
	if code, out, errs := command("stop"); code != 0 || out != "draining\n" {
		t.Errorf("stop: exit code %d %s%s", code, out, errs)
	}
	if code := i.exitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, name := range []string{"status", "reload", "stop"} {
		if code, _, errs := command(name); code != 1 || !strings.Contains(errs, "no instance answers on") || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s of nobody: exit code %d %s", name, code, errs)
		}
	}
}

func TestASizeThatWasSetByHandIsGivenBackToTheSettings(t *testing.T) {
	i, command := steered(t, "pool_min=1", "pool_max=4", "worker_idle_timeout=50ms")
	status := func(want string) {
		t.Helper()
		i.eventually("the status says "+want, func() bool {
			_, out, _ := command("status")
			return strings.Contains(out, want+"\n")
		})
	}
	status("workers ready 1 of 1, elastic from 1 to 4")
	command("scale", "3")
	status("workers ready 3 of 3, by hand: not elastic until scale auto (1 to 4)")
	if code, out, errs := command("scale", "auto"); code != 0 || out != "3 workers are kept\n" {
		t.Errorf("scale auto: exit code %d %s%s", code, out, errs)
	}
	status("workers ready 1 of 1, elastic from 1 to 4") // idle workers leave again
	if code, _, errs := command("scale", "many"); code != 1 || !strings.Contains(errs, `scale: "many" is neither a number of workers nor auto`) {
		t.Errorf("scale many: exit code %d %s", code, errs)
	}
}

func TestReloadOfABrokenFunctionSaysSoAndTheOldServesOn(t *testing.T) {
	script, write := shellScript(t)
	write("exec " + function)
	i, command := steered(t, "pool_size=2", "fprocess="+script)
	i.pid(2)
	_, stop := load(t, i, 4, "/echo")
	write("echo the handler is missing >&2\nexit 3")

	code, out, errs := command("reload")

	if code != 1 || out != "" || !strings.Contains(errs, "exit code 3") || !strings.Contains(errs, "\n  the handler is missing\n") {
		t.Errorf("exit code %d %s%s", code, out, errs)
	}
	stop()
	i.get("/echo").is(t, 200, "")
	if _, out, _ := command("status"); !strings.Contains(out, "\nlast reload failed: start generation 2: ") {
		t.Errorf("the status does not tell of it:\n%s", out)
	}
}

func TestAnInstanceServesWithoutASocket(t *testing.T) {
	i := launch(t, "control_socket=/nowhere/at/all")
	i.await("commands cannot reach this instance", nil)
	i.get("/echo").is(t, 200, "")
}

// crowd is an instance with many workers, and the widest values there are.
func crowd(workers int) report.State {
	s := report.State{Version: "10.20.30", Mode: "pool", Phase: "ready", UptimeSeconds: 9e7, ReloadError: strings.Repeat("ä long reason ", 20)}
	s.Pool = report.Pool{Target: 4096, ByHand: true, OwnMin: 1000, OwnMax: 4096, Capacity: 16384, Inflight: 16383, Queue: 99999, Generation: 1234, Reloading: true, Soft: 1 << 30, Hard: 2 << 30}
	s.Last = report.Sample{Rate: 123456, P50: 0.0123, P99: 12.3, Failed: 9999, Rejected: 9999}
	for i := range workers {
		w := report.Worker{Slot: i, Serial: uint64(i) * 15000, Pid: 4194304 - i, State: "starting"}
		if i%2 == 1 {
			w.State, w.Inflight, w.Places, w.Requests, w.Memory, w.CPU = "draining", 255, 256, 1<<40, int64(i)<<25, 1.5
			w.AgeSeconds, w.LastReason = float64(i)*9000, life.MaxRequests
		}
		s.Workers = append(s.Workers, w)
	}
	return s
}

func TestTheTableStaysAlignedAndFitsTheScreen(t *testing.T) {
	for _, rows := range []int{0, 24, 80} {
		lines := strings.Split(strings.TrimSuffix(statusText(crowd(64), rows), "\n"), "\n")
		if rows > 0 && len(lines) > rows {
			t.Errorf("%d lines for %d rows", len(lines), rows)
		}
		const head = 6
		state, last := strings.Index(lines[head], "STATE"), strings.Index(lines[head], "LAST EXIT")
		for n, line := range lines {
			if utf8.RuneCountInString(line) > 80 {
				t.Errorf("line %d is %d wide: %s", n, len(line), line)
			}
			if n > head && !strings.Contains(line, "more") && (line[state-1] != ' ' || line[state] == ' ' || line[last-1] != ' ' || line[last] == ' ') {
				t.Errorf("line %d is not aligned:\n%s\n%s", n, lines[head], line)
			}
		}
	}
}

func TestStatusRedrawsInPlaceInATerminal(t *testing.T) {
	i, _ := steered(t, "pool_size=64")
	i.pid(64)
	var socket string
	for _, variable := range i.cmd.Env {
		if strings.HasPrefix(variable, "control_socket=") {
			socket = variable
		}
	}
	tmux := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("tmux", append([]string{"-S", filepath.Join(i.tmp, "t")}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("tmux %v: %v %s", args, err, out)
		}
		return string(out)
	}
	tmux("new-session", "-d", "-x", "80", "-y", "71", "env", socket, binary, "status", "-w")
	defer tmux("kill-server")
	screen := func() string { return tmux("capture-pane", "-p") }
	i.eventually("the table is there", func() bool { return strings.Count(screen(), " ready ") >= 64 })
	before := screen()
	i.eventually("it is drawn anew", func() bool { return screen() != before })
	lines := strings.Split(screen(), "\n")
	if len(lines) < 70 || !strings.HasPrefix(lines[0], "fwatchdog ") || !strings.HasPrefix(lines[5], "SLOT SERIAL") {
		t.Fatalf("the screen shows\n%s", strings.Join(lines, "\n"))
	}
	column := strings.Index(lines[5], "STATE")
	for slot := range 64 {
		fields := strings.Fields(lines[6+slot])
		if len(fields) < 10 || fields[0] != strconv.Itoa(slot) || !strings.HasPrefix(lines[6+slot][column:], "ready ") {
			t.Errorf("line of slot %d: %q", slot, lines[6+slot])
		}
	}
}

func TestASavedFunctionIsReloadedAndABrokenOneIsTold(t *testing.T) {
	script, save := shellScript(t)
	save("exec " + function)
	i := launch(t, "pool_size=1", "watch="+filepath.Dir(script), "fprocess="+script)
	i.pid(1)
	_, stop := load(t, i, 2, "/echo")
	defer stop()
	const header = "X-Fwatchdog-Reload-Error"

	save("exit 3")
	i.eventually("answers tell of the broken function", func() bool {
		return strings.Contains(i.get("/echo").Header.Get(header), "exit code 3")
	})
	if first := i.await("reload failed", nil); first["generation"] != 2.0 {
		t.Errorf("the log says %v", first)
	}

	save("exec " + function + " # mended")
	i.await("reload completed", nil)
	i.eventually("answers tell of it no more", func() bool { return i.get("/echo").Header.Get(header) == "" })
}

func TestAReloadIsToldInWholeSentences(t *testing.T) {
	for want, result := range map[string]pool.ReloadResult{
		"generation 2: 1 new worker; the old ones have gone":            {Generation: 2, New: 1},
		"generation 3: 4 new workers; 1 old one finishes what it has":   {Generation: 3, New: 4, Leaving: 1},
		"generation 4: 4 new workers; 2 old ones finish what they have": {Generation: 4, New: 4, Leaving: 2},
	} {
		if got := reloaded(result); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
