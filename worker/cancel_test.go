package worker_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/fakefunc"
	"fwatchdog/internal/life"
	"fwatchdog/protocol"
	"fwatchdog/worker"
)

// grace makes cancel_grace as short as a test wants it.
func grace(d time.Duration) func(*worker.Config) {
	return func(cfg *worker.Config) { cfg.CancelGrace = d }
}

// within makes a request that must be answered in time.
func within(limit time.Duration) exchange.Request {
	r := request("/")
	r.Timeout = limit
	return r
}

func TestDoReturnsAtItsDeadline(t *testing.T) {
	f := start(t, puppet)
	const limit = 100 * time.Millisecond
	best := time.Hour // of several rounds: a busy machine delays some, a Do that is late delays all
	for round := 0; round < 20 && best > limit+50*time.Millisecond; round++ {
		c := f.begin(within(limit))
		if err := c.wait(); !errors.Is(err, exchange.ErrDeadline) {
			t.Errorf("got %v", err)
		}
		best = min(best, c.spent)
	}

	if best < limit || best > limit+50*time.Millisecond {
		t.Errorf("Do returned after %v", best)
	}
}

func TestThePlaceIsKeptUntilTheTerminalFrame(t *testing.T) {
	f := start(t, puppet)
	c := f.hold(within(time.Hour))

	f.Due()

	if err := c.wait(); !errors.Is(err, exchange.ErrDeadline) {
		t.Errorf("got %v", err)
	}
	f.awaitLine("CANCEL 1: 1")
	if n := f.counts.Cancelled[protocol.CancelDeadline].Load(); n != 1 {
		t.Errorf("%d CANCELs were counted", n)
	}
	if c.freed.Load() {
		t.Error("the place was given back before the stream had ended")
	}

	f.must(c.respond("late", true))

	if !c.freed.Load() {
		t.Error("the place was kept")
	}
	if n := f.counts.LateResponses.Load(); n != 1 {
		t.Errorf("%d late responses were counted", n)
	}
	if c.Response.Status != 0 {
		t.Error("the late response was written into an exchange that was over")
	}
}

func TestEveryLateTerminalFrameIsCountedAndNonePunished(t *testing.T) {
	f := start(t, puppet)
	for n, late := range []func(c *call) [][]byte{
		func(c *call) [][]byte { return [][]byte{c.respond("late", true)} },
		func(c *call) [][]byte {
			return [][]byte{c.window(7), c.respond("la", false), c.data(100, false), c.data(0, true)}
		},
		func(c *call) [][]byte { return [][]byte{c.fail(protocol.CodeCancelled)} },
		func(c *call) [][]byte { return [][]byte{c.respond("la", false), c.fail(protocol.CodeCancelled)} },
	} {
		c := f.hold(within(time.Millisecond))
		if err := c.wait(); !errors.Is(err, exchange.ErrDeadline) {
			t.Errorf("got %v", err)
		}

		f.must(late(c)...)

		if !c.freed.Load() || f.counts.LateResponses.Load() != uint64(n+1) {
			t.Errorf("after %d: place given back: %v, %d late responses", n, c.freed.Load(), f.counts.LateResponses.Load())
		}
	}
}

func TestWhatComesAfterTheDeadlineIsLateAlsoBeforeItsTimerTells(t *testing.T) {
	f := start(t, puppet)
	c, failed := f.hold(within(time.Hour)), f.hold(within(time.Hour))
	f.Backdate()

	f.must(c.respond("late", true), failed.fail(protocol.CodeRaised))

	if err := c.wait(); !errors.Is(err, exchange.ErrDeadline) {
		t.Errorf("got %v after a response", err)
	}
	if err := failed.wait(); !errors.Is(err, exchange.ErrDeadline) {
		t.Errorf("got %v after an error", err)
	}
	if n := f.counts.LateResponses.Load(); n != 2 {
		t.Errorf("%d late responses were counted", n)
	}
}

func TestTheWorkerIsToldWhyAnExchangeIsCancelled(t *testing.T) {
	f := start(t, puppet)
	for cause, reason := range map[error]protocol.CancelReason{
		exchange.ErrClientGone:   protocol.CancelClientGone,
		exchange.ErrHostStops:    protocol.CancelHostStops,
		errors.New("some other"): protocol.CancelClientGone,
	} {
		c := f.hold(request("/"))
		before := f.counts.Cancelled[reason].Load()

		c.cancel(cause)

		if err := c.wait(); !errors.Is(err, cause) {
			t.Errorf("got %v, want %v", err, cause)
		}
		f.awaitLine(fmt.Sprintf("CANCEL %d: %d", c.stream, reason))
		if n := f.counts.Cancelled[reason].Load(); n != before+1 {
			t.Errorf("%d CANCELs were counted for %v", n-before, cause)
		}
		f.must(c.respond("", true))
	}
}

func TestWhatHasEndedIsNotCancelled(t *testing.T) {
	f := start(t, puppet)
	whole, streamed := f.hold(within(time.Hour)), f.hold(within(time.Hour))
	f.must(whole.respond("whole", true))
	f.must(streamed.respond("in ", false))
	if err := errors.Join(whole.wait(), streamed.wait()); err != nil {
		t.Fatal(err)
	}
	f.must(streamed.data(3, true))

	whole.cancel(exchange.ErrClientGone)
	streamed.cancel(exchange.ErrClientGone)

	if body := streamed.body(); len(body) != 6 {
		t.Errorf("got %q", body)
	}
	f.must() // whatever was sent has come
	if got := f.lines("log"); !slices.Equal(got, []string{"REQ 1 END", "REQ 2 END"}) {
		t.Errorf("the worker got %q", got)
	}
}

func TestADeadlineCutsAResponseThatHasBegun(t *testing.T) {
	f := start(t, puppet)
	c := f.hold(within(time.Hour))
	f.must(c.respond("begin", false))
	client := c.read()
	close(client.pieces)
	eventually(t, "the client waits for more", func() bool { return client.took.Load() == 5 })

	f.Due()

	if err := <-client.over; !errors.Is(err, exchange.ErrDeadline) {
		t.Errorf("got %v", err)
	}
	f.awaitLine("CANCEL 1: 1")
	c.close()
	f.must(c.data(1, true))
	if !c.freed.Load() || f.counts.LateResponses.Load() != 1 {
		t.Errorf("place given back: %v, %d late responses", c.freed.Load(), f.counts.LateResponses.Load())
	}
}

func TestADeadlineIsNoticedWhileTheClientTakesNothing(t *testing.T) {
	f := start(t, puppet)
	c := f.hold(within(time.Hour))
	f.must(c.respond("begin", false))
	client := c.read()
	eventually(t, "the client is given a piece", func() bool { return client.offered.Load() == 5 })

	f.Due()

	f.awaitLine("CANCEL 1: 1")
	f.must(c.fail(protocol.CodeCancelled))

	if !c.freed.Load() {
		t.Error("the place was kept for a slow client")
	}
	close(client.pieces)
	if err := <-client.over; !errors.Is(err, exchange.ErrDeadline) {
		t.Errorf("got %v", err)
	}
	c.close()
}

// endless sends as much as it may until it is cancelled.
var endless = scene("send for ever", func(c *fakefunc.Conn) {
	c.Greet(shared...)
	piece := make([]byte, 10000)
	c.Serve(func(f fakefunc.Frame) {
		switch f.Type {
		case protocol.TypeRequest:
			c.Send(fakefunc.Response(f.Stream, 200, "", false))
			for range window / len(piece) {
				c.Send(protocol.AppendData(nil, f.Stream, piece, false))
			}
		case protocol.TypeWindow:
			n, _ := protocol.ParseWindow(f.Payload) // a bad one lets the stream stand still, which the test sees
			for range int(n) / len(piece) {
				c.Send(protocol.AppendData(nil, f.Stream, piece, false))
			}
		case protocol.TypeCancel:
			c.Send(protocol.AppendError(nil, f.Stream, protocol.CodeCancelled, "", protocol.MaxPayload))
		}
	})
})

func TestABodyThatNeverStandsStillEndsWhenItMust(t *testing.T) {
	f := start(t, endless)
	for name, row := range map[string]struct {
		end  func(*call)
		want error
	}{
		"at the deadline":          {func(*call) { f.Due() }, exchange.ErrDeadline},
		"when the client has gone": {func(c *call) { c.cancel(exchange.ErrClientGone) }, exchange.ErrClientGone},
	} {
		t.Run(name, func(t *testing.T) {
			c := f.begin(within(time.Hour))
			if err := c.wait(); err != nil {
				t.Fatal(err)
			}
			time.AfterFunc(100*time.Millisecond, func() { row.end(c) })

			_, err := c.Response.Stream.WriteTo(io.Discard)

			if !errors.Is(err, row.want) {
				t.Errorf("got %v", err)
			}
			c.close()
			eventually(t, "the place was given back", c.freed.Load)
		})
	}
}

func TestABodyThatIsClosedEarlyIsCancelled(t *testing.T) {
	f := start(t, puppet)
	c := f.hold(request("/"))
	f.must(c.respond("begin", false))
	if err := c.wait(); err != nil {
		t.Fatal(err)
	}

	c.close()

	f.awaitLine("CANCEL 1: 2")
	f.must(c.fail(protocol.CodeCancelled))
	if !c.freed.Load() {
		t.Error("the place was kept")
	}
}

type refusing struct{ error }

func (w refusing) Write([]byte) (int, error) { return 0, w.error }

func TestAClientThatCannotBeWrittenToEndsTheBody(t *testing.T) {
	f := start(t, puppet)
	c := f.hold(request("/"))
	f.must(c.respond("begin", false))
	if err := c.wait(); err != nil {
		t.Fatal(err)
	}
	reset := errors.New("connection reset")

	_, err := c.Response.Stream.WriteTo(refusing{reset})
	c.close()

	if !errors.Is(err, reset) {
		t.Errorf("got %v", err)
	}
	f.awaitLine("CANCEL 1: 2")
}

func TestASecondCloseHarmsNobody(t *testing.T) {
	f := start(t, puppet)
	c := f.hold(request("/"))
	f.must(c.respond("a", false))
	if err := c.wait(); err != nil {
		t.Fatal(err)
	}
	f.must(c.data(0, true))
	body := c.Response.Stream
	c.close()
	other := f.hold(request("/")) // on the stream that is free again

	if err := body.Close(); err != nil {
		t.Error(err)
	}
	if n, err := body.WriteTo(io.Discard); n != 0 || !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %d bytes, %v from a closed body", n, err)
	}

	f.must(other.respond("", true))
	if err := other.wait(); err != nil {
		t.Error(err)
	}
}

func TestAStuckStreamAloneOnItsWorkerCostsTheWorkerItsLife(t *testing.T) {
	f := start(t, puppet, grace(50*time.Millisecond))
	c := f.hold(within(time.Hour))

	f.Due()

	if err := c.wait(); !errors.Is(err, exchange.ErrDeadline) {
		t.Errorf("got %v", err)
	}

	if why := f.asked(); why != life.Timeout {
		t.Errorf("it asked because of %s", why)
	}
	if why := f.awaitEnd(); why != life.Timeout {
		t.Errorf("it ended because of %s", why)
	}
	if !c.freed.Load() {
		t.Error("the place was kept")
	}
	if n := f.counts.LateResponses.Load(); n != 0 {
		t.Errorf("%d late responses were counted, none came", n)
	}
}

func TestTwoStuckStreamsAreAlone(t *testing.T) {
	f := start(t, puppet, grace(50*time.Millisecond))
	f.hold(within(time.Hour))
	f.hold(within(time.Hour))

	f.Due()

	if why := f.awaitEnd(); why != life.Timeout {
		t.Errorf("it ended because of %s", why)
	}
}

func TestTheNeighboursOfAStuckStreamFinish(t *testing.T) {
	f := start(t, puppet, grace(50*time.Millisecond))
	neighbour := f.hold(request("/"))
	stuck := f.hold(within(50 * time.Millisecond))

	if why := f.asked(); why != life.Timeout {
		t.Errorf("it asked because of %s", why)
	}
	f.must(neighbour.respond("", true))
	if err := neighbour.wait(); err != nil {
		t.Errorf("the neighbour got %v", err)
	}
	if stuck.freed.Load() {
		t.Error("the place of the stuck stream was given back")
	}

	f.kill()

	if !stuck.freed.Load() {
		t.Error("the place was kept")
	}
}

func TestACancelledStreamThatEndsInItsGraceIsForgiven(t *testing.T) {
	f := start(t, puppet)
	forgiven := f.hold(within(time.Millisecond))
	f.awaitLine("CANCEL 1: 1")
	f.must(forgiven.respond("", true))
	neighbour := f.hold(request("/"))

	f.Poison(forgiven.stream)

	select {
	case why := <-f.Asks():
		t.Errorf("it asked because of %s", why)
	default:
	}
	f.must(neighbour.respond("", true))
	if err := neighbour.wait(); err != nil || f.counts.LateResponses.Load() != 1 {
		t.Errorf("the neighbour got %v, %d late responses were counted", err, f.counts.LateResponses.Load())
	}
}

func TestATimerThatFiresLateHarmsNoLaterExchange(t *testing.T) {
	f := start(t, puppet)
	unlimited, limited := f.hold(request("/")), f.hold(within(time.Hour))

	f.Expire()
	f.Poison(99)

	f.must(unlimited.respond("", true), limited.respond("", true))
	if err := errors.Join(unlimited.wait(), limited.wait()); err != nil {
		t.Error(err)
	}
	select {
	case why := <-f.Asks():
		t.Errorf("it asked because of %s", why)
	default:
	}
}
