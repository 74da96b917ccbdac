package worker_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"fwatchdog/internal/fakefunc"
	"fwatchdog/protocol"
	"fwatchdog/worker"
)

// reporter answers every request with what it has seen of the host so far.
var reporter = scene("report what the host says", func(c *fakefunc.Conn) {
	first, _ := c.Next()
	hello, err := protocol.ParseHello(first.Payload)
	if first.Type != protocol.TypeHello || err != nil {
		panic(fmt.Sprint(first.Header, err))
	}
	said := []string{fmt.Sprintf("versions %d to %d", hello.Min, hello.Max)}
	for key, value := range hello.Pairs.All() {
		said = append(said, fmt.Sprintf("%s: %s", key, value))
	}
	for _, entry := range os.Environ() {
		if strings.HasPrefix(entry, "FWATCHDOG_") {
			said = append(said, entry)
		}
	}
	c.Greet("sdk", "fake 1.0", "runtime", "test 2.0", "pid", "1", "concurrency", "8", "sdk", "again",
		"features", "window exclusive unknown-word ping-busy", "unknown-pair", "x")
	c.ServeRequests(func(stream uint32, _ protocol.Request) {
		c.Send(fakefunc.Response(stream, 200, strings.Join(said, "\n"), true))
	})
})

func TestTheHostSaysHelloFirstAndSetsTheEnvironment(t *testing.T) {
	f := start(t, reporter, func(cfg *worker.Config) { cfg.Concurrency = 5 })

	_, report := f.do(request("/"))

	got := strings.Split(report, "\n")
	slices.Sort(got)
	want := []string{
		"FWATCHDOG_CONCURRENCY=5",
		"FWATCHDOG_GENERATION=3",
		"FWATCHDOG_SLOT=2",
		"FWATCHDOG_WORKER=1",
		"features: window exclusive ping-busy",
		"generation: 3",
		"max_frame: 65536",
		"slot: 2",
		"versions 1 to 1",
		"window: 262144",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestVariablesOfAnOuterHostDoNotReachTheWorker(t *testing.T) {
	f := start(t, reporter, func(cfg *worker.Config) {
		cfg.Command.Env = append(cfg.Command.Env, "FWATCHDOG_SLOT=99", "FWATCHDOG_OUT_FD=3", "FWATCHDOG_CONCURRENCY=1000",
			"FWATCHDOG_OTHER=stays")
	})

	_, report := f.do(request("/"))

	for _, hidden := range []string{"=99", "OUT_FD", "CONCURRENCY"} {
		if strings.Contains(report, hidden) {
			t.Errorf("got %s in %s", hidden, report)
		}
	}
	if !strings.Contains(report, "FWATCHDOG_OTHER=stays") {
		t.Errorf("got %s, want the variable that the protocol does not know", report)
	}
}

func TestAWorkerOnFD3IsToldSo(t *testing.T) {
	f := start(t, reporter, func(cfg *worker.Config) { cfg.Command.FD3 = true })

	_, report := f.do(request("/"))

	if !strings.Contains(report, "FWATCHDOG_OUT_FD=3") {
		t.Errorf("got %s", report)
	}
}

func TestWhatAWorkerSaysOfItselfIsKnown(t *testing.T) {
	f := start(t, reporter)

	about := f.About()

	if about.SDK != "fake 1.0" || about.Runtime != "test 2.0" {
		t.Errorf("got %q on %q", about.SDK, about.Runtime)
	}
	if want := []string{"window", "exclusive", "unknown-word", "ping-busy"}; !slices.Equal(about.Features, want) {
		t.Errorf("got the features %q, want %q", about.Features, want)
	}
	if f.Concurrency() != 8 {
		t.Errorf("got concurrency %d, want 8", f.Concurrency())
	}
	if v := f.Vitals(); v.Boot <= 0 || !v.PingBusy || v.Pid == 0 {
		t.Errorf("got %+v", v)
	}
	if n := f.logs.FilterMessage("worker started").Len(); n != 1 {
		t.Errorf("got %d lines of the start, want 1", n)
	}
}

// greeter serves nothing: it says HELLO with the pairs in its environment, and READY.
var greeter = scene("greet with given pairs", func(c *fakefunc.Conn) {
	c.Greet(strings.Split(os.Getenv("PAIRS"), ",")...)
	c.Serve(func(fakefunc.Frame) {})
})

func TestAWorkerTakesAsManyStreamsAsItSays(t *testing.T) {
	for pairs, want := range map[string]int{
		"sdk,x":                              1,
		"concurrency,64":                     1, // it knows no window
		"concurrency,64,features,window":     64,
		"features,window ping-busy":          1,
		"concurrency,1,features,window":      1,
		"features,exclusive,concurrency,100": 1,
	} {
		t.Run(pairs, func(t *testing.T) {
			f := start(t, greeter, func(cfg *worker.Config) { cfg.Command.Env = append(cfg.Command.Env, "PAIRS="+pairs) })

			if f.Concurrency() != want {
				t.Errorf("got concurrency %d, want %d", f.Concurrency(), want)
			}
		})
	}
}

func TestPingIsNotAnsweredWhileTheReaderMayWait(t *testing.T) {
	f := start(t, greeter, func(cfg *worker.Config) {
		cfg.Command.Env = append(cfg.Command.Env, "PAIRS=features,ping-busy")
	})

	if f.Vitals().PingBusy {
		t.Error("a worker without windows is judged while it is busy")
	}
}

var newer = scene("speak versions 1 to 9", func(c *fakefunc.Conn) {
	hello := protocol.AppendHello(nil, "sdk", "newer")
	hello[protocol.HeaderSize+3] = 9
	c.Send(hello, protocol.AppendReady(nil))
	c.Serve(func(fakefunc.Frame) {})
})

func TestAWorkerMaySpeakLaterVersionsToo(t *testing.T) {
	start(t, newer)
}

var talkative = scene("write 60 KiB of text before HELLO", func(c *fakefunc.Conn) {
	fmt.Println(strings.Repeat("banner\n", 60<<10/7))
	c.Greet()
	c.Serve(func(fakefunc.Frame) {})
})

func TestTextBeforeHelloIsLogged(t *testing.T) {
	f := start(t, talkative)

	if n := len(f.lines("stdout")); n != 60<<10/7+1 { // and an empty one
		t.Errorf("got %d lines, want %d", n, 60<<10/7+1)
	}
	if n := f.counts.StrayBytes.Load(); n != 60<<10/7*7+1 {
		t.Errorf("%d stray bytes were counted, want %d", n, 60<<10/7*7+1)
	}
}

func TestConfigNamesEverySettingThatIsOutOfRange(t *testing.T) {
	err := worker.Config{Concurrency: -1, CancelGrace: -1, LineLimit: -1}.Validate()

	for _, setting := range []string{"worker_concurrency", "hello_timeout", "start_timeout", "cancel_grace", "log_buffer_size"} {
		if err == nil || !strings.Contains(err.Error(), setting) {
			t.Errorf("got %v, want %s in it", err, setting)
		}
	}
	if err := configOf("x").Validate(); err != nil {
		t.Errorf("got %v for a good one", err)
	}
}
