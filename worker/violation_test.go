package worker_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/fakefunc"
	"fwatchdog/internal/life"
	"fwatchdog/protocol"
	"fwatchdog/worker"
)

// longHeader is the header of a frame whose payload is said to be n bytes.
func longHeader(t protocol.Type, stream, n uint32) []byte {
	header := fakefunc.Raw(t, 0, stream, nil)
	binary.BigEndian.PutUint32(header[8:], n)
	return header
}

// In each row streams 1 and 2 are open, 3 has ended, and 99 never was.
func TestAViolationCostsTheWorkerItsLife(t *testing.T) {
	raw := fakefunc.Raw
	resp := func(stream uint32) []byte { return fakefunc.Response(stream, 200, "", false) }
	for name, row := range map[string]struct {
		sent []byte
		want string
	}{
		"a wrong second byte":       {[]byte("\xfb\x00"), "not the start of a frame"},
		"half a start":              {[]byte("text \xfb text"), "not the start of a frame"},
		"an unknown type":           {raw(22, 0, 1, nil), "type 22 is not known"},
		"an unknown type from 16":   {raw(255, 0, 0, nil), "type 255 is not known"},
		"PING":                      {protocol.AppendPing(nil, 1), "not allowed here: PING"},
		"REQ":                       {raw(protocol.TypeRequest, 1, 1, nil), "not allowed here: REQ"},
		"CANCEL":                    {protocol.AppendCancel(nil, 1, 1), "not allowed here: CANCEL"},
		"an unknown flag":           {raw(protocol.TypeReady, 2, 0, nil), "unknown flag: 0x02 on READY"},
		"a flag on an ignored type": {raw(7, 0x80, 0, nil), "unknown flag: 0x80"},
		"a frame that is too long":  {longHeader(protocol.TypeData, 1, 65537), "65537 bytes on DATA, at most 65536"},
		"a frame of 4 GB":           {longHeader(7, 0, 1<<32-1), "4294967295 bytes on type 7"},
		"RESP on stream 0":          {resp(0), "RESP on stream 0"},
		"PONG on a stream":          {raw(protocol.TypePong, 0, 1, make([]byte, 8)), "PONG on stream 1"},
		"a second HELLO":            {protocol.AppendHello(nil), "a second HELLO"},
		"a second READY":            {protocol.AppendReady(nil), "a second READY"},
		"a READY that is cut off":   {raw(protocol.TypeReady, 0, 0, []byte{0}), "the pairs of READY"},
		"a short PONG":              {raw(protocol.TypePong, 0, 0, make([]byte, 7)), "PING or PONG of 7 bytes"},
		"a PONG to no PING":         {protocol.AppendPong(nil, 1), "a PONG to a PING that was not sent"},
		"PONG 0":                    {protocol.AppendPong(nil, 0), "a PONG to a PING that was not sent"},
		"LOG without a level":       {raw(protocol.TypeLog, 0, 0, nil), "LOG without a level"},
		"ERROR without a code":      {raw(protocol.TypeError, 1, 1, []byte{0}), "ERROR of 1 bytes"},
		"ERROR 0 without a code":    {raw(protocol.TypeError, 0, 0, nil), "ERROR of 0 bytes"},
		"a status below 200":        {fakefunc.Response(1, 199, "", true), "status 199"},
		"a status above 999":        {fakefunc.Response(1, 1000, "", true), "status 1000"},
		"a meta beyond the frame":   {raw(protocol.TypeResponse, 1, 1, []byte{0, 0, 0, 9, 0, 200, 0, 0}), "the length of RESP's meta"},
		"a header beyond the meta":  {raw(protocol.TypeResponse, 1, 1, []byte{0, 0, 0, 4, 0, 200, 0, 1}), "the headers of RESP"},
		"a short WINDOW":            {raw(protocol.TypeWindow, 0, 1, []byte{1, 2, 3}), "WINDOW of 3 bytes"},
		"a second RESP":             {append(resp(1), resp(1)...), "a second RESP"},
		"DATA before RESP":          {protocol.AppendData(nil, 1, nil, false), "DATA before RESP"},
		"DATA+END before RESP":      {protocol.AppendData(nil, 1, nil, true), "DATA before RESP"},
		"RESP on no stream":         {resp(99), "the stream is not open"},
		"WINDOW on no stream":       {protocol.AppendWindow(nil, 99, 1), "the stream is not open"},
		"LOG on no stream":          {protocol.AppendLog(nil, 99, 1, "x", 100), "the stream is not open"},
		"RESP after the end":        {resp(3), "the stream is not open"},
		"DATA after the end":        {protocol.AppendData(nil, 3, nil, true), "the stream is not open"},
		"ERROR after the end":       {protocol.AppendError(nil, 3, 3, "x", 100), "the stream is not open"},
		"LOG after the end":         {protocol.AppendLog(nil, 3, 1, "x", 100), "the stream is not open"},
		"an end within one write":   {append(fakefunc.Response(1, 200, "", true), resp(1)...), "the stream is not open"},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, puppet)
			calls := []*call{f.hold(request("/")), f.hold(request("/"))}
			third := f.hold(request("/"))
			f.must(third.respond("", true))

			end := f.violate(row.sent)

			if got := fmt.Sprint(end["violation"]); !strings.Contains(got, row.want) {
				t.Errorf("got %q, want %q", got, row.want)
			}
			if n := f.counts.ProtocolErrors.Load(); n != 1 {
				t.Errorf("%d violations were counted", n)
			}
			for _, c := range calls {
				err := c.outcome()
				if name == "an end within one write" && err == nil {
					continue // this one had its whole response
				}
				lost := new(exchange.LostError)
				if !errors.As(err, &lost) || lost.Cause != exchange.CauseProtocol || lost.Unseen || !c.freed.Load() {
					t.Errorf("stream %d got %v, place given back: %v", c.stream, err, c.freed.Load())
				}
			}
		})
	}
}

func TestWindowOnAStreamThatHasEndedCrossedOnThePipe(t *testing.T) {
	f := start(t, puppet)
	c := f.hold(request("/"))
	f.must(c.respond("", true))

	f.must(c.window(1000))

	f.must()
}

// ruin greets, says something on stderr, and breaks the protocol.
var ruin = scene("break the protocol on stderr and stdout", func(c *fakefunc.Conn) {
	fmt.Fprintln(os.Stderr, "panic: all is lost")
	c.Greet()
	c.Serve(func(f fakefunc.Frame) {
		if f.Type == protocol.TypeRequest {
			c.Send(protocol.AppendLog(nil, f.Stream, protocol.LevelInfo, "still well", 100), []byte("\xfb\xf0and so on"), make([]byte, 500))
		}
	})
})

func TestTheLogOfAViolationSaysAllThatIsKnown(t *testing.T) {
	f := start(t, ruin)

	err := f.begin(request("/")).wait()

	if !errors.As(err, new(*exchange.LostError)) {
		t.Errorf("got %v", err)
	}
	end := f.end()
	offset := 2*(protocol.HeaderSize+2) + 4 + protocol.HeaderSize + 11 // HELLO with versions, READY, LOG
	want := fmt.Sprintf("protocol: not the start of a frame at byte %d, after LOG stream 1, 11 bytes", offset)
	if end["violation"] != want {
		t.Errorf("got %q, want %q", end["violation"], want)
	}
	dump := fmt.Sprint(end["dump"])
	if !strings.HasPrefix(dump, "00000000  fb f0 61 6e 64 20 73 6f  20 6f 6e") && !strings.HasPrefix(dump, "00000000  fb f0 61 6e 64 20 73 6f 20 6f 6e") {
		t.Errorf("got the dump %s", dump)
	}
	if lines := strings.Count(dump, "\n") + 1; lines != 256/16 {
		t.Errorf("the dump has %d lines, want 16", lines)
	}
	if end["stderr"] != "panic: all is lost\n" {
		t.Errorf("got the stderr %q", end["stderr"])
	}
	if end["reason"] != "protocol" || end["exit"] != "signal 9 (killed)" {
		t.Errorf("got %v, %v", end["reason"], end["exit"])
	}
	for _, key := range []string{"slot", "serial", "pid"} {
		if end[key] == nil {
			t.Errorf("the line has no %s", key)
		}
	}
}

// sharing is a puppet that did not say that its pipe is its own.
var sharing = scene("do what SEND says on a shared pipe", func(c *fakefunc.Conn) {
	c.Greet("features", "window", "concurrency", "64")
	pull(c)
})

func TestAFrameTooLongForASharedPipeIsAViolation(t *testing.T) {
	f := start(t, sharing)
	f.must(fakefunc.Raw(7, 0, 0, make([]byte, protocol.MaxSharedPayload)))

	end := f.violate(longHeader(7, 0, protocol.MaxSharedPayload+1)) // nothing of its payload comes

	if got := fmt.Sprint(end["violation"]); !strings.Contains(got, "4085 bytes on type 7, at most 4084 here") {
		t.Errorf("got %q", got)
	}
}

func TestAWorkerOnFD3NeedNotShareItsPipe(t *testing.T) {
	f := start(t, sharing, func(cfg *worker.Config) { cfg.Command.FD3 = true })

	f.must(fakefunc.Raw(7, 0, 0, make([]byte, protocol.MaxPayload-100)))
}

// guesser never reads. On a signal it answers stream 2.
var guesser = scene("answer what it has not read", func(c *fakefunc.Conn) {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	c.Greet(shared...)
	<-asked
	c.Send(fakefunc.Response(2, 200, "", true))
	select {}
})

func TestAnAnswerToARequestThatWasNotSentYetIsAViolation(t *testing.T) {
	f := start(t, guesser)
	large := request("/")
	large.Body = make([]byte, worker.MaxWholeBody)
	first := f.begin(large)
	eventually(t, "the pipe is full", func() bool { return f.Pending() == 0 && f.Queued() > worker.MaxWholeBody })
	second := f.begin(large)
	eventually(t, "the second request waits", func() bool { return f.Pending() > 0 })

	f.signal(syscall.SIGUSR1)

	if why := f.awaitEnd(); why != life.Protocol {
		t.Errorf("it ended because of %s", why)
	}
	for _, c := range []*call{first, second} {
		lost := new(exchange.LostError)
		if err := c.wait(); !errors.As(err, &lost) || !lost.Unseen {
			t.Errorf("got %v, want that nobody has seen the request", err)
		}
	}
}

var defiant = scene("break the protocol when asked to go", func(c *fakefunc.Conn) {
	c.Greet()
	c.Serve(func(f fakefunc.Frame) {
		if f.Type == protocol.TypeGoAway {
			c.Send([]byte("\xfb\xfb"))
		}
	})
})

func TestAViolationIsAGraverReasonThanAPlannedOne(t *testing.T) {
	f := start(t, defiant)

	f.Leave(t.Context(), life.Reload)

	if why := f.Ended(); why != life.Protocol {
		t.Errorf("it ended because of %s", why)
	}
}
