package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCheckTellsWhatAWorkerSaid(t *testing.T) {
	code, out, errs := runs(t, "", nil, "check", "--", function)
	if code != 0 || !strings.Contains(out, "sdk          go") || !strings.Contains(out, "window") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}

func TestCommandsTellOfVariablesThatAreNearlySettings(t *testing.T) {
	for _, args := range [][]string{{"check", "--", function}, {"settings"}} {
		code, _, errs := runs(t, "", []string{"QUEUE_SIZE=7"}, args...)
		if want := "the variable QUEUE_SIZE is not a setting; did you mean queue_size?"; code != 0 || !strings.Contains(errs, want) {
			t.Errorf("%v: exit code %d\n%s", args, code, errs)
		}
	}
}

func TestProgramThatIsNoWorkerIsExplained(t *testing.T) {
	for name, c := range map[string]struct {
		command string
		wants   []string
	}{
		"an echo":             {"cat", []string{"sent back what was sent to it", "plain stdin/stdout program", "mode=classic, mode=streaming", "fb f7"}},
		"one that ends":       {"true", []string{"ended before it was READY, with exit code 0"}},
		"one that fails":      {"ls /nowhere-at-all", []string{"exit code 2", "nowhere-at-all"}},
		"one that waits":      {"sleep 1000", []string{"did not say HELLO within hello_timeout (500ms)", "raise hello_timeout"}},
		"one that is not":     {"no-such-program", []string{"no-such-program", "program not found"}},
		"one that writes":     {"sh -c 'echo Hello from my function; sleep 100'", []string{"Hello from my f", "worker_output=fd3"}},
		"one without measure": {"yes", []string{"64 KiB"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := runs(t, "", []string{"fprocess=" + c.command, "hello_timeout=500ms"}, "check")
			if code != 1 || out != "" {
				t.Errorf("exit code %d, wrote %q", code, out)
			}
			for _, want := range c.wants {
				if !strings.Contains(errs, want) {
					t.Errorf("says nothing of %q:\n%s", want, errs)
				}
			}
		})
	}
}

func TestFirstGenerationThatCannotStartEndsTheProcess(t *testing.T) {
	begin := time.Now()
	i := launch(t, "fprocess=false", "pool_size=2")
	if code := i.exitCode(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
	if log := i.log(); !strings.Contains(log, "no worker could be started: false: it ended before it was READY, with exit code 1") {
		t.Errorf("the reason is missing:\n%s", log)
	}
	if _, err := os.Stat(filepath.Join(i.tmp, ".lock")); err == nil {
		t.Error("the lock file is still there")
	}
}

func TestInvokeSendsOneRequest(t *testing.T) {
	code, out, errs := runs(t, "", nil, "invoke", "-d", "hello", "--target=/echo?a=b", "-i", "-H", "Content-Type: text/x", "--", function)
	if code != 0 || !strings.HasPrefix(out, "200\n") || !strings.Contains(out, "x-target: /echo?a=b\n") || !strings.HasSuffix(out, "\n\nhello") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	big := strings.Repeat("x", 300_000)
	if code, out, errs := runs(t, big, nil, "invoke", "-d", "-", "--target=/size", "--", function); code != 0 || out != "300000" {
		t.Errorf("exit code %d\n%.200s%s", code, out, errs)
	}
	if code, _, errs := runs(t, "", nil, "invoke", "--target=/throw", "--", function); code != 1 || !strings.Contains(errs, "boom") {
		t.Errorf("exit code %d\n%s", code, errs)
	}
}

func TestInvokeShowsWhatTheFunctionPrinted(t *testing.T) {
	script := "echo loading >&2; exec " + function
	code, out, errs := runs(t, "", nil, "invoke", "--target=/echo", "--", "sh", "-c", script)
	if code != 0 || strings.Contains(out, "loading") || !strings.Contains(errs, "loading\n") {
		t.Errorf("exit code %d\n%s\n%s", code, out, errs)
	}
	code, _, errs = runs(t, "", nil, "invoke", "--", "sh", "-c", "echo loading >&2; exit 1")
	if code != 1 || strings.Count(errs, "loading") != 2 { // in the command, and at the end of its stderr
		t.Errorf("exit code %d\n%s", code, errs)
	}
}

func TestOnlyModePoolHasWorkersToTry(t *testing.T) {
	for _, command := range []string{"check", "invoke"} {
		if code, _, errs := runs(t, "", []string{"mode=classic", "fprocess=cat"}, command); code != 1 || !strings.Contains(errs, "only mode pool") {
			t.Errorf("%s: exit code %d\n%s", command, code, errs)
		}
	}
}

func TestEveryBadSettingIsNamed(t *testing.T) {
	code, _, errs := runs(t, "", []string{"queue_timeout=soon", "pool_size=-3", "max_body=much", "mode=magic"}, "--exec-timeout=later", "--", "true")
	if code != 1 {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{"queue_timeout", "soon", "pool_size", "-3", "max_body", "much", "mode", "magic", "exec_timeout", "later"} {
		if !strings.Contains(errs, want) {
			t.Errorf("says nothing of %q:\n%s", want, errs)
		}
	}
}

func TestTheHelpOfACommandIsAboutTheCommand(t *testing.T) {
	code, out, errs := runs(t, "", nil, "status", "--help")
	if code != 0 || !strings.Contains(out, "--redraw") || strings.Contains(out, "--queue-timeout") || !strings.Contains(out, `"fwatchdog --help"`) {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	for _, of := range [][]string{{"--help"}, {"serve", "--help"}} {
		if code, out, _ := runs(t, "", nil, of...); code != 0 || !strings.Contains(out, "--queue-timeout") {
			t.Errorf("%v: exit code %d\n%s", of, code, out)
		}
	}
}

func TestWrongFlagIsExitCode2(t *testing.T) {
	if code, _, errs := runs(t, "", nil, "--pool-sise=3"); code != 2 || !strings.Contains(errs, "pool-sise") {
		t.Errorf("exit code %d\n%s", code, errs)
	}
}

func TestNoCommandIsExplained(t *testing.T) {
	code, _, errs := runs(t, "", []string{"fprocess="})
	if code != 1 || !strings.Contains(errs, `provide a "function_process" or "fprocess" environmental variable`) || !strings.Contains(errs, "--demo") {
		t.Errorf("exit code %d\n%s", code, errs)
	}
}

func TestHealthcheckAsksTheInstance(t *testing.T) {
	port := freePort(t)
	env := []string{fmt.Sprintf("port=%d", port)}
	if code, _, errs := runs(t, "", env, "healthcheck"); code != 1 || !strings.Contains(errs, "nothing answers") {
		t.Errorf("exit code %d\n%s", code, errs)
	}
	i := launch(t, env...)
	i.pid(1)
	if code, _, errs := runs(t, "", env, "healthcheck"); code != 0 {
		t.Errorf("exit code %d\n%s", code, errs)
	}
	if code, _, _ := runs(t, "", []string{"TMPDIR=" + i.tmp}, "-run-healthcheck"); code != 0 {
		t.Errorf("lock file: exit code %d", code)
	}
	if code, _, errs := runs(t, "", []string{"TMPDIR=" + t.TempDir()}, "--run-healthcheck"); code != 1 || errs != "unable to find lock file.\n" {
		t.Errorf("no lock file: exit code %d, %q", code, errs)
	}
	if code, _, errs := runs(t, "", append(env, "fprocess="+function), "--metrics-port=0"); code != 1 || !strings.Contains(errs, "address already in use") {
		t.Errorf("the same port again: exit code %d\n%s", code, errs)
	}
}

func TestVersionNeedsNoSettingsAndSettingsShowsThem(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"--version"}, {"-version"}} {
		if code, out, _ := runs(t, "", []string{"pool_size=none"}, args...); code != 0 || !strings.HasPrefix(out, "Version: ") {
			t.Errorf("%v: exit code %d, %q", args, code, out)
		}
	}
	code, out, _ := runs(t, "", []string{"pool_size=7"}, "settings")
	if code != 0 || !strings.Contains(out, "queue_timeout") || !strings.Contains(out, "7") {
		t.Errorf("exit code %d\n%s", code, out)
	}
}

func TestDocumentedSettingsAreThoseThatExist(t *testing.T) {
	page, err := os.ReadFile("../../docs/settings.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(page), "<!-- made by: fwatchdog settings --markdown -->\n\n")
	code, out, errs := runs(t, "", nil, "settings", "--markdown")
	if code != 0 || !found || table != out {
		t.Errorf("exit code %d %s: docs/settings.md is out of date; its table is made by: fwatchdog settings --markdown", code, errs)
	}
}

func TestDemoIsTheFunctionOfEveryCommandThatStartsOne(t *testing.T) {
	for line, want := range map[string]string{
		"check --demo":           "sdk          go",
		"--demo check":           "demo-worker",
		"invoke --demo -d hello": "hello",
		"conformance --demo --minimal --only=GOAWAY": "0 broken",
		"invoke --demo -d hello -- " + function:      "no such route", // the command wins
	} {
		if code, out, errs := runs(t, "", []string{"fprocess="}, words(line)...); code != 0 || !strings.Contains(out, want) {
			t.Errorf("%s: exit code %d\n%s%s", line, code, out, errs)
		}
	}
}

func TestCommandThatIsMisspelledIsNamed(t *testing.T) {
	const suggestion = "There is no command statsu either; did you mean status?"
	for _, test := range []struct {
		line  string
		named bool
	}{
		{"statsu", true},
		{"--metrics-port=0 statsu --json", true},
		{"-- statsu", false},
		{"serve statsu", false},
		{"serve -- statsu", false},
		{"check statsu", false},
	} {
		code, _, errs := runs(t, "", []string{"port=0", "metrics_port=0"}, words(test.line)...)
		if code != 1 || !strings.Contains(errs, "statsu") || strings.Contains(errs, suggestion) != test.named {
			t.Errorf("%s: exit code %d\n%s", test.line, code, errs)
		}
	}
	if _, _, errs := runs(t, "", []string{"fprocess=statsu", "port=0", "metrics_port=0"}); strings.Contains(errs, "There is no command") {
		t.Errorf("fprocess names no command of ours:\n%s", errs)
	}
}

func TestTargetOfInvokeIsAPath(t *testing.T) {
	code, out, errs := runs(t, "", nil, "invoke", "--target=count", "--", function)
	if want := `--target is "count": it must be a path, which begins with /`; code != 1 || out != "" || !strings.Contains(errs, want) {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}

func TestAnswerOnATerminalEndsItsLine(t *testing.T) {
	for _, test := range []struct{ body, want string }{{"hello", "hello\r\n"}, {`hello\n`, "hello\r\n"}, {"", ""}} {
		session := exec.Command("script", "-qec", "printf '"+test.body+"' | "+binary+" invoke --demo -d -", "/dev/null")
		session.Env = append(os.Environ(), "fprocess=")
		if out, err := session.Output(); err != nil || string(out) != test.want {
			t.Errorf("%q: %v, %q, want %q", test.body, err, out, test.want)
		}
	}
}

func TestVariableBeforeTheCommandIsExplained(t *testing.T) {
	want := `fprocess="env FOO=1 node index.js"`
	for _, args := range [][]string{{"check"}, nil} {
		env := []string{"fprocess=FOO=1 node index.js", "port=0", "metrics_port=0"}
		if code, _, errs := runs(t, "", env, args...); code != 1 || !strings.Contains(errs, want) {
			t.Errorf("%v: exit code %d\n%s", args, code, errs)
		}
	}
}

func TestWhatAFunctionSaysDoesNotSteerTheTerminal(t *testing.T) {
	// HELLO of a worker whose runtime is an escape sequence, and the text of one that cannot load its function.
	hello := `\373\367\001\0\0\0\0\0\0\0\0\036\0\001\0\001\0\001\0\007runtime\0\015\033]0;evil\007oops`
	ready, fails := `\373\367\002\0\0\0\0\0\0\0\0\002\0\0`, `\373\367\025\001\0\0\0\0\0\0\0\013\0\001\033]0;evil\007`
	for name, script := range map[string]string{"what it is": hello + ready, "why it fails": hello + fails} {
		t.Run(name, func(t *testing.T) {
			_, out, errs := runs(t, "", nil, "check", "--", "sh", "-c", "printf '"+script+"'; exec cat >/dev/null")
			if text := out + errs; strings.ContainsAny(text, "\033\007") || !strings.Contains(text, `\x1b]0;evil\a`) {
				t.Errorf("it wrote %q", text)
			}
		})
	}
}
