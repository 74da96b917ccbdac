package conformance

import (
	"bytes"
	"fmt"
	"strings"
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
		{Name: "PING is answered by PONG with the same number", Minimal: true, run: func(p *peer) {
			p.send(protocol.AppendPing(nil, 0xFEDCBA9876543210))
			f := p.next("PONG", func(f frame) bool { return f.Type == protocol.TypePong })
			if nonce, _ := protocol.ParseNonce(f.payload); p.err == nil && nonce != 0xFEDCBA9876543210 {
				p.fail("PONG has number %x", nonce)
			}
		}},
		{Name: "a frame of an unknown type below 16 is ignored", Minimal: true, run: func(p *peer) {
			p.write(unknownFrame())
			p.works()
		}},
		{Name: "frames cut into single bytes are understood", Minimal: true, run: func(p *peer) {
			b := protocol.BeginRequest(nil, 1, 0, []byte("POST"), []byte("/echo"))
			frames, _ := b.End([]byte("byte by byte"), true)
			p.stream = 1
			for i := range frames {
				p.write(frames[i : i+1])
			}
			p.echoes(1, "byte by byte")
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
		{Name: "an unknown type below 16 is ignored before HELLO too", hello: append(unknownFrame(), hostHello()...), run: func(p *peer) { p.works() }},
		{Name: "a key that HELLO repeats counts the first time", hello: helloWith("window", "1000", "window", "2000"), run: func(p *peer) {
			p.sendsAtOnce(p.call("/stream?n=200000&piece=10000", ""), 1000)
		}},
		{Name: "an offered window of 0 lets no DATA through before WINDOW", hello: helloWith("window", "0"), run: func(p *peer) {
			s := p.call("/stream?n=200000&piece=10000", "")
			p.sendsAtOnce(s, 0)
			p.grant(s, 5000)
			p.sendsAtOnce(s, 5000)
		}},
		{Name: "versions of the host that end below the worker's are refused, and both ranges are named", alone: tooOld},
		{Name: "a WINDOW of three bytes ends the worker with exit code 65, on a stream that is unknown too", run: func(p *peer) {
			p.write(append(protocol.Header{Type: protocol.TypeWindow, Stream: 9, Length: 3}.Append(nil), 0, 0, 1))
			p.exits(exitProtocol, false)
		}},
		{Name: "a CANCEL without a reason ends the worker with exit code 65, on a stream that is unknown too", run: func(p *peer) {
			p.write(protocol.Header{Type: protocol.TypeCancel, Stream: 9}.Append(nil))
			p.exits(exitProtocol, false)
		}},
		{Name: "a stream number that comes again ends the worker with exit code 65", run: func(p *peer) {
			p.works()
			p.stream = 0
			p.call("/echo", "")
			p.exits(exitProtocol, false)
		}},
		{Name: "a stream number below an earlier one ends the worker with exit code 65", run: func(p *peer) {
			p.stream = 4
			p.works()
			p.stream = 2
			p.call("/echo", "")
			p.exits(exitProtocol, false)
		}},
		{Name: "started by hand it says how to start it, and exits 64", alone: startedByHand},
		{Name: "a function that cannot be loaded is ERROR 1, and exit code 1", alone: initFails},
	}
}

// unknownFrame is a frame of a type that a later version may define.
func unknownFrame() []byte { return []byte{0xFB, 0xF7, 9, 0, 0, 0, 0, 0, 0, 0, 0, 2, 'h', 'i'} }

// helloWith is a host's HELLO with these pairs.
func helloWith(pairs ...string) []byte {
	return protocol.AppendHello(nil, append(pairs, "features", "window exclusive ping-busy")...)
}

// sendsAtOnce fails unless a streamed response sends exactly so many bytes of DATA before it waits.
func (p *peer) sendsAtOnce(stream uint32, want int) {
	got := 0
	for p.err == nil && got < want {
		got += len(p.next("DATA", func(f frame) bool { return f.Stream == stream && f.Type == protocol.TypeData }).payload)
	}
	p.nothingFor(200*time.Millisecond, "DATA beyond the window", func(f frame) bool { return f.Stream == stream && f.Type == protocol.TypeData })
	if p.err == nil && got != want {
		p.fail("got %d bytes of DATA, the window is %d", got, want)
	}
}

// tooOld speaks of a version that is older than any.
func tooOld(starter *process.Starter, t Target) error {
	p := start(starter, t)
	hello := hostHello()
	copy(hello[protocol.HeaderSize:], []byte{0, 0, 0, 0})
	p.write(hello)
	p.exits(exitProtocol, false)
	if text := p.stderr.String(); p.err == nil && (!strings.Contains(text, "0 to 0") || !strings.Contains(text, "1 to 1")) {
		p.fail("expected both ranges on stderr, 0 to 0 and 1 to 1, got %q", text)
	}
	return p.stop()
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
	if p.proc != nil {
		_, _ = p.proc.Stdin.Write(hostHello()) // it may have failed and gone already
	}
	p.next("HELLO", func(f frame) bool { return f.Type == protocol.TypeHello })
	f := p.next("ERROR on stream 0", func(f frame) bool { return f.Type == protocol.TypeError && f.Stream == 0 })
	code, text, _ := protocol.ParseError(f.payload)
	if p.err == nil && (code != protocol.CodeInit || !bytes.Contains(text, []byte("no database"))) {
		p.fail("expected code 1 with the error's text, got %d %q", code, text)
	}
	p.exits(1, false)
	return p.stop()
}
