package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestConformanceOfAWholeSDK(t *testing.T) {
	code, out, errs := runs(t, "", []string{"FWATCHDOG_OUT_FD=9"}, "conformance", "--only", "is ERROR 3", "--", function)
	want := "kept    a handler that raises is ERROR 3 with its text, and the worker lives\n" +
		"kept    a response head that does not fit one frame is ERROR 3\n2 checks, 0 broken\n"
	if code != 0 || out != want {
		t.Errorf("exit code %d, wrote %q and %q, want %q", code, out, errs, want)
	}
}

func TestConformanceNeedsChecks(t *testing.T) {
	code, out, errs := runs(t, "", nil, "conformance", "--only", "teapot", "--", function)
	if code != 1 || out != "" || !strings.Contains(errs, `no check has "teapot" in its name`) {
		t.Errorf("exit code %d, wrote %q and %q", code, out, errs)
	}
}

func TestConformanceTellsWhatAWorkerBreaks(t *testing.T) {
	const ping = "PING is answered by PONG with the same number"
	hello := "      host   HELLO stream 0, 102 bytes\n"
	for name, c := range map[string]struct {
		script, only, want string
	}{
		"an echo": {`cat`, ping,
			"    expected READY, but nothing of the kind came within 1s\n    last frames:\n" + hello +
				"      worker HELLO stream 0, 102 bytes\n"},
		"one that ends": {`read line; echo no database >&2`, ping,
			"    expected HELLO, but the worker's output ended: EOF\n    last frames:\n" + hello + "    stderr:\n      no database\n"},
		"one that answers no PING": {`printf '\373\367\001\0\0\0\0\0\0\0\0\006\0\001\0\001\0\0\373\367\002\0\0\0\0\0\0\0\0\002\0\0'; exec sleep 100`, ping,
			"    expected PONG, but nothing of the kind came within 1s\n    last frames:\n" + hello +
				"      worker HELLO stream 0, 6 bytes\n      worker READY stream 0, 2 bytes\n      host   PING stream 0, 8 bytes\n"},
		"one that speaks another version": {`printf '\373\367\001\0\0\0\0\0\0\0\0\006\0\007\0\011\0\0'; exec sleep 100`, ping,
			"    HELLO: protocol: no common version: the other side speaks 7 to 9, this side 1 to 1\n    last frames:\n" + hello +
				"      worker HELLO stream 0, 6 bytes\n"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := runs(t, "", nil, "conformance", "--minimal", "--only", c.only, "--wait", "1s", "--", "sh", "-c", c.script)
			want := fmt.Sprintf("BROKEN  %s\n%s1 checks, 1 broken\n", c.only, c.want)
			if code != 1 || out != want || errs != "" {
				t.Errorf("exit code %d, wrote\n%s%s\nwant\n%s", code, out, errs, want)
			}
		})
	}
}

func TestConformanceTakesAnErrorOfTheHandlerForAnAnswerWhereAnyIsRight(t *testing.T) {
	script := filepath.Join(t.TempDir(), "index.js")
	sdk, err := filepath.Abs("../../sdk/node")
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("require(%q).serve((request) => JSON.parse(request.body.toString()));", sdk)
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"--minimal", "--minimal=false"} {
		code, out, errs := runs(t, "", nil, "conformance", flag, "--only", "in flight finish", "--", "node", script)
		if broken := strings.Contains(out, "expected RESP on stream 1"); broken != (flag != "--minimal") || broken != (code == 1) || errs != "" {
			t.Errorf("%s: exit code %d, wrote\n%s%s", flag, code, out, errs)
		}
	}
}

func TestConformanceShowsAllThatAWorkerWroteBeforeItEnded(t *testing.T) {
	for range 20 { // whoever closes the pipe at the worker's end is first in some of them
		_, out, _ := runs(t, "", nil, "conformance", "--minimal", "--only", "PING is answered", "--", "sh", "-c", "read line; seq 10000 >&2")
		if !strings.Contains(out, "\n      10000\n") {
			t.Fatalf("it wrote %.300s", out)
		}
	}
}

// tutorial is the worker that docs/protocol-tutorial.md builds.
func tutorial(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/protocol-tutorial.md")
	if err != nil {
		t.Fatal(err)
	}
	program := regexp.MustCompile("(?s)```perl\n(.*?)```").FindSubmatch(page)
	if program == nil {
		t.Fatal("the page has no program")
	}
	if lines := strings.Count(string(program[1]), "\n"); lines > 75 {
		t.Errorf("it has %d lines, which is no longer minimal", lines)
	}
	path := filepath.Join(t.TempDir(), "worker.pl")
	if err := os.WriteFile(path, program[1], 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheTutorialsWorkerKeepsTheProtocol(t *testing.T) {
	code, out, errs := runs(t, "", nil, "conformance", "--minimal", "--", tutorial(t))
	if code != 0 || !strings.HasSuffix(out, "17 checks, 0 broken\n") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}

func TestTheBuiltInFunctionKeepsTheProtocol(t *testing.T) {
	code, out, errs := runs(t, "", nil, "conformance", "--minimal", "--demo")
	if code != 0 || !strings.HasSuffix(out, "17 checks, 0 broken\n") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}

func TestTheTutorialsWorkerServes(t *testing.T) {
	i := launch(t, "fprocess="+tutorial(t), "pool_size=2")
	for _, n := range []int{0, 5, 100_000, 1_000_000} {
		r := i.send("POST", "/some?path", strings.NewReader(strings.Repeat("x", n)))
		if want := fmt.Sprintf("POST /some?path: %d bytes\n", n); r.StatusCode != 200 || r.body != want {
			t.Errorf("%d %q, want %q", r.StatusCode, r.body, want)
		}
	}
}

func TestTheTutorialsWorkerRefusesToRunByHand(t *testing.T) {
	command := exec.Command(tutorial(t))
	out, err := command.CombinedOutput()
	if code := command.ProcessState.ExitCode(); code != 64 || !strings.Contains(string(out), "start it with fwatchdog") {
		t.Errorf("%v, it says %s", err, out)
	}
}
