package conformance

import (
	"strings"
	"syscall"

	"fwatchdog/protocol"
)

func prints() []Check {
	printed := func(route string) func(*peer) {
		return func(p *peer) {
			for range 20 {
				p.answers(p.call(route, ""), "200 printed")
			}
			p.works()
		}
	}
	return []Check{
		{Name: "a print in the handler breaks nothing", run: printed("/print")},
		{Name: "a print of a subprocess breaks nothing", run: printed("/print-subprocess")},
		{Name: "bytes written to fd 1 break nothing", run: printed("/print-raw")},
		{Name: "a print while the function is loaded breaks nothing", env: []string{"CONFORMANCE_NOISE=1"}, run: func(p *peer) { p.works() }},
	}
}

func failures() []Check {
	return []Check{
		{Name: "a handler that raises is ERROR 3 with its text, and the worker lives", run: func(p *peer) {
			code, text := p.errorOf(p.call("/throw", ""))
			first, _, _ := strings.Cut(text, "\n")
			if p.err == nil && (code != protocol.CodeRaised || !strings.Contains(first, "boom")) {
				p.fail("expected code 3 with boom in the first line, got %d %q", code, text)
			}
			p.works()
		}},
		{Name: "a long error is cut at a character", run: func(p *peer) {
			code, text := p.errorOf(p.call("/throw-long?n=100000", ""))
			if p.err == nil && (code != protocol.CodeRaised || !strings.HasPrefix(text, "boom") && !strings.Contains(strings.SplitN(text, "\n", 2)[0], "boom") || strings.ToValidUTF8(text, "") != text) {
				p.fail("expected code 3 and valid UTF-8 that begins with boom, got %d and %d bytes, %.40q", code, len(text), text)
			}
			p.works()
		}},
		{Name: "a handler that raises in the middle of its response ends it with ERROR 3", run: func(p *peer) {
			code, _ := p.errorOf(p.call("/throw-late", ""))
			if p.err == nil && code != protocol.CodeRaised {
				p.fail("expected code 3, got %d", code)
			}
			p.works()
		}},
		{Name: "a handler that ends the process does so, and does not hang", run: func(p *peer) {
			p.call("/exit?code=3", "")
			p.exits(3, false)
		}},
		{Name: "SIGTERM and SIGINT are ignored", Minimal: true, run: func(p *peer) {
			for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
				if p.err == nil {
					_ = p.proc.Signal(sig) // the next step finds out whether it is alive
				}
				p.works()
			}
		}},
	}
}
