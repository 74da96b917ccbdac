package conformance

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"fwatchdog/protocol"
)

func bodies() []Check {
	var checks []Check
	for _, n := range []int{0, 1, 4083, 4084, 4085, 60000, 65536, 262144, 262145, 5_000_000} {
		checks = append(checks,
			Check{Name: fmt.Sprintf("a body of %d bytes comes back whole", n), run: func(p *peer) {
				s := p.open("PUT", "/echo?n=1", "content-type: application/x-test")
				p.upload(s, pattern(n))
				a := p.response(s)
				p.same("echo", a.body, pattern(n))
				p.hasHeaders(a, "x-method: PUT", "x-target: /echo?n=1", "content-type: application/x-test")
			}},
			Check{Name: fmt.Sprintf("a body of %d bytes comes back as it goes", n), run: func(p *peer) {
				s := p.open("POST", "/stream-echo")
				a := p.head(s) // before any of the body was sent
				p.streamThrough(s, &a, pattern(n))
			}},
			Check{Name: fmt.Sprintf("a response of %d bytes is whole", n), run: func(p *peer) {
				a := p.response(p.call("/bytes?n="+strconv.Itoa(n), ""))
				p.same("response", a.body, pattern(n))
			}},
			Check{Name: fmt.Sprintf("a streamed response of %d bytes is whole", n), run: func(p *peer) {
				a := p.response(p.call(fmt.Sprintf("/stream?n=%d&piece=10007", n), ""))
				p.same("response", a.body, pattern(n))
			}})
	}
	return append(checks,
		Check{Name: "a body in the same frame as its request is taken", run: func(p *peer) {
			p.answers(p.request(0, "POST", "/size", pattern(60000), true), "200 60000")
		}},
		Check{Name: "the first part of a body in the same frame as its request is taken", run: func(p *peer) {
			s := p.request(0, "POST", "/size", pattern(1000), false)
			p.upload(s, pattern(500))
			p.answers(s, "200 1500")
		}},
		Check{Name: "an upload that nobody reads is answered at once and thrown away", run: func(p *peer) {
			s := p.open("POST", "/ignore")
			p.answers(s, "200 ignored")
			p.send(protocol.AppendData(nil, s, pattern(60000), false))
			p.send(protocol.AppendData(nil, s, pattern(60000), true))
			p.works()
		}},
		Check{Name: "64 requests at once are all answered", Concurrent: true, run: func(p *peer) {
			begin := time.Now()
			var streams []uint32
			for range 64 {
				streams = append(streams, p.call("/sleep?ms=200", ""))
			}
			for _, s := range streams {
				p.answers(s, "200 slept")
			}
			if took := time.Since(begin); p.err == nil && took > 5*time.Second {
				p.fail("64 requests of 200 ms took %v: they stand in line", took)
			}
		}},
		Check{Name: "a request over the concurrency is ERROR 4, and costs the others nothing", env: []string{"FWATCHDOG_CONCURRENCY=1"}, run: tooMany},
		Check{Name: "the place of an answered request is free at once", env: []string{"FWATCHDOG_CONCURRENCY=1"}, run: func(p *peer) {
			for range 1000 {
				p.works()
			}
		}},
		Check{Name: "16 large bodies at once do not mix", Concurrent: true, run: func(p *peer) {
			var streams []uint32
			for i := range 16 {
				streams = append(streams, p.open("POST", "/echo"))
				p.upload(streams[i], bytes.Repeat([]byte{byte('a' + i)}, 200_000))
			}
			for i, s := range streams {
				a := p.response(s)
				p.same(fmt.Sprintf("body %d", i), a.body, bytes.Repeat([]byte{byte('a' + i)}, 200_000))
			}
		}},
	)
}

// streamThrough sends a body in pieces and takes what comes back meanwhile.
func (p *peer) streamThrough(s uint32, a *answer, body []byte) {
	got := append([]byte{}, a.body...)
	done := a.frames < 0
	for sent := 0; p.err == nil && (sent < len(body) || !done); {
		n := min(len(body)-sent, 50_000, p.credit[s])
		if n > 0 || sent == 0 && len(body) == 0 {
			p.credit[s] -= n
			p.send(protocol.AppendData(nil, s, body[sent:sent+n], sent+n == len(body)))
			sent += n
			if len(body) == 0 {
				body = nil
				sent = 1 // END is out
			}
			if sent < len(body) {
				continue
			}
		}
		f := p.next("DATA or WINDOW", func(f frame) bool { return f.Stream == s })
		switch f.Type {
		case protocol.TypeData:
			got = append(got, f.payload...)
			done = f.End
			if !done && len(f.payload) > 0 {
				p.grant(s, len(f.payload))
			}
		case protocol.TypeError:
			p.fail("ERROR: %.200q", f.payload)
		}
	}
	p.same("stream", got, body)
}

// tooMany sends two requests at once to a worker that takes one.
func tooMany(p *peer) {
	var frames []byte
	for stream := uint32(1); stream <= 2; stream++ {
		b := protocol.BeginRequest(frames, stream, 0, []byte("GET"), []byte("/sleep?ms=200"))
		frames, _ = b.End(nil, true) // a head this small fits
	}
	p.stream = 2
	p.send(frames)
	if code, text := p.errorOf(2); p.err == nil && code != protocol.CodeNotStarted {
		p.fail("expected code %d, got %d %q", protocol.CodeNotStarted, code, text)
	}
	p.answers(1, "200 slept")
	p.works()
}
