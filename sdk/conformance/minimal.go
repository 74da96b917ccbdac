package conformance

import (
	"strconv"
	"time"

	"fwatchdog/protocol"
)

// exchanges are what every worker must do with requests, whatever it answers.
func exchanges() []Check {
	return []Check{
		{Name: "HELLO names a concurrency that goes with its features", Minimal: true, run: func(p *peer) {
			text, said := p.hello.Pairs.Get("concurrency")
			n, err := strconv.Atoi(text)
			if said && (err != nil || n < 1) {
				p.fail("concurrency is %q, no number above 0", text)
			}
			if n > 1 && !p.windows {
				p.fail("a worker without the feature window takes one request at a time, not %d", n)
			}
		}},
		{Name: "a request is answered, once", Minimal: true, run: func(p *peer) {
			s := p.request(0, "GET", "/echo?a=b", nil, true, "host: example", "accept: */*")
			p.echoes(s, "")
			p.nothingFor(100*time.Millisecond, "a frame behind the last one of a stream", on(s))
		}},
		{Name: "100 requests are answered one after the other", Minimal: true, run: func(p *peer) {
			for i := range 100 {
				text := strconv.Itoa(i)
				p.echoes(p.call("/echo", text), text)
			}
		}},
		{Name: "a body that comes in pieces is taken", Minimal: true, run: func(p *peer) {
			s := p.open("POST", "/echo")
			for _, piece := range []string{"one ", "", "two "} {
				p.send(protocol.AppendData(nil, s, []byte(piece), false))
			}
			p.send(protocol.AppendData(nil, s, []byte("three"), true))
			p.echoes(s, "one two three")
		}},
		{Name: "a body of several windows is taken, or answered before its end", Minimal: true, run: func(p *peer) {
			s := p.open("POST", "/size")
			p.uploadUntilAnswered(s, pattern(1_000_000))
			p.response(s)
			p.works()
		}},
		{Name: "a stream that is cancelled ends all the same, once", Minimal: true, run: func(p *peer) {
			s := p.open("POST", "/size")
			p.send(protocol.AppendData(nil, s, []byte("part"), false))
			p.send(protocol.AppendCancel(nil, s, protocol.CancelClientGone))
			p.terminal(s)
			p.nothingFor(100*time.Millisecond, "a second terminal frame", on(s))
			p.works()
		}},
		{Name: "GOAWAY and the end of stdin let what is in flight finish", Minimal: true, run: func(p *peer) {
			s := p.call("/echo", "last")
			p.send(protocol.AppendGoAway(nil, "stop"))
			p.exits(0, true)
			p.echoes(s, "last")
		}},
		{Name: "after GOAWAY a worker stays until the end of stdin", Minimal: true, run: func(p *peer) {
			p.send(protocol.AppendGoAway(nil, "stop"))
			p.nothingFor(100*time.Millisecond, "the end of stdin", func(frame) bool { return false })
			p.send(protocol.AppendPing(nil, 7))
			p.next("PONG after GOAWAY", func(f frame) bool { return f.Type == protocol.TypePong })
			p.exits(0, true)
		}},
	}
}

// uploadUntilAnswered sends body as DATA, as far as WINDOW allows and the stream is open.
func (p *peer) uploadUntilAnswered(stream uint32, body []byte) {
	p.grant(stream, len(body)) // an answer that holds the body meanwhile must not have to wait for the rest of it
	over := func(f frame) bool { return on(stream)(f) && (f.End || f.Type == protocol.TypeError) }
	for p.err == nil && len(body) > 0 {
		n := min(len(body), protocol.MaxPayload)
		if p.windows {
			n = min(n, p.credit[stream])
		}
		if n > 0 {
			p.credit[stream] -= n
			p.send(protocol.AppendData(nil, stream, body[:n], n == len(body)))
			body = body[n:]
			continue
		}
		f := p.next("WINDOW, or the answer", func(f frame) bool {
			return over(f) || f.Type == protocol.TypeWindow && f.Stream == stream
		})
		if over(f) {
			p.backlog = append(p.backlog, f) // response wants it
			return
		}
	}
}
