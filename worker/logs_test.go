package worker_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/fakefunc"
	"fwatchdog/protocol"
	"fwatchdog/worker"
)

func TestAStrayPrintCostsNothing(t *testing.T) {
	f := start(t, puppet)
	c := f.hold(request("/"))

	f.must([]byte("printed by the handler\nno newline"))
	f.must([]byte(" yet\n"), c.respond("answered", true), []byte("\n"))

	if err := c.wait(); err != nil || c.body() != "answered" {
		t.Errorf("got %v, %q", err, c.body())
	}
	f.must()
	want := []string{"printed by the handler", "no newline yet", ""}
	if got := f.lines("stdout"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := f.counts.StrayBytes.Load(); n != 23+10+5+1 {
		t.Errorf("%d stray bytes were counted", n)
	}
}

func TestALastPrintWithoutANewlineIsNotLost(t *testing.T) {
	f := start(t, puppet)
	f.must([]byte("bye"))

	f.kill()

	if got := f.lines("stdout"); !slices.Equal(got, []string{"bye"}) {
		t.Errorf("got %q", got)
	}
}

// printer prints on stdout while its frames are elsewhere, and where its frames are.
var printer = scene("print on both pipes", func(c *fakefunc.Conn) {
	c.Greet()
	fmt.Println("on stdout")
	c.Send([]byte("on fd 3\n"))
	c.ServeRequests(func(stream uint32, _ protocol.Request) { c.Send(fakefunc.Response(stream, 200, "", true)) })
})

func TestStdoutIsFreeWhenFramesAreOnFD3(t *testing.T) {
	f := start(t, printer, func(cfg *worker.Config) { cfg.Command.FD3 = true })

	f.get("/", "")

	eventually(t, "both were logged", func() bool { return len(f.lines("stdout")) == 2 })
	got := f.lines("stdout")
	slices.Sort(got)
	if !slices.Equal(got, []string{"on fd 3", "on stdout"}) {
		t.Errorf("got %q", got)
	}
	if n := f.counts.StrayBytes.Load(); n != 8 {
		t.Errorf("%d stray bytes were counted, want those on fd 3", n)
	}
}

// wordy writes lines of the lengths in the environment on stderr, the last one without a newline, and goes.
var wordy = scene("write lines of given lengths", func(c *fakefunc.Conn) {
	c.Greet()
	var lines []string
	for _, n := range strings.Split(os.Getenv("LENGTHS"), ",") {
		length, err := strconv.Atoi(n)
		if err != nil {
			panic(err)
		}
		lines = append(lines, strings.Repeat("é", length/2)+strings.Repeat("x", length%2))
	}
	fmt.Fprint(os.Stderr, strings.Join(lines, "\n"))
})

func TestStderrLinesOfAnyLengthAreLogged(t *testing.T) {
	for limit, want := range map[int][]int{
		1000: {0, 1, 999, 1000, 1000, 1, 1000, 1000, 500, 0, 3},
		999:  {0, 1, 999, 998, 2, 998, 3, 998, 998, 504, 0, 3}, // no letter is cut in two
		0:    {0, 1, 999, 1000, 1001, 2500, 0, 3},
	} {
		f := start(t, wordy, func(cfg *worker.Config) {
			cfg.LineLimit = limit
			cfg.Command.Env = append(cfg.Command.Env, "LENGTHS=0,1,999,1000,1001,2500,0,3")
		})
		f.awaitEnd()

		var got []int
		for _, line := range f.lines("stderr") {
			got = append(got, len(line))
			if strings.ToValidUTF8(line, "?") != line {
				t.Errorf("a letter was cut in two: %q", line)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("with a limit of %d got lines of %d bytes, want %d", limit, got, want)
		}
	}
}

func TestLogFramesCarryTheirLevelAndTheCallID(t *testing.T) {
	f := start(t, puppet)
	r := request("/")
	r.CallID = []byte("call-1")
	c := f.hold(r)
	log := func(stream uint32, level protocol.Level, text string) []byte {
		return protocol.AppendLog(nil, stream, level, text, 100)
	}

	f.must(log(c.stream, 0, "debug\n"), log(c.stream, 1, "info\nin two lines"), log(c.stream, 2, "warn"),
		log(c.stream, 3, "error"), log(c.stream, 9, "unknown"), log(0, 1, "of nobody"), log(0, 1, ""))

	var got []string
	for _, entry := range f.logs.FilterMessage("function wrote").All() {
		fields := entry.ContextMap()
		got = append(got, fmt.Sprint(entry.Level, " ", fields["line"], " ", fields["call_id"], " ", fields["from"]))
	}
	want := []string{
		"info REQ 1 END <nil> log",
		fmt.Sprint(zapcore.DebugLevel, " debug call-1 log"),
		"info info\nin two lines call-1 log",
		"warn warn call-1 log",
		"error error call-1 log",
		"error unknown call-1 log",
		"info of nobody <nil> log",
		"info  <nil> log",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheCallIDIsKnownUntilTheStreamHasEnded(t *testing.T) {
	f := start(t, puppet)
	r := request("/")
	r.CallID = []byte("call-1")
	c := f.hold(r)
	c.cancel(exchange.ErrClientGone)
	if err := c.wait(); !errors.Is(err, exchange.ErrClientGone) {
		t.Errorf("got %v", err)
	}
	copy(r.CallID, "XXXXXX") // Do has returned: it serves another request

	f.must(protocol.AppendLog(nil, c.stream, protocol.LevelInfo, "cancelled", 100))

	logged := f.logs.FilterField(zap.String("line", "cancelled")).All()
	if len(logged) != 1 || logged[0].ContextMap()["call_id"] != "call-1" {
		t.Errorf("got %v", logged)
	}
}

func TestAnErrorOfNoRequestIsLogged(t *testing.T) {
	f := start(t, puppet)

	f.must(protocol.AppendError(nil, 0, protocol.CodeProtocol, "DATA of 0 bytes", 100),
		protocol.AppendError(nil, 0, protocol.CodeInit, "too late", 100))

	entries := f.logs.FilterMessage("worker reported an error").All()
	if len(entries) != 2 {
		t.Fatalf("got %d lines, want 2", len(entries))
	}
	if fields := entries[0].ContextMap(); fmt.Sprint(fields["code"]) != "6" || fields["text"] != "DATA of 0 bytes" {
		t.Errorf("got %v", fields)
	}
}
