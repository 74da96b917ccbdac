package worker_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"fwatchdog/internal/fakefunc"
	"fwatchdog/internal/process"
	"fwatchdog/protocol"
	"fwatchdog/worker"
)

var saysMuchAndExits = scene("says much and exits", func(c *fakefunc.Conn) {
	c.Greet(shared...)
	c.ServeRequests(func(stream uint32, _ protocol.Request) {
		c.Send(protocol.AppendLog(nil, stream, protocol.LevelInfo, "a line", protocol.MaxSharedPayload))
		for n := range 5 {
			fmt.Fprintf(os.Stderr, "%d of 5\n", n+1)
		}
		c.Send(fakefunc.Response(stream, 200, "the answer", true))
		os.Exit(1)
	})
})

func TestNothingThatADeadWorkerWroteIsLostThoughTheLogIsSlow(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	slow := zap.New(core).WithOptions(zap.Hooks(func(e zapcore.Entry) error {
		if e.Message == "function wrote" {
			time.Sleep(2 * process.Grace)
		}
		return nil
	}))
	cfg := newConfig(t, saysMuchAndExits)
	w, err := worker.Start(t.Context(), newStarter(t), cfg, id, slow)
	if err != nil {
		t.Fatal(err)
	}
	f := &function{Framed: w, t: t, logs: logs, counts: cfg.Counts}
	t.Cleanup(f.kill)
	c := f.begin(request("/"))
	if err := c.wait(); err != nil || string(c.Response.Body) != "the answer" {
		t.Errorf("got %q (%v)", c.Response.Body, err)
	}
	f.awaitEnd()
	ends := logs.FilterMessage("worker ended").All()
	if len(ends) != 1 || !strings.Contains(fmt.Sprint(ends[0].ContextMap()["stderr"]), "5 of 5") {
		t.Errorf("logged %v", ends)
	}
}

var complains = scene("complains", func(c *fakefunc.Conn) {
	c.Greet(shared...)
	c.ServeRequests(func(stream uint32, _ protocol.Request) {
		for range 1000 {
			c.Send(protocol.AppendError(nil, 0, protocol.CodeRaised, "something is wrong", protocol.MaxSharedPayload))
		}
		c.Send(fakefunc.Response(stream, 200, "", true))
	})
})

func TestErrorsOfAWorkerCountAmongTheLinesThatTheLogTakes(t *testing.T) {
	f := start(t, complains, func(cfg *worker.Config) { cfg.LineRate = 10 })
	if err := f.begin(request("/")).wait(); err != nil {
		t.Fatal(err)
	}
	if n := f.logs.FilterMessage("worker reported an error").Len(); n == 0 || n >= 1000 {
		t.Errorf("%d of 1000 errors are in the log", n)
	}
	if n := f.counts.LinesDropped.Load(); n == 0 {
		t.Error("none was counted as dropped")
	}
}

var logsOnAClosedStream = scene("logs much, and on a closed stream", func(c *fakefunc.Conn) {
	c.Greet(shared...)
	c.ServeRequests(func(stream uint32, _ protocol.Request) {
		for range 100 {
			c.Send(protocol.AppendLog(nil, 0, protocol.LevelInfo, "a line", protocol.MaxSharedPayload))
		}
		c.Send(fakefunc.Response(stream, 200, "", true))
		c.Send(protocol.AppendLog(nil, stream, protocol.LevelInfo, "late", protocol.MaxSharedPayload))
	})
})

func TestLogOnAClosedStreamIsAViolationAlsoInAFlood(t *testing.T) {
	f := start(t, logsOnAClosedStream, func(cfg *worker.Config) { cfg.LineRate = 10 })
	if err := f.begin(request("/")).wait(); err != nil {
		t.Fatal(err)
	}
	f.awaitEnd()
	if n := f.counts.ProtocolErrors.Load(); n != 1 {
		t.Errorf("%d violations", n)
	}
}
