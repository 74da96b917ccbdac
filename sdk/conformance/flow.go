package conformance

import (
	"time"

	"fwatchdog/protocol"
)

func flow() []Check {
	return []Check{
		{Name: "without WINDOW a response stops after exactly one window", run: func(p *peer) {
			s := p.call("/stream?n=1000000&piece=10000", "")
			a := p.head(s)
			inline, got := len(a.body), 0
			for p.err == nil && got < protocol.DefaultWindow {
				got += len(p.data(s).payload)
			}
			p.nothingFor(200*time.Millisecond, "DATA beyond the window", on(s))
			if p.err == nil && got != protocol.DefaultWindow {
				p.fail("got %d bytes of DATA, the window is %d", got, protocol.DefaultWindow)
			}
			p.send(protocol.AppendWindow(nil, s, 1<<20))
			total := got + inline
			for last := false; p.err == nil && !last; {
				f := p.data(s)
				total += len(f.payload)
				last = f.End
			}
			if p.err == nil && total != 1_000_000 {
				p.fail("got %d bytes in all", total)
			}
		}},
		{Name: "a stream that waits for WINDOW does not hold up another", Concurrent: true, run: func(p *peer) {
			s := p.call("/stream?n=1000000&piece=10000", "")
			p.head(s)
			got := 0
			for p.err == nil && got < protocol.DefaultWindow {
				got += len(p.data(s).payload)
			}
			p.works()
		}},
		{Name: "WINDOW is granted for what the handler reads, not for what arrives", run: func(p *peer) {
			s := p.open("POST", "/slow-size?ms=100")
			p.upload(s, pattern(500_000))
			p.answers(s, "200 500000")
		}},
		{Name: "no WINDOW is granted for a body that nobody reads", run: func(p *peer) {
			s := p.open("POST", "/wait")
			for range 4 {
				p.send(protocol.AppendData(nil, s, pattern(65536), false))
			}
			p.nothingFor(200*time.Millisecond, "WINDOW", func(f frame) bool { return f.Type == protocol.TypeWindow })
			p.send(protocol.AppendCancel(nil, s, protocol.CancelClientGone))
			p.terminal(s)
		}},
		{Name: "events leave one by one", run: func(p *peer) {
			s := p.call("/events?n=3&ms=100", "")
			a := p.head(s)
			p.send(protocol.AppendWindow(nil, s, 1000))
			text := string(a.body)
			for last := a.frames < 0; p.err == nil && !last; {
				f := p.data(s)
				text += string(f.payload)
				last = f.End
				a.frames++
			}
			if p.err == nil && (text != "event 0\nevent 1\nevent 2\n" || a.frames < 2) {
				p.fail("got %q in %d frames of DATA", text, a.frames)
			}
		}},
	}
}
