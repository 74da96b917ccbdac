package conformance

import (
	"strings"

	"fwatchdog/protocol"
)

func heads() []Check {
	return []Check{
		{Name: "headers are bytes, in order, repeated ones kept", run: func(p *peer) {
			sent := []string{"host: example", "accept: a", "accept: b", "x-empty: ", "x-latin: \xe9\xff", "cookie: " + strings.Repeat("c", 60_000)}
			a := p.response(p.request(0, "GET", "/headers", nil, true, sent...))
			p.same("headers", a.body, []byte(strings.Join(sent, "\n")+"\n"))
		}},
		{Name: "a response may repeat a header and leave one empty", run: func(p *peer) {
			p.hasHeaders(p.response(p.call("/cookies", "")), "set-cookie: a=1", "set-cookie: b=2", "x-empty: ")
		}},
		{Name: "every status is passed on", run: func(p *peer) {
			for _, status := range []string{"200", "201", "204", "304", "418", "500", "503"} {
				p.answers(p.call("/status?code="+status, ""), status+" ")
			}
		}},
		{Name: "a response head that does not fit one frame is ERROR 3", run: func(p *peer) {
			code, text := p.errorOf(p.call("/head?n=65536", ""))
			if p.err == nil && (code != protocol.CodeRaised || !strings.Contains(text, "response headers too large")) {
				p.fail("expected code 3 with \"response headers too large\", got %d %q", code, text)
			}
			p.works()
		}},
		{Name: "what is no route is 404", run: func(p *peer) { p.answers(p.call("/nowhere", ""), "404 no such route") }},
	}
}

func (p *peer) hasHeaders(a answer, wanted ...string) {
	for _, want := range wanted {
		found := false
		for _, h := range a.headers {
			found = found || h == want
		}
		if p.err == nil && !found {
			p.fail("the response has no header %q, but %q", want, a.headers)
		}
	}
}

func logs() []Check {
	return []Check{
		{Name: "LOG carries level, text and stream", run: func(p *peer) {
			s := p.call("/log?text=hello", "")
			for level := range protocol.LevelError + 1 {
				f := p.next("LOG", func(f frame) bool { return f.Type == protocol.TypeLog && f.Stream == s })
				got, text, _ := protocol.ParseLog(f.payload)
				if p.err == nil && (got != level || string(text) != "hello") {
					p.fail("expected level %d with hello, got %d %q", level, got, text)
				}
			}
			p.answers(s, "200 logged")
		}},
		{Name: "a long text is several LOGs", run: func(p *peer) {
			s := p.call("/log-long?n=200000", "")
			n := 0
			for p.err == nil && n < 200_000 {
				f := p.next("LOG", func(f frame) bool { return f.Type == protocol.TypeLog && f.Stream == s })
				_, text, _ := protocol.ParseLog(f.payload)
				n += len(text)
			}
			p.answers(s, "200 logged")
		}},
	}
}
