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

// logLines returns the log in format openfaas once it has so many lines, with dates and numbers that vary made the same.
func (i *instance) logLines(n int) []string {
	i.t.Helper()
	var lines []string
	i.eventually(fmt.Sprintf("the log has %d lines", n), func() bool {
		i.mu.Lock()
		defer i.mu.Unlock()
		lines = strings.Split(strings.TrimSuffix(i.raw.String(), "\n"), "\n")
		return len(lines) >= n
	})
	for at, line := range lines {
		for _, v := range varies {
			line = v.from.ReplaceAllString(line, v.to)
		}
		lines[at] = line
	}
	return lines
}

var varies = []struct {
	from *regexp.Regexp
	to   string
}{
	{regexp.MustCompile(`^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d `), "DATE "},
	{regexp.MustCompile(`\(\d+\.\d{4}s\)`), "(TOOK)"},
	{regexp.MustCompile(`Duration: \d+\.\d{6}s`), "Duration: TOOK"},
}

// sameLines fails the test unless the log begins with these lines. NAME stands for a part that is the instance's own.
func sameLines(t *testing.T, got, want []string, names ...string) {
	t.Helper()
	replacer := strings.NewReplacer(names...)
	for at, line := range want {
		if at >= len(got) || got[at] != "DATE "+replacer.Replace(line) {
			t.Fatalf("line %d: want %q in\n%s", at, "DATE "+replacer.Replace(line), strings.Join(got, "\n"))
		}
	}
}

func TestCompatLogOfStartAndStop(t *testing.T) {
	for mode, begin := range map[string][]string{
		"classic":     {"Timeouts: read: 30s write: 2s hard: 0s health: 10ms."},
		"serializing": {"Watchdog mode: serializing\tfprocess: \"FUNCTION\"", "Timeouts: read: 30s write: 2s hard: 30s health: 10ms"},
		"streaming":   {"Watchdog mode: streaming\tfprocess: \"FUNCTION\"", "Timeouts: read: 30s write: 2s hard: 30s health: 10ms"},
		"static": {"Serving files at: /", "Watchdog mode: static\tfprocess: \"FUNCTION\"",
			"Timeouts: read: 30s write: 2s hard: 30s health: 10ms"},
	} {
		t.Run(mode, func(t *testing.T) {
			metrics := freePort(t)
			i := watchdog(t, mode, "cat", "log_format=", "static_path=/", "healthcheck_interval=10ms", "write_timeout=2s",
				fmt.Sprintf("metrics_port=%d", metrics))
			i.stop()
			want := append([]string{"Version: VERSION\tSHA: unknown"}, begin...)
			want = append(want, "Listening on port: PORT", "Metrics listening on port: METRICS", "Writing lock-file to: LOCK",
				"SIGTERM: no new connections in 10ms", "Removing lock-file : LOCK", "No new connections allowed, draining: 0 requests",
				"Exiting. Active connections: 0")
			got := i.logLines(len(want))
			sameLines(t, got, want, "VERSION", version, "PORT", strings.TrimPrefix(i.url, "http://127.0.0.1:"), "METRICS", fmt.Sprint(metrics),
				"LOCK", filepath.Join(i.tmp, ".lock"), "FUNCTION", i.setting("fprocess"))
			if len(got) != len(want) {
				t.Errorf("more lines:\n%s", strings.Join(got[len(want):], "\n"))
			}
		})
	}
}

func TestCompatLogNamesTheCommandOfTheCommandLine(t *testing.T) {
	for name, c := range map[string]struct {
		args    []string
		environ []string
		want    string
	}{
		"behind --": {[]string{"--", "cat", "-u"}, []string{"mode=streaming", "fprocess=sleep 1000"}, "streaming\tfprocess: \"cat -u\""},
		"--demo":    {[]string{"--demo"}, []string{"fprocess="}, fmt.Sprintf("pool\tfprocess: %q", binary+" demo-worker")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tmp := shortDir(t)
			cmd := exec.Command(binary, c.args...)
			cmd.Env = append(os.Environ(), withDefaults(tmp, append(c.environ, "log_format=openfaas"))...)
			i := begin(t, cmd, tmp)
			if got, want := i.logLines(2)[1], "DATE Watchdog mode: "+c.want; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			i.send("POST", "/", strings.NewReader("hello")).is(t, 200, "hello")
		})
	}
}

func TestCompatLogOfSuppressedLockAndLongStop(t *testing.T) {
	i := watchdog(t, "classic", "cat", "log_format=openfaas", "suppress_lock=true", "healthcheck_interval=31s")
	got := i.logLines(5)
	if want := "DATE Warning: \"suppress_lock\" is enabled. No automated health-checks will be in place for your function."; got[3] != want {
		t.Errorf("got %q", got)
	}
	if !strings.Contains(got[4], "platforms usually wait") {
		t.Errorf("no warning of the grace in %q", got)
	}
}

func TestCompatLogOfRequests(t *testing.T) {
	const script = `[ "$Http_Path" = /fail ] && exit 3; cat; echo said >&2; exit 0`
	for mode, want := range map[string][]string{
		"classic": {"Forking fprocess.", "stderr: said", "Wrote 2 Bytes - Duration: TOOK", "Forking fprocess."},
		"serializing": {"Started logging: stderr from function.", "stderr: said", "POST /a%20b?q=1 - 200 - ContentLength: 2B (TOOK)",
			"Started logging: stderr from function.", "exit status 3", "GET /fail - 500 - ContentLength: 13B (TOOK)"},
		"streaming": {"Started logging: stderr from function.", "stderr: said", "POST /a%20b?q=1 - 200 - ContentLength: 2B (TOOK)",
			"Started logging: stderr from function.", "exit status 3", "GET /fail - 500 - ContentLength: 13B (TOOK)"},
	} {
		t.Run(mode, func(t *testing.T) {
			i := watchdog(t, mode, script, "log_format=openfaas", "combine_output=false", "write_timeout=10s", "healthcheck_interval=1ms")
			begun := len(i.logLines(4))
			if mode != "classic" {
				begun = len(i.logLines(5))
			}
			i.send("POST", "/a%20b?q=1", strings.NewReader("hi"), "User-Agent: curl").is(t, 200, "hi")
			i.logLines(begun + 3)
			i.get("/fail", "User-Agent: other/kube-probe")
			sameLines(t, i.logLines(begun + len(want))[begun:], want)
		})
	}
}

func TestCompatLogLeavesOutProbesOfKubernetes(t *testing.T) {
	for _, mode := range []string{"serializing", "streaming"} {
		t.Run(mode, func(t *testing.T) {
			i := watchdog(t, mode, "cat", "log_format=openfaas")
			i.get("/first", "User-Agent: kube-probe/1.30").is(t, 200, "")
			i.get("/second").is(t, 200, "")
			i.eventually("the second is logged", func() bool { return strings.Contains(i.log(), "GET /second - 200") })
			if strings.Contains(i.log(), "GET /first") {
				t.Error("the first is logged")
			}
		})
	}
}

func TestCompatLogOfTheDeadline(t *testing.T) {
	i := watchdog(t, "classic", "exec sleep 60", "log_format=openfaas", "exec_timeout=100ms")
	i.get("/").is(t, 408, "Killed process.\n")
	want := " Killing process: " + i.setting("fprocess") + "\n"
	i.eventually("the log tells", func() bool { return strings.Contains(i.log(), want) })
}

func TestCompatLogOfTheFunction(t *testing.T) {
	const script = "printf 'one\\n\\n%s\\nlast' 0123456789ABCDEF >&2"
	for _, mode := range []string{"serializing", "streaming"} {
		for settings, want := range map[string]string{
			"prefix_logs=true log_buffer_size=10":  "DATE stderr: one\nDATE stderr: \nDATE stderr: 0123456789\nDATE stderr: ABCDEF\nDATE stderr: last",
			"prefix_logs=false log_buffer_size=-1": "one\n\n0123456789ABCDEF\nlast",
		} {
			t.Run(mode+" "+settings, func(t *testing.T) {
				i := watchdog(t, mode, script, append(strings.Fields(settings), "log_format=openfaas")...)
				i.get("/").is(t, 200, "")
				i.eventually("the request is logged", func() bool { return strings.Contains(i.log(), "GET /") })
				if got := strings.Join(i.logLines(1), "\n"); !strings.Contains(got, "from function.\n"+want+"\nDATE GET /") {
					t.Errorf("got\n%s\nwant\n%s", got, want)
				}
			})
		}
	}
}

func TestCompatLogOfATargetCannotSteerTheTerminal(t *testing.T) {
	i := watchdog(t, "serializing", "true", "log_format=openfaas")
	exchangeRaw(t, i, "GET /a\u009b2J HTTP/1.1\r\nHost: a\r\n\r\n")
	i.eventually("the log tells", func() bool { return strings.Contains(i.log(), `GET /a\u009b2J - 200`) })
}

func TestCompatLogSizes(t *testing.T) {
	for bytes, want := range map[int]string{0: "0B", 999: "999B", 1024: "1.024kB", 10_485_760: "10.49MB"} {
		t.Run(want, func(t *testing.T) {
			i := watchdog(t, "serializing", fmt.Sprintf("head -c %d /dev/zero", bytes), "log_format=openfaas")
			i.get("/")
			i.eventually("the log tells", func() bool { return strings.Contains(i.log(), "ContentLength: "+want+" (") })
		})
	}
}

func TestCompatVersionAndHealthcheckFlags(t *testing.T) {
	t.Parallel()
	tmp := t.TempDir()
	for _, dash := range []string{"-", "--"} {
		if code, out, _ := runs(t, "", []string{"mode=nonsense"}, dash+"version"); code != 0 || !strings.HasPrefix(out, "Version: ") {
			t.Errorf("%sversion: exit code %d, %q", dash, code, out)
		}
		if code, _, errs := runs(t, "", []string{"mode=nonsense", "TMPDIR=" + tmp}, dash+"run-healthcheck"); code != 1 || errs != "unable to find lock file.\n" {
			t.Errorf("%srun-healthcheck: exit code %d, %q", dash, code, errs)
		}
	}
	if err := os.WriteFile(filepath.Join(tmp, ".lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := runs(t, "", []string{"mode=nonsense", "TMPDIR=" + tmp}, "-run-healthcheck"); code != 0 {
		t.Errorf("exit code %d, %q", code, errs)
	}
}
