package worker_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/fakefunc"
	"fwatchdog/internal/life"
	"fwatchdog/protocol"
	"fwatchdog/worker"
)

// careful reads as many bytes of requests as its first one's target says, and never one more.
var careful = scene("read so many bytes and no more", func(c *fakefunc.Conn) {
	c.Greet(shared...)
	readFrame()
	c.Log("started")
	_, more, _ := strings.Cut(string(readFrame()), "/read/")
	n, err := strconv.Atoi(strings.TrimRight(more, "\x00"))
	if err == nil {
		_, err = io.ReadFull(os.Stdin, make([]byte, n))
	}
	c.Log("has read, %v", err)
	select {}
})

// readFrame reads one frame and nothing behind it.
func readFrame() []byte {
	header := make([]byte, protocol.HeaderSize)
	_, err := io.ReadFull(os.Stdin, header)
	payload := make([]byte, binary.BigEndian.Uint32(header[8:]))
	if err == nil {
		_, err = io.ReadFull(os.Stdin, payload)
	}
	if err != nil {
		panic(err)
	}
	return payload
}

func TestARequestIsUnseenIfNoByteOfItWasRead(t *testing.T) {
	const size = protocol.HeaderSize + 4 + 4 + 5 + 3 + 2 // of the REQ of GET /
	for more, seen := range map[int]int{0: 1, 1: 2, size - 1: 2, size: 2, size + 1: 3} {
		t.Run(fmt.Sprint(more, " bytes more"), func(t *testing.T) {
			f := start(t, careful)
			f.awaitLine("started")
			first := f.begin(request(fmt.Sprintf("/read/%d", more)))
			eventually(t, "the first was sent", func() bool { return f.Streams() == 1 })
			calls := []*call{first}
			for n := range 3 {
				calls = append(calls, f.begin(request("/")))
				eventually(t, "it was sent", func() bool { return f.Streams() == n+2 && f.Pending() == 0 })
			}
			f.awaitLine("has read, <nil>")

			f.signal(syscall.SIGKILL)

			for n, c := range calls {
				lost := new(exchange.LostError)
				if err := c.wait(); !errors.As(err, &lost) || lost.Cause != exchange.CauseCrash || lost.Unseen != (n >= seen) {
					t.Errorf("request %d got %v", n, err)
				}
				if !c.freed.Load() {
					t.Errorf("the place of request %d was kept", n)
				}
			}
		})
	}
}

func TestWhatThePipeDidNotTakeIsUnseen(t *testing.T) {
	f := start(t, puppet)
	f.signal(syscall.SIGSTOP)
	eventually(t, "all its threads have stopped", func() bool { return hasStopped(t, f.Vitals().Pid) })
	r := request("/")
	r.Body = make([]byte, 60000)
	var calls []*call
	for n := range 5 {
		calls = append(calls, f.begin(r))
		eventually(t, "it was sent", func() bool { return f.Streams() == n+1 })
	}

	f.signal(syscall.SIGKILL)

	for n, c := range calls {
		lost := new(exchange.LostError)
		if err := c.wait(); !errors.As(err, &lost) || !lost.Unseen {
			t.Errorf("request %d got %v", n, err)
		}
	}
	if why := f.awaitEnd(); why != life.Crash {
		t.Errorf("it ended because of %s", why)
	}
}

// hasStopped reports whether no thread of a process can run.
func hasStopped(t *testing.T, pid int) bool {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(threads) == 0 {
		t.Fatal("no threads", err)
	}
	for _, thread := range threads {
		if stat, err := os.ReadFile(thread); err == nil && !strings.Contains(string(stat), ") T ") {
			return false
		}
	}
	return true
}

func TestAKillInFlightResolvesEveryStream(t *testing.T) {
	f := start(t, puppet)
	waiting, streaming := f.hold(request("/")), f.hold(request("/"))
	f.must(streaming.respond("begin", false))
	client := streaming.read()
	close(client.pieces)

	f.signal(syscall.SIGKILL)

	for _, err := range []error{waiting.wait(), <-client.over} {
		lost := new(exchange.LostError)
		if !errors.As(err, &lost) || lost.Cause != exchange.CauseCrash || lost.Unseen {
			t.Errorf("got %v", err)
		}
	}
	streaming.close()
	if why := f.asked(); why != life.Crash {
		t.Errorf("it asked because of %s", why)
	}
	if end := f.end(); end["reason"] != "crash" || end["exit"] != "signal 9 (killed)" {
		t.Errorf("got %v, %v", end["reason"], end["exit"])
	}
	if !waiting.freed.Load() || !streaming.freed.Load() {
		t.Error("a place was kept")
	}
}

func TestADeadWorkerTakesNothingMore(t *testing.T) {
	f := start(t, puppet)
	f.signal(syscall.SIGKILL)
	f.awaitEnd()

	c := f.begin(request("/"))

	lost := new(exchange.LostError)
	if err := c.wait(); !errors.As(err, &lost) || !lost.Unseen || !c.freed.Load() {
		t.Errorf("got %v, place given back: %v", err, c.freed.Load())
	}
	f.Ping()
	f.kill()
	if pid := f.Vitals().Pid; pid != 0 {
		t.Errorf("a dead worker has the pid %d", pid)
	}
	if why := f.Ended(); why != life.Crash {
		t.Errorf("it ended because of %s", why)
	}
}

// quitter ends as the target says: with an exit code.
var quitter = scene("exit on request", func(c *fakefunc.Conn) {
	c.Greet()
	c.ServeRequests(func(_ uint32, r protocol.Request) {
		code, err := strconv.Atoi(strings.TrimPrefix(string(r.Target), "/"))
		if err != nil {
			panic(err)
		}
		fmt.Fprintln(os.Stderr, "the last words")
		os.Exit(code)
	})
})

func TestAnExitByItselfIsNamedByItsCode(t *testing.T) {
	for target, want := range map[string]struct {
		why  life.Reason
		exit string
	}{
		"/0": {life.Exit, "exit code 0"},
		"/3": {life.Crash, "exit code 3"},
	} {
		f := start(t, quitter)

		err := f.begin(request(target)).wait()

		lost := new(exchange.LostError)
		if !errors.As(err, &lost) || lost.Cause != exchange.CauseCrash || lost.Unseen {
			t.Errorf("got %v", err)
		}
		end := f.end()
		if f.Ended() != want.why || end["exit"] != want.exit || end["stderr"] != "the last words\n" {
			t.Errorf("got %s, %v, %q", f.Ended(), end["exit"], end["stderr"])
		}
	}
}

// follower answers each request once it has ended, and tells of all it gets, EOF too.
var follower = scene("follow to the end", func(c *fakefunc.Conn) {
	c.Greet(shared...)
	c.Serve(func(f fakefunc.Frame) {
		c.Log("%s", describe(f))
		if f.End {
			c.Send(fakefunc.Response(f.Stream, 200, "done", true))
		}
	})
	c.Log("EOF")
})

func TestAWorkerThatLeavesFinishesItsStreamsBeforeItsStdinIsClosed(t *testing.T) {
	f := start(t, follower)
	r := request("/")
	body, client := pipeUpload()
	r.Stream = body
	c := f.begin(r)
	f.awaitLine("REQ 1")
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		f.Leave(t.Context(), life.MaxAge)
	}()
	f.awaitLine("GOAWAY: max_age")

	lost := new(exchange.LostError)
	if err := f.begin(request("/")).wait(); !errors.As(err, &lost) || !lost.Unseen {
		t.Errorf("a worker that leaves took a request: %v", err)
	}
	f.Ping()
	if err := client.Close(); err != nil {
		t.Error(err)
	}

	if err := c.wait(); err != nil || c.body() != "done" {
		t.Errorf("got %v, %q", err, c.body())
	}
	<-gone
	if got, want := f.lines("log"), []string{"HELLO 0", "REQ 1", "GOAWAY: max_age", "DATA 1: 0 END", "EOF"}; !slices.Equal(got, want) {
		t.Errorf("the worker got %q, want %q", got, want)
	}
	if end := f.end(); end["reason"] != "max_age" || end["exit"] != "exit code 0" {
		t.Errorf("got %v, %v", end["reason"], end["exit"])
	}
}

func TestAnIdleWorkerLeavesAtOnce(t *testing.T) {
	f := start(t, follower)

	f.Leave(t.Context(), life.Idle)

	if got, want := f.lines("log"), []string{"HELLO 0", "GOAWAY: idle", "EOF"}; !slices.Equal(got, want) {
		t.Errorf("the worker got %q, want %q", got, want)
	}
	f.Leave(t.Context(), life.Stop)
	if why := f.Ended(); why != life.Idle {
		t.Errorf("it ended because of %s", why)
	}
}

func TestAPingBehindTheEndOfStdinHarmsNobody(t *testing.T) {
	f := start(t, slow)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		f.Leave(t.Context(), life.Idle)
	}()
	f.awaitLine("EOF")

	f.Ping()

	<-gone
	if end := f.end(); end["exit"] != "exit code 0" || end["violation"] != nil {
		t.Errorf("got %v, %v", end["exit"], end["violation"])
	}
}

// slow closes its output when it is asked to go, and takes longer than a worker may live without one.
var slow = scene("take time to go", func(c *fakefunc.Conn) {
	c.Greet()
	c.Serve(func(fakefunc.Frame) {})
	c.Log("EOF")
	_ = c.Out.Close() // a failure is what the next test sees
	<-time.After(300 * time.Millisecond)
})

func TestAWorkerThatGoesMayTakeItsTime(t *testing.T) {
	f := start(t, slow)

	f.Leave(t.Context(), life.Stop)

	if end := f.end(); end["exit"] != "exit code 0" || end["violation"] != nil {
		t.Errorf("got %v, %v", end["exit"], end["violation"])
	}
}

// deserter does not go.
var deserter = scene("never go", func(c *fakefunc.Conn) {
	c.Greet()
	c.Serve(func(f fakefunc.Frame) { c.Log("%s", describe(f)) })
	select {}
})

func TestAWorkerThatDoesNotLeaveIsKilled(t *testing.T) {
	f := start(t, deserter)
	c := f.begin(request("/"))
	f.awaitLine("REQ 1 END")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()

	f.Leave(ctx, life.MemorySoft)

	if end := f.end(); end["reason"] != "memory_soft" || end["exit"] != "signal 9 (killed)" {
		t.Errorf("got %v, %v", end["reason"], end["exit"])
	}
	lost := new(exchange.LostError)
	if err := c.wait(); !errors.As(err, &lost) || lost.Cause != exchange.CauseMemory {
		t.Errorf("got %v", err)
	}
}

func TestTheCauseOfALossFollowsFromTheReason(t *testing.T) {
	for why, want := range map[life.Reason]exchange.Cause{
		life.MemoryHard: exchange.CauseMemory,
		life.Heartbeat:  exchange.CauseTimeout,
		life.Reload:     exchange.CauseCrash,
		life.Crash:      exchange.CauseCrash,
	} {
		f := start(t, deserter)
		c := f.begin(request("/"))
		f.awaitLine("REQ 1 END")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()

		f.Leave(ctx, why)

		lost := new(exchange.LostError)
		if err := c.wait(); !errors.As(err, &lost) || lost.Cause != want {
			t.Errorf("got %v after %s", err, why)
		}
		if f.Ended() != why {
			t.Errorf("it ended because of %s", f.Ended())
		}
	}
}

func TestAWorkerMayAskToBeReplacedAndGoesOn(t *testing.T) {
	f := start(t, puppet)
	goAway := protocol.AppendGoAway(nil, "tired")

	for range 100 {
		f.must(goAway)
	}

	if why := f.asked(); why != life.GoAway {
		t.Errorf("it asked because of %s", why)
	}
	f.signal(syscall.SIGKILL)
	if why := f.asked(); why != life.Crash {
		t.Errorf("it asked again because of %s", why)
	}
}

// mute does with its pipes what the target says.
var mute = scene("close a pipe and live on", func(c *fakefunc.Conn) {
	c.Greet(shared...)
	c.ServeRequests(func(_ uint32, r protocol.Request) {
		switch string(r.Target) {
		case "/stdin":
			_ = os.Stdin.Close() // a failure is what the test sees
			c.Log("closed")
		case "/half a frame":
			c.Send([]byte("\xfb\xf7\x12"))
			fallthrough
		case "/stdout":
			_ = c.Out.Close() // a failure is what the test sees
		}
		select {}
	})
})

func TestAWorkerThatClosesItsOutputIsOfNoUse(t *testing.T) {
	for target, want := range map[string]string{
		"/stdout":       "it closed the pipe that its frames come from",
		"/half a frame": "it closed the pipe that its frames come from, inside a frame",
	} {
		f := start(t, mute)

		err := f.begin(request(target)).wait()

		lost := new(exchange.LostError)
		if !errors.As(err, &lost) || lost.Cause != exchange.CauseProtocol {
			t.Errorf("got %v", err)
		}
		if end := f.end(); end["reason"] != "protocol" || end["violation"] != want {
			t.Errorf("got %v, %q", end["reason"], end["violation"])
		}
	}
}

// severed closes its output and goes on reading.
var severed = scene("read on without an output", func(c *fakefunc.Conn) {
	c.Greet(shared...)
	c.ServeRequests(func(uint32, protocol.Request) { _ = c.Out.Close() }) // a failure is what the test sees
})

func TestAWorkerWithoutAnOutputGetsNothingMore(t *testing.T) {
	f := start(t, severed)
	f.begin(request("/"))
	eventually(t, "it is noticed", f.Mute)

	lost := new(exchange.LostError)
	if err := f.begin(request("/")).wait(); !errors.As(err, &lost) || !lost.Unseen {
		t.Errorf("got %v", err)
	}
}

func TestAWorkerThatClosesItsStdinIsOfNoUse(t *testing.T) {
	f := start(t, mute)
	first := f.begin(request("/stdin"))
	f.awaitLine("closed")

	second := f.begin(request("/"))

	lost := new(exchange.LostError)
	if err := second.wait(); !errors.As(err, &lost) || !lost.Unseen {
		t.Errorf("got %v for the second request", err)
	}
	if err := first.wait(); !errors.As(err, &lost) || lost.Unseen {
		t.Errorf("got %v for the first request", err)
	}
	if end := f.end(); end["reason"] != "protocol" || end["violation"] != "it closed its stdin: broken pipe" {
		t.Errorf("got %v, %q", end["reason"], end["violation"])
	}
}

// A grandchild in a session of its own survives its worker, with the worker's pipes in its hands.
func TestAGrandchildThatHoldsThePipesDelaysNoEnd(t *testing.T) {
	cfg := shell(greeting + `setsid sleep 1000 & echo $! >&2; exec sleep 1000`)
	f, err := launch(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the grandchild lives", func() bool { return len(f.lines("stderr")) == 1 })
	grandchild, err := strconv.Atoi(f.lines("stderr")[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(grandchild, syscall.SIGKILL) }) // it may have gone
	r := request("/")
	r.Body = make([]byte, worker.MaxWholeBody)
	calls := []*call{f.begin(r), f.begin(r)}
	eventually(t, "a writer waits", func() bool { return f.Streams() == 2 })
	began := time.Now()

	f.signal(syscall.SIGKILL)

	f.awaitEnd()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	for n, c := range calls {
		lost := new(exchange.LostError)
		if err := c.wait(); !errors.As(err, &lost) || !lost.Unseen {
			t.Errorf("request %d got %v", n, err)
		}
	}
}

// greeting makes a shell say HELLO and READY.
const greeting = `printf '\373\367\001\000\000\000\000\000\000\000\000\006\000\001\000\001\000\000` +
	`\373\367\002\000\000\000\000\000\000\000\000\000'; `

func TestAThousandWorkersLeaveNothingBehind(t *testing.T) {
	starter := newStarter(t)
	cfg := shell(greeting + `while read line; do :; done`)
	cycle := func(n uint64) {
		id := life.ID{Serial: n, Generation: 1}
		w, err := worker.Start(t.Context(), starter, cfg, id, discard)
		if err != nil {
			t.Fatal(err)
		}
		if n%2 == 0 { // one way to end
			w.Leave(t.Context(), life.Stop)
		} else { // and the other
			(&function{Framed: w, t: t}).signal(syscall.SIGKILL)
		}
		<-w.Done()
	}
	cycle(1)
	before := descriptors(t)

	for n := range uint64(1000) {
		cycle(n + 2)
	}

	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors are open, there were %d before", after, before)
	}
	// TestMain looks for goroutines.
}

// descriptors is how many this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}
