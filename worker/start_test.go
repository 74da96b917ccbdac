package worker_test

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"fwatchdog/internal/fakefunc"
	"fwatchdog/internal/process"
	"fwatchdog/protocol"
	"fwatchdog/worker"
)

// shell is a worker that is a shell script.
func shell(script string) worker.Config { return configOf("sh", "-c", script) }

// startError is why no worker could be started.
func startError(t *testing.T, cfg worker.Config) *worker.StartError {
	t.Helper()
	_, err := launch(t, cfg)
	failed := new(worker.StartError)
	if !errors.As(err, &failed) {
		t.Fatalf("got %v, want a StartError", err)
	}
	return failed
}

// briefly makes both timeouts of a start short.
func briefly(cfg worker.Config, timeout time.Duration) worker.Config {
	cfg.HelloTimeout, cfg.StartTimeout = timeout, timeout
	return cfg
}

// A beginner's first worker is often none. Each row is what they see, and what they are told to do.
func TestAProgramThatIsNoWorkerIsExplained(t *testing.T) {
	for name, row := range map[string]struct {
		cfg              worker.Config
		what, hint, seen string // parts of
	}{
		"cat": {configOf("cat"),
			"it sent back what was sent to it", "plain stdin/stdout program", "fb f7 01"},
		"true": {configOf("true"),
			"it ended before it was READY, with exit code 0", "stays and serves requests until its stdin ends", ""},
		"false": {configOf("false"),
			"it ended before it was READY, with exit code 1", "Check fprocess", ""},
		"sleep 1000": {briefly(configOf("sleep", "1000"), 200*time.Millisecond),
			"it did not say HELLO within hello_timeout (200ms)", "raise hello_timeout", ""},
		"a program that is not there": {configOf("no-such-program"),
			"program not found", "spelt right", ""},
		"a file without execute permission": {configOf("/etc/passwd"),
			"cannot be executed", "chmod +x", ""},
		"yes": {configOf("yes"),
			"it wrote more than 64 KiB of text before HELLO", "worker_output=fd3", "79 0a 79 0a"},
		"random bytes": {configOf("head", "-c", "100000", "/dev/urandom"),
			"it wrote bytes that are neither text nor a frame", "plain stdin/stdout program", "00000000  "},
		"a banner and then nothing": {briefly(shell("echo welcome; exec sleep 1000"), time.Second),
			"it did not say HELLO within hello_timeout (1s)", "let it log to stderr", "|welcome.|"},
		"a closed stdout": {shell("exec >&-; exec sleep 1000"),
			"it closed the pipe that its frames come from", "plain stdin/stdout program", ""},
		"a signal": {shell("kill -SEGV $$"),
			"with signal 11", "Check fprocess", ""},
		"the kernel's kill": {shell("kill -KILL $$"),
			"with signal 9", "more of it", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := startError(t, row.cfg)

			if !strings.Contains(got.What, row.what) || strings.Contains(got.What, "\n") {
				t.Errorf("it says that %q, want %q", got.What, row.what)
			}
			if !strings.Contains(got.Hint, row.hint) {
				t.Errorf("it says to do %q, want %q", got.Hint, row.hint)
			}
			if !strings.Contains(got.Seen, row.seen) || (row.seen == "") != (got.Seen == "") {
				t.Errorf("it shows %q, want %q", got.Seen, row.seen)
			}
		})
	}
}

// The scenes of workers that go wrong after they have begun to speak the protocol.
var (
	older = scene("speak versions 2 to 3", func(c *fakefunc.Conn) {
		c.Send(fakefunc.Raw(protocol.TypeHello, 0, 0, []byte{0, 2, 0, 3, 0, 0}))
		c.Serve(func(fakefunc.Frame) {})
	})
	broken = scene("fail to load", func(c *fakefunc.Conn) {
		c.Send(protocol.AppendHello(nil))
		c.Send(protocol.AppendError(nil, 0, protocol.CodeInit, "no database\n  at line 3", protocol.MaxSharedPayload))
		c.Serve(func(fakefunc.Frame) {})
	})
	lazy = scene("be never ready", func(c *fakefunc.Conn) {
		c.Send(protocol.AppendHello(nil))
		c.Serve(func(fakefunc.Frame) {})
	})
	dying = scene("say HELLO and die", func(c *fakefunc.Conn) {
		c.Send(protocol.AppendHello(nil))
		_, _ = io.WriteString(os.Stderr, "Traceback\nImportError: no module named handler\n")
		os.Exit(3)
	})
	printing = scene("print binary data after HELLO", func(c *fakefunc.Conn) {
		c.Send(protocol.AppendHello(nil), []byte("\xfb\x00"))
		c.Serve(func(fakefunc.Frame) {})
	})
	hurried = scene("be READY before HELLO", func(c *fakefunc.Conn) {
		c.Send(protocol.AppendReady(nil))
		c.Serve(func(fakefunc.Frame) {})
	})
	twofold = scene("say HELLO twice", func(c *fakefunc.Conn) {
		c.Send(protocol.AppendHello(nil), protocol.AppendHello(nil, "sdk", "x"))
		c.Serve(func(fakefunc.Frame) {})
	})
	countless = scene("take no streams", func(c *fakefunc.Conn) {
		c.Send(protocol.AppendHello(nil, "concurrency", "0"))
		c.Serve(func(fakefunc.Frame) {})
	})
	garbled = scene("say HELLO with a list that is cut off", func(c *fakefunc.Conn) {
		c.Send(fakefunc.Raw(protocol.TypeHello, 0, 0, []byte{0, 1, 0, 1, 0, 9}))
		c.Serve(func(fakefunc.Frame) {})
	})
	wide = scene("say HELLO in a frame of 5000 bytes", func(c *fakefunc.Conn) {
		c.Send(protocol.AppendHello(nil, "sdk", strings.Repeat("x", 5000)))
		c.Serve(func(fakefunc.Frame) {})
	})
)

func TestAWorkerThatDoesNotBecomeReadyIsExplained(t *testing.T) {
	for scene, row := range map[string]struct{ what, hint string }{
		older:  {"the other side speaks 2 to 3, this side 1 to 1", "SDK"},
		broken: {"no database\n  at line 3", "Mend the function"},
		lazy:   {"it said HELLO but was not READY within start_timeout (1s)", "raise start_timeout"},
		dying:  {"it ended before it was READY, with exit code 3", "What it wrote should tell why"},
		printing: {"not the start of a frame at byte 18, after HELLO stream 0, 6 bytes",
			"set worker_output=fd3"},
		hurried:   {"a frame before HELLO at byte 0, as the first frame", "SDK"},
		twofold:   {"a second HELLO at byte 18", "SDK"},
		countless: {`concurrency "0" in HELLO is not a number from 1 up`, "SDK"},
		garbled:   {"the pairs of HELLO", "SDK"},
		wide:      {"5013 bytes on HELLO, at most 4084 here", "SDK"},
	} {
		t.Run(scene, func(t *testing.T) {
			cfg := newConfig(t, scene)
			if scene == lazy {
				cfg.StartTimeout = time.Second
			}

			got := startError(t, cfg)

			if !strings.Contains(got.What, row.what) {
				t.Errorf("it says that %q, want %q", got.What, row.what)
			}
			if !strings.Contains(got.Hint, row.hint) {
				t.Errorf("it says to do %q, want %q", got.Hint, row.hint)
			}
		})
	}
}

func TestAWorkerOnFD3SharesItsPipeUntilItsHello(t *testing.T) {
	cfg := newConfig(t, wide)
	cfg.Command.FD3 = true

	if got := startError(t, cfg).What; !strings.Contains(got, "5013 bytes on HELLO, at most 4084 here") {
		t.Errorf("it says that %q", got)
	}
}

func TestAStartErrorSaysEverything(t *testing.T) {
	cfg := shell("echo hello; echo no such file >&2; exit 2")

	got := startError(t, cfg).Error()

	want := `sh -c echo hello; echo no such file >&2; exit 2: it ended before it was READY, with exit code 2
It wrote where frames should be:
  00000000  68 65 6c 6c 6f 0a                                |hello.|
The end of its stderr:
  no such file
What to do:
  What it wrote should tell why. Otherwise check fprocess: is it the right program, with the right arguments, in the right folder?`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAStartErrorOfAWorkerOnFD3HoldsItsStdout(t *testing.T) {
	for script, hint := range map[string]string{
		"echo no database; exit 1":              "should tell why",
		"echo listening on 80; exec sleep 1000": "may be no worker",
		"echo listening >&2; exec sleep 1000":   "may be no worker",
		"exec sleep 1000":                       "neither wrote nor ended",
	} {
		cfg := briefly(shell(script), time.Second)
		cfg.Command.FD3 = true
		got := startError(t, cfg)
		for _, word := range []string{"no database", "listening on 80"} {
			if strings.Contains(script, word) && got.Stdout != word+"\n" {
				t.Errorf("%s: it shows %q", script, got.Stdout)
			}
		}
		if !strings.Contains(got.Hint, hint) || got.Seen != "" {
			t.Errorf("%s: it says to do %q, and shows %q", script, got.Hint, got.Seen)
		}
	}
}

func TestAStartErrorHoldsTheEndOfStderr(t *testing.T) {
	cfg := shell("seq -f '%0100g' 1 300 >&2; exit 1")

	got := startError(t, cfg).Stderr

	if !strings.HasSuffix(got, "0299\n"+strings.Repeat("0", 97)+"300\n") || len(got) > 4<<10 {
		t.Errorf("got %d bytes that end with %q", len(got), got[max(0, len(got)-20):])
	}
}

func TestAStartErrorWrapsItsCause(t *testing.T) {
	if err := startError(t, configOf("no-such-program")); !errors.Is(err, process.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	violation := new(protocol.Violation)
	if err := startError(t, newConfig(t, hurried)); !errors.As(err, &violation) {
		t.Errorf("got %v", err)
	}
}

func TestAnAbandonedStartLeavesNoProcess(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cfg := shell("echo $$ >&2; exec sleep 1000")
	starter := newStarter(t)
	go func() {
		cancel(errors.New("not wanted any more"))
	}()

	_, err := worker.Start(ctx, starter, cfg, id, discard)

	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	// newStarter's cleanup waits until every process has been reaped.
}

// A process that does not care for signals or its stdin is gone, too, when its start has failed.
func TestAProcessThatCouldNotBeStartedIsKilledWithItsChildren(t *testing.T) {
	cfg := shell("trap '' TERM INT; sleep 1000 >&- & echo $! >&2; exec >&-; while :; do sleep 1; done")

	child := strings.TrimSpace(startError(t, cfg).Stderr)

	eventually(t, "the child has gone", func() bool {
		status, err := os.ReadFile("/proc/" + child + "/stat")
		return err != nil || strings.Contains(string(status), ") Z ")
	})
}

func TestAnHTTPServerThatIsNoWorkerIsToldOfModeHTTP(t *testing.T) {
	for name, cfg := range map[string]worker.Config{
		"one that says nothing":            briefly(configOf("sleep", "1000"), 200*time.Millisecond),
		"one that prints where it listens": briefly(shell("echo listening on :3000; exec sleep 1000"), time.Second),
	} {
		t.Run(name, func(t *testing.T) {
			hint := startError(t, cfg).Hint
			for _, want := range []string{"HTTP server", "mode=http", "upstream_url=http://127.0.0.1:", "mode=classic"} {
				if !strings.Contains(hint, want) {
					t.Errorf("it says to do %q, and nothing of %q", hint, want)
				}
			}
		})
	}
}
