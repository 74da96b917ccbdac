package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"fwatchdog/configs"
)

// words are arguments that stand in a line with spaces between them.
func words(line string) []string { return strings.Fields(line) }

func TestCommandLineIsCutWhereTheFunctionsBegins(t *testing.T) {
	for _, test := range []struct{ line, command, args string }{
		{"", "serve", ""},
		{"--port=1", "serve", ""},
		{"--port 1 node x.js --port=2 -w", "serve", "node x.js --port=2 -w"},
		{"--port=1 -- node --help", "serve", "node --help"},
		{"-- status", "serve", "status"}, // which is a program of that name
		{"-- -- x", "serve", "-- x"},
		{"--", "serve", ""},
		{"-", "serve", "-"},
		{"--demo serve --port=1 node -version", "serve", "node --version"},
		{"serve -- node -version", "serve", "node -version"},
		{"--port=1 check --port=2 -- node --port=3 -- x", "check", "node --port=3 -- x"},
		{"check node --port=3", "check", "node --port=3"},
		{"invoke -id hello -H a:b node -i", "invoke", "node -i"},
		{"scale 3 --port=2", "scale", "3"},
		{"scale -- 3", "scale", "3"},
		{"status --json -w --port=2", "status", ""},
	} {
		l, err := parseLine(words(test.line), configs.NewSource(nil))
		if err != nil {
			t.Errorf("%s: %v", test.line, err)
		} else if l.command.name != test.command || strings.Join(l.args, " ") != test.args {
			t.Errorf("%s: is %s of %q, want %s of %q", test.line, l.command.name, l.args, test.command, test.args)
		}
	}
}

func TestFlagsBehindTheCommandWinOverThoseBefore(t *testing.T) {
	source := configs.NewSource([]string{"port=1", "metrics_port=4"})
	l, err := parseLine(words("--port=2 --demo invoke --port=3 -X PUT --header a:1 -Hb:2 -i=false"), source)
	if err != nil {
		t.Fatal(err)
	}
	settings, err := source.Read()
	if err != nil || settings.Port != 3 || settings.MetricsPort != 4 || !l.Demo {
		t.Errorf("%v, port %d, metrics_port %d, demo %v", err, settings.Port, settings.MetricsPort, l.Demo)
	}
	if c := l.command.todo.(*invokeCommand); c.Method != "PUT" || !slices.Equal(c.Header, []string{"a:1", "b:2"}) || c.Include || c.Target != "/" {
		t.Errorf("the command's flags are %+v", c)
	}
}

// ran is what a command line that starts nothing ends with.
func ran(args ...string) (code int, out, errs string) {
	var stdout, stderr bytes.Buffer
	code = run(args, streams{in: strings.NewReader(""), out: &stdout, err: &stderr})
	return code, stdout.String(), stderr.String()
}

func TestWrongFlagsAreExplained(t *testing.T) {
	for line, want := range map[string]string{
		"--pool-sise=3":           "unknown flag: --pool-sise; did you mean --pool-size?",
		"--pool_size=3":           "did you mean --pool-size?",
		"-port=80":                "did you mean --port?",
		"status --jsn":            "did you mean --json?",
		"--worker-memory=1":       "did you mean one of --worker-memory-soft, --worker-memory-hard?",
		"--json status":           "unknown flag: --json",
		"-x":                      "'x' in -x",
		"--p=1":                   "unknown flag: --p\n",
		"--=1":                    "bad flag syntax",
		"--pool-size":             "flag needs an argument: --pool-size",
		"--pool-size --port=1":    `"--port=1" for "--pool-size" flag: it is a flag`,
		"--demo=maybe":            "it must be true or false",
		"conformance --wait=soon": "it must be a duration",
		"status x":                "unexpected argument x",
		"version x":               "unexpected argument x",
		"scale":                   "N|auto is missing",
		"scale 1 2":               "unexpected argument 2",
	} {
		if code, out, errs := ran(words(line)...); code != exitUsage || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%s: exit code %d, %q, want 2 and %q", line, code, errs, want)
		}
	}
}

func TestHelpShowsWhatCanBeGiven(t *testing.T) {
	t.Setenv("COLUMNS", "70")
	for _, c := range commands(new(options)) {
		code, out, errs := ran(c.name, "--help", "--port=x")
		if code != exitOK || errs != "" || !strings.HasPrefix(out, "Usage: fwatchdog "+c.name+" [flags]") {
			t.Errorf("%s: exit code %d, %s%s", c.name, code, errs, out)
		}
		for _, want := range append(words("-h, --version --run-healthcheck --demo"), c.takes.name) {
			if !strings.Contains(out, want) {
				t.Errorf("%s: says nothing of %s", c.name, want)
			}
		}
	}
	_, invoke, _ := ran("invoke", "-h")
	_, serve, _ := ran("serve", "-h")
	_, program, _ := ran("-h")
	for _, want := range []string{"  -d, --data=BODY|@FILE|-     The body: ", "  -i, --include  ", "\nFlags:\n  -h, --help  "} {
		if !strings.Contains(invoke, want) {
			t.Errorf("help of invoke has no %q:\n%s", want, invoke)
		}
	}
	for _, help := range []string{program, serve} {
		for _, want := range []string{"\nPool\n  --pool-size=N               Workers kept", "  --cgi-headers=true ", "  --debug-headers "} {
			if !strings.Contains(help, want) {
				t.Errorf("there is no %q in:\n%s", want, help)
			}
		}
	}
	for _, c := range commands(new(options)) {
		if want := fmt.Sprintf("\n  %-11s    %.10s", c.name, c.help); !strings.Contains(program, want) || !strings.Contains(program, "[-- COMMAND ARG...]") {
			t.Errorf("the program's help has no %q:\n%s", want, program)
		}
	}
	for _, text := range strings.Split(program+invoke, "\n") {
		if utf8.RuneCountInString(text) > 70 {
			t.Errorf("wider than the terminal: %s", text)
		}
	}
}

func TestTextIsWrappedBetweenWords(t *testing.T) {
	for _, test := range []struct {
		text  string
		width int
		want  string
	}{
		{"", 5, ""},
		{"ab cd ef", 5, "ab cd\n_ef"},
		{"ab cd ef", 8, "ab cd ef"},
		{"ab abcdefgh cd", 5, "ab\n_abcdefgh\n_cd"},
		{"äö × ü", 4, "äö ×\n_ü"},
	} {
		if got := wrap(test.text, test.width, "_"); got != test.want {
			t.Errorf("%q in %d columns is %q, want %q", test.text, test.width, got, test.want)
		}
	}
}

func TestHelpIsACommandToo(t *testing.T) {
	for line, same := range map[string]string{
		"help":                        "--help",
		"help status":                 "status --help",
		"help --port=1 scale":         "scale --help",
		"help check -- node index.js": "check --help",
		"help help":                   "help --help",
	} {
		code, out, errs := ran(words(line)...)
		_, want, _ := ran(words(same)...)
		if code != exitOK || out != want || errs != "" {
			t.Errorf("%s: exit code %d, %s%s", line, code, errs, out)
		}
	}
	want := "there is no command statsu; did you mean status?"
	if code, out, errs := ran("help", "statsu"); code != exitUsage || out != "" || !strings.Contains(errs, want) {
		t.Errorf("exit code %d, %s%s", code, errs, out)
	}
}
