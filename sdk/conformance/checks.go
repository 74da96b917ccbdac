package conformance

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	"fwatchdog/internal/process"
	"fwatchdog/protocol"
)

// Exit codes that an SDK uses (BSD's sysexits): it was started by hand; the host broke the protocol.
const (
	exitUsage    = 64
	exitProtocol = 65
)

func handshakes() []Check {
	return []Check{
		{Name: "HELLO names sdk, runtime, pid, concurrency and the feature window", run: func(p *peer) {
			for _, key := range []string{"sdk", "runtime", "pid", "concurrency", "features"} {
				if _, ok := p.hello.Pairs.Get(key); !ok {
					p.fail("HELLO has no %q", key)
				}
			}
			if features, _ := p.hello.Pairs.Get("features"); !hasWord(features, "window") {
				p.fail("features are %q, without window", features)
			}
		}},
		{Name: "PING is answered by PONG with the same number", run: func(p *peer) {
			p.send(protocol.AppendPing(nil, 0xFEDCBA9876543210))
			f := p.next("PONG", func(f frame) bool { return f.Type == protocol.TypePong })
			if nonce, _ := protocol.ParseNonce(f.payload); p.err == nil && nonce != 0xFEDCBA9876543210 {
				p.fail("PONG has number %x", nonce)
			}
		}},
		{Name: "a frame of an unknown type below 16 is ignored", run: func(p *peer) {
			p.write([]byte{0xFB, 0xF7, 9, 0, 0, 0, 0, 0, 0, 0, 0, 2, 'h', 'i'})
			p.works()
		}},
		{Name: "frames cut into single bytes are understood", run: func(p *peer) {
			b := protocol.BeginRequest(nil, 1, 0, []byte("POST"), []byte("/echo"))
			frames, _ := b.End([]byte("byte by byte"), true)
			p.stream = 1
			for i := range frames {
				p.write(frames[i : i+1])
			}
			p.answers(1, "200 byte by byte")
		}},
		{Name: "garbage on stdin ends the worker with exit code 65", run: func(p *peer) {
			p.write([]byte("GET / HTTP/1.1\r\n\r\n"))
			p.exits(exitProtocol, false)
		}},
		{Name: "a type from 16 up that is unknown ends the worker with exit code 65", run: func(p *peer) {
			p.write([]byte{0xFB, 0xF7, 99, 0, 0, 0, 0, 1, 0, 0, 0, 0})
			p.exits(exitProtocol, false)
		}},
		{Name: "a frame that announces 4 GiB ends the worker with exit code 65", run: func(p *peer) {
			p.write([]byte{0xFB, 0xF7, 16, 1, 0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF})
			p.exits(exitProtocol, false)
		}},
		{Name: "started by hand it says how to start it, and exits 64", alone: startedByHand},
		{Name: "a function that cannot be loaded is ERROR 1, and exit code 1", alone: initFails},
	}
}

func startedByHand(starter *process.Starter, t Target) error {
	proc, err := starter.Start(t.bare())
	if err != nil {
		return err
	}
	defer proc.Close()
	defer proc.Reap()
	var text strings.Builder
	_ = proc.Stdin.Close()
	err = process.Lines(proc.Stderr, 4096, func(line []byte) { text.Write(append(line, '\n')) })
	<-proc.Ended()
	exit := proc.Reap()
	if exit.Code != exitUsage || !strings.Contains(text.String(), "this program is a worker: start it with fwatchdog") {
		return fmt.Errorf("expected exit code %d and a message that names fwatchdog, got %v and %q (%v)", exitUsage, exit, text.String(), err)
	}
	return nil
}

func initFails(starter *process.Starter, t Target) error {
	p := start(starter, t, "CONFORMANCE_INIT_ERROR=1")
	p.send(hostHello())
	p.next("HELLO", func(f frame) bool { return f.Type == protocol.TypeHello })
	f := p.next("ERROR on stream 0", func(f frame) bool { return f.Type == protocol.TypeError && f.Stream == 0 })
	code, text, _ := protocol.ParseError(f.payload)
	if p.err == nil && (code != protocol.CodeInit || !bytes.Contains(text, []byte("no database"))) {
		p.fail("expected code 1 with the error's text, got %d %q", code, text)
	}
	p.exits(1, false)
	return p.stop()
}

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
		{Name: "SIGTERM and SIGINT are ignored", run: func(p *peer) {
			for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
				if p.err == nil {
					_ = p.proc.Signal(sig) // the next step finds out whether it is alive
				}
				p.works()
			}
		}},
	}
}

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
		{Name: "CANCEL after the end of a stream is ignored", run: func(p *peer) {
			s := p.call("/echo", "x")
			p.answers(s, "200 x")
			p.send(protocol.AppendCancel(nil, s, protocol.CancelDeadline))
			p.send(protocol.AppendWindow(nil, s, 1000))
			p.works()
		}},
		{Name: "frames of streams that never were are ignored", run: func(p *peer) {
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
		{Name: "the end of stdin ends an idle worker with exit code 0", run: func(p *peer) { p.exits(0, true) }},
		{Name: "the end of stdin in the middle of a frame ends an idle worker with exit code 0", run: func(p *peer) {
			p.write([]byte{0xFB, 0xF7, 16, 1, 0})
			p.exits(0, true)
		}},
		{Name: "after the end of stdin what is in flight is finished", run: func(p *peer) {
			s := p.call("/sleep?ms=200", "")
			p.exits(0, true)
			p.answers(s, "200 slept")
		}},
		{Name: "GOAWAY to an idle worker and the end of stdin end it with exit code 0", run: func(p *peer) {
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
