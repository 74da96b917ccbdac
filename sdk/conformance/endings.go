package conformance

import (
	"strconv"
	"time"

	"fwatchdog/protocol"
)

func cancels() []Check {
	return []Check{
		{Name: "CANCEL reaches a handler, which still ends its stream once", run: func(p *peer) {
			s := p.call("/wait", "")
			p.send(protocol.AppendCancel(nil, s, protocol.CancelClientGone))
			p.terminal(s)
			p.nothingFor(100*time.Millisecond, "a second terminal frame", on(s))
			p.works()
		}},
		{Name: "CANCEL right behind its request is understood", run: func(p *peer) {
			b := protocol.BeginRequest(nil, 1, 0, []byte("GET"), []byte("/wait"))
			frames, _ := b.End(nil, true)
			p.stream = 1
			p.send(protocol.AppendCancel(frames, 1, protocol.CancelDeadline))
			p.terminal(1)
			p.works()
		}},
		{Name: "CANCEL after the end of a stream is ignored", Minimal: true, run: func(p *peer) {
			s := p.call("/echo", "x")
			p.echoes(s, "x")
			p.send(protocol.AppendCancel(nil, s, protocol.CancelDeadline))
			p.send(protocol.AppendWindow(nil, s, 1000))
			p.works()
		}},
		{Name: "frames of streams that never were are ignored", Minimal: true, run: func(p *peer) {
			p.send(protocol.AppendCancel(nil, 900, protocol.CancelDeadline))
			p.send(protocol.AppendWindow(nil, 901, 1000))
			p.send(protocol.AppendData(nil, 902, []byte("x"), true))
			p.works()
		}},
		{Name: "CANCEL ends a stream that waits for WINDOW", run: func(p *peer) {
			s := p.call("/stream?n=5000000&piece=50000", "")
			p.head(s)
			got := 0
			for p.err == nil && got < protocol.DefaultWindow {
				got += len(p.data(s).payload)
			}
			p.send(protocol.AppendCancel(nil, s, protocol.CancelClientGone))
			p.terminal(s)
			p.works()
		}},
		{Name: "CANCEL ends a handler that waits for the rest of the body", run: func(p *peer) {
			s := p.open("POST", "/size")
			p.send(protocol.AppendData(nil, s, []byte("part"), false))
			p.send(protocol.AppendCancel(nil, s, protocol.CancelClientGone))
			p.terminal(s)
			p.works()
		}},
		{Name: "the deadline is what timeoutMs left", run: func(p *peer) {
			a := p.response(p.request(5000, "GET", "/deadline", nil, true))
			left, err := strconv.ParseFloat(string(a.body), 64)
			if p.err == nil && (err != nil || left <= 0 || left > 5000) {
				p.fail("expected up to 5000 ms, got %q", a.body)
			}
			p.answers(p.call("/deadline", ""), "200 none")
		}},
	}
}

func leaving() []Check {
	return []Check{
		{Name: "the end of stdin ends an idle worker with exit code 0", Minimal: true, run: func(p *peer) { p.exits(0, true) }},
		{Name: "the end of stdin in the middle of a frame ends an idle worker with exit code 0", Minimal: true, run: func(p *peer) {
			p.write([]byte{0xFB, 0xF7, 16, 1, 0})
			p.exits(0, true)
		}},
		{Name: "after the end of stdin what is in flight is finished", run: func(p *peer) {
			s := p.call("/sleep?ms=200", "")
			p.exits(0, true)
			p.answers(s, "200 slept")
		}},
		{Name: "after the end of stdin a streamed response goes on within its window", run: func(p *peer) {
			s := p.call("/events?n=3&ms=50", "")
			p.exits(0, true)
			a := p.response(s)
			p.same("response", a.body, []byte("event 0\nevent 1\nevent 2\n"))
		}},
		{Name: "after the end of stdin a response that wants WINDOW uses up what it has, and is broken off", run: func(p *peer) {
			s := p.call("/stream?n=1000000&piece=10000", "")
			p.exits(0, true)
			p.head(s)
			got := 0
			f := p.next("DATA", on(s))
			for ; p.err == nil && f.Type == protocol.TypeData; f = p.next("DATA or ERROR", on(s)) {
				got += len(f.payload)
			}
			if p.err == nil && (got != protocol.DefaultWindow || f.Type != protocol.TypeError) {
				p.fail("got %d bytes of DATA and %v, expected %d and ERROR", got, f.Header, protocol.DefaultWindow)
			}
		}},
		{Name: "at the end of stdin a handler that waits for its cancellation is told, and still answers", run: func(p *peer) {
			s := p.call("/wait", "")
			p.exits(0, true)
			p.answers(s, "200 cancelled")
		}},
		{Name: "a worker whose host no longer reads ends with exit code 0", run: func(p *peer) {
			_ = p.out.Close() // of a pipe: what matters is that it is closed
			p.call("/echo", "")
			p.exits(0, true)
		}},
		{Name: "GOAWAY to an idle worker and the end of stdin end it with exit code 0", Minimal: true, run: func(p *peer) {
			p.send(protocol.AppendGoAway(nil, "stop"))
			p.exits(0, true)
		}},
		{Name: "after GOAWAY what is in flight is finished", run: func(p *peer) {
			s := p.call("/sleep?ms=200", "")
			p.send(protocol.AppendGoAway(nil, "stop"))
			p.answers(s, "200 slept")
			p.exits(0, true)
		}},
		{Name: "after GOAWAY a streamed response still gets WINDOW", run: func(p *peer) {
			s := p.call("/stream?n=1000000&piece=10000", "")
			p.send(protocol.AppendGoAway(nil, "stop"))
			a := p.response(s)
			p.same("response", a.body, pattern(1_000_000))
			p.exits(0, true)
		}},
		{Name: "after GOAWAY a handler still hears CANCEL", run: func(p *peer) {
			s := p.call("/wait", "")
			p.send(protocol.AppendGoAway(nil, "stop"))
			p.send(protocol.AppendCancel(nil, s, protocol.CancelHostStops))
			p.terminal(s)
			p.exits(0, true)
		}},
	}
}
