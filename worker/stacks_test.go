package worker_test

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/sys/unix"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/fakefunc"
	"fwatchdog/internal/life"
	"fwatchdog/worker"
)

// dumper names its signals in HELLO, and answers them on the pipe that the test names, as often as they come. It answers no
// request.
func dumper(signals string, to *os.File, text string) fakefunc.Scene {
	return func(c *fakefunc.Conn) {
		_, _ = unix.FcntlInt(to.Fd(), unix.F_SETPIPE_SZ, 1<<20) // takes all of it at once: a pause amid it would be its end
		asked := make(chan os.Signal, 1)
		signal.Notify(asked, syscall.SIGQUIT, syscall.SIGUSR1)
		c.Greet("stacks", signals, "features", "window", "concurrency", "8")
		for sig := range asked {
			_, _ = to.WriteString(strings.ReplaceAll(text, "SIG", sig.String())) // the test sees whether it came
		}
	}
}

var (
	dumpsOnStderr = scene("dump stacks on stderr", dumper("QUIT", os.Stderr, "Thread 1\n  File x\n"))
	dumpsOnStdout = scene("dump stacks on stdout", dumper("QUIT", os.Stdout, "Full thread dump\n  main\n"))
	dumpsTwice    = scene("dump stacks twice", dumper("QUIT later USR1", os.Stderr, "SIG\n"))
	dumpsMuch     = scene("dump very much", dumper("QUIT", os.Stderr, strings.Repeat(strings.Repeat("x", 500)+"\n", 1000)))
	dumpsNothing  = scene("dump nothing", dumper("", os.Stderr, "never seen\n"))
	diesOnDump    = scene("die with stacks", func(c *fakefunc.Conn) {
		c.Greet("sdk", "go/0.1.0")
		select {}
	})
	diesSlowly = scene("die with stacks, with a pause amid them", func(c *fakefunc.Conn) {
		asked := make(chan os.Signal, 1)
		signal.Notify(asked, syscall.SIGQUIT)
		c.Greet("sdk", "go/0.1.0")
		<-asked
		_, _ = os.Stderr.WriteString("SIGQUIT: quit\n") // the test sees whether it came
		time.Sleep(400 * time.Millisecond)              // the machine is busy
		_, _ = os.Stderr.WriteString("goroutine 1 [running]:\n")
		os.Exit(2)
	})
)

// unresponsive ends the worker as the pool ends one that does not answer PING.
func unresponsive(t *testing.T, scene string) (end map[string]any, f *function) {
	t.Helper()
	f = start(t, scene)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	f.Leave(over, life.Heartbeat)
	if why := f.Ended(); why != life.Heartbeat {
		t.Errorf("it ended because of %s", why)
	}
	return f.end(), f
}

func TestWorkerThatDoesNotAnswerIsAskedForItsStacks(t *testing.T) {
	for scene, want := range map[string]string{
		dumpsOnStderr: "Thread 1\n  File x\n",
		dumpsOnStdout: "Full thread dump\n  main\n",
		dumpsTwice:    "quit\nuser defined signal 1\n",
	} {
		end, f := unresponsive(t, scene)
		if end["stacks"] != want {
			t.Errorf("%s: the end tells %q", scene, end["stacks"])
		}
		if n := f.logs.FilterMessage("function wrote").Len(); n != 0 {
			t.Errorf("%s: its stacks are %d log lines beside it", scene, n)
		}
	}
}

func TestWorkerThatGoesOnAfterItsDeadlineIsAskedForItsStacks(t *testing.T) {
	f := start(t, dumpsOnStderr, func(c *worker.Config) { c.CancelGrace = 10 * time.Millisecond })
	r := request("/")
	r.Timeout = 10 * time.Millisecond
	if err := f.begin(r).wait(); !errors.Is(err, exchange.ErrDeadline) {
		t.Errorf("got %v", err)
	}
	if end := f.end(); end["reason"] != "timeout" || end["stacks"] != "Thread 1\n  File x\n" {
		t.Errorf("the end tells %v", end)
	}
}

func TestStacksOfAGoWorkerAreReadToTheirEnd(t *testing.T) {
	for _, scene := range []string{diesOnDump, diesSlowly} {
		end, _ := unresponsive(t, scene)
		if text, _ := end["stacks"].(string); !strings.HasPrefix(text, "SIGQUIT: quit") || !strings.Contains(text, "goroutine ") {
			t.Errorf("%s: the end tells %q", scene, text)
		}
	}
}

func TestStacksAreKeptUpToALimit(t *testing.T) {
	end, _ := unresponsive(t, dumpsMuch)
	if text, _ := end["stacks"].(string); len(text) < 60<<10 || len(text) > 64<<10 {
		t.Errorf("%d bytes are kept", len(text))
	}
}

func TestProgramThatKnowsNoDumpIsNotAskedForOne(t *testing.T) {
	if end, _ := unresponsive(t, dumpsNothing); end["stacks"] != nil || end["exit"] != "signal 9 (killed)" {
		t.Errorf("got %v", end)
	}
}

func TestNobodyIsAskedForStacksForAnotherReason(t *testing.T) {
	f := start(t, dumpsOnStderr)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	f.Leave(over, life.MemoryHard)
	if end := f.end(); end["stacks"] != nil {
		t.Errorf("got %v", end)
	}
}

// slowAfter makes requests slow that last so long.
func slowAfter(d time.Duration) func(*worker.Config) {
	return func(c *worker.Config) { c.SlowAfter = d }
}

// shown is what the log has of the stacks of slow requests.
func (f *function) shown() []observer.LoggedEntry {
	return f.logs.FilterMessage("stacks of a slow request").All()
}

func TestTheStacksOfASlowRequestAreLoggedWhileItRuns(t *testing.T) {
	for scene, want := range map[string]string{
		dumpsOnStderr: "Thread 1\n  File x\n",
		dumpsOnStdout: "Full thread dump\n  main\n",
		dumpsTwice:    "quit\nuser defined signal 1\n",
	} {
		f := start(t, scene, slowAfter(20*time.Millisecond))
		r := request("/")
		r.CallID = []byte("the call")
		f.begin(r) // it is never answered
		eventually(t, scene+": its stacks are logged", func() bool { return len(f.shown()) == 1 })
		got := f.shown()[0].ContextMap()
		if got["stacks"] != want || got["call_id"] != "the call" || got["slot"] != int64(id.Slot) || got["serial"] != id.Serial {
			t.Errorf("%s: logged %v", scene, got)
		}
		if running := got["running"].(time.Duration); running < 20*time.Millisecond || f.Streams() != 1 {
			t.Errorf("%s: after %v, with %d requests in flight", scene, running, f.Streams())
		}
		if n := f.logs.FilterMessage("function wrote").Len(); n != 0 {
			t.Errorf("%s: its stacks are %d log lines beside it", scene, n)
		}
	}
}

func TestWhatAWorkerWritesAfterItsStacksIsLoggedAsEver(t *testing.T) {
	f := start(t, dumpsOnStderr, slowAfter(20*time.Millisecond))
	f.begin(request("/"))
	eventually(t, "its stacks are logged", func() bool { return len(f.shown()) == 1 })
	f.signal(syscall.SIGUSR1)
	eventually(t, "its lines are logged", func() bool { return len(f.lines("stderr")) == 2 })
	f.kill()
	if end := f.end(); end["stacks"] != nil {
		t.Errorf("its end has the stacks once more: %v", end)
	}
}

func TestTheStacksOfASlowRequestAreCutAtALimit(t *testing.T) {
	f := start(t, dumpsMuch, slowAfter(20*time.Millisecond))
	f.begin(request("/"))
	eventually(t, "its stacks are logged", func() bool { return len(f.shown()) == 1 })
	text := f.shown()[0].ContextMap()["stacks"].(string)
	if len(text) > 65<<10 || !strings.HasSuffix(text, "x\nand 870 lines more\n") {
		t.Errorf("%d bytes, which end with %q", len(text), text[max(0, len(text)-40):])
	}
}

func TestAWorkerThatHangsTellsSoAgainAfterASlowRequest(t *testing.T) {
	f := start(t, dumpsOnStderr, slowAfter(20*time.Millisecond))
	f.begin(request("/"))
	eventually(t, "its stacks are logged", func() bool { return len(f.shown()) == 1 })
	over, cancel := context.WithCancel(t.Context())
	cancel()
	f.Leave(over, life.Heartbeat)
	if end := f.end(); end["stacks"] != "Thread 1\n  File x\n" {
		t.Errorf("its end has %q", end["stacks"])
	}
}
