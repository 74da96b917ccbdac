package conformance

import (
	"bytes"
	"fmt"
	"strings"

	"fwatchdog/protocol"
)

// answer is a whole response as it came.
type answer struct {
	status  int
	headers []string // "name: value"
	body    []byte
	frames  int // DATA frames
}

// text is status and body in one line.
func (a answer) text() string { return fmt.Sprintf("%d %s", a.status, a.body) }

// open sends a REQ without END.
func (p *peer) open(method, target string, headers ...string) (stream uint32) {
	return p.request(0, method, target, nil, false, headers...)
}

// call sends a whole small request.
func (p *peer) call(target, body string) (stream uint32) {
	return p.request(0, "POST", target, []byte(body), true)
}

// request sends a REQ; headers are "name: value".
func (p *peer) request(timeoutMs uint32, method, target string, body []byte, end bool, headers ...string) (stream uint32) {
	p.stream++
	b := protocol.BeginRequest(nil, p.stream, timeoutMs, []byte(method), []byte(target))
	for _, h := range headers {
		key, value, _ := strings.Cut(h, ": ")
		b.Pair([]byte(key), []byte(value))
	}
	frames, err := b.End(body, end)
	if err != nil {
		p.fail("the suite's own request: %v", err)
		return p.stream
	}
	p.credit[p.stream] = protocol.DefaultWindow
	p.send(frames)
	return p.stream
}

// upload sends body as DATA, the last with END, and waits for WINDOW when it must.
func (p *peer) upload(stream uint32, body []byte) {
	for p.err == nil {
		n := min(len(body), protocol.MaxPayload, p.credit[stream])
		if n == 0 && len(body) > 0 {
			p.next("WINDOW", func(f frame) bool { return f.Type == protocol.TypeWindow && f.Stream == stream })
			continue
		}
		p.credit[stream] -= n
		p.send(protocol.AppendData(nil, stream, body[:n], n == len(body)))
		if body = body[n:]; len(body) == 0 {
			return
		}
	}
}

func on(stream uint32) func(frame) bool {
	return func(f frame) bool {
		return f.Stream == stream && f.Type != protocol.TypeWindow && f.Type != protocol.TypeLog
	}
}

// response takes the whole response of a stream, granting WINDOW for what it takes. An ERROR is a failure, but for one of the
// handler's where any answer is right.
func (p *peer) response(stream uint32) answer {
	a := p.head(stream)
	for last := a.frames < 0; !last && p.err == nil; {
		f := p.data(stream)
		if f.Type == protocol.TypeError {
			break
		}
		last = f.End
		a.body = append(a.body, f.payload...)
		a.frames++
		if !last && len(f.payload) > 0 {
			p.grant(stream, len(f.payload))
		}
	}
	a.frames = max(a.frames, 0)
	return a
}

// grant allows the worker to send more. One that was told to go may have gone already: what it sent last crossed this.
func (p *peer) grant(stream uint32, bytes int) {
	if p.err == nil && p.windows && p.proc != nil {
		frame := protocol.AppendWindow(nil, stream, uint32(bytes))
		p.note("host  ", protocol.Header{Type: protocol.TypeWindow, Stream: stream, Length: 4}, nil)
		_, _ = p.proc.Stdin.Write(frame)
	}
}

// head takes the RESP of a stream. When it is the whole response, frames is -1.
func (p *peer) head(stream uint32) answer {
	f := p.next(fmt.Sprintf("RESP on stream %d", stream), on(stream))
	if p.err != nil {
		return answer{}
	}
	if p.isAnswer(f) {
		return answer{frames: -1}
	}
	if f.Type != protocol.TypeResponse {
		p.fail("expected RESP on stream %d, got %v %.200q", stream, f.Header, f.payload)
		return answer{}
	}
	r, err := protocol.ParseResponse(f.payload)
	if err != nil {
		p.fail("%v", err)
		return answer{}
	}
	a := answer{status: r.Status, body: bytes.Clone(r.Body)}
	for key, value := range r.Headers.All() {
		a.headers = append(a.headers, fmt.Sprintf("%s: %s", key, value))
	}
	if f.End {
		a.frames = -1
	}
	return a
}

// isAnswer reports whether a frame is an ERROR of the handler's, where any answer is right.
func (p *peer) isAnswer(f frame) bool {
	if !p.minimal || f.Type != protocol.TypeError {
		return false
	}
	code, _, err := protocol.ParseError(f.payload)
	return err == nil && code != protocol.CodeCancelled && code != protocol.CodeNotStarted && code != protocol.CodeProtocol
}

// data takes a DATA of a stream.
func (p *peer) data(stream uint32) frame {
	f := p.next(fmt.Sprintf("DATA on stream %d", stream), on(stream))
	if p.err == nil && f.Type != protocol.TypeData && !p.isAnswer(f) {
		p.fail("expected DATA on stream %d, got %v %.200q", stream, f.Header, f.payload)
	}
	return f
}

// errorOf takes the ERROR of a stream, past what was answered before it.
func (p *peer) errorOf(stream uint32) (code protocol.ErrorCode, text string) {
	f := p.next(fmt.Sprintf("ERROR on stream %d", stream), func(f frame) bool {
		return f.Stream == stream && (f.Type == protocol.TypeError || f.End && f.Type != protocol.TypeLog)
	})
	if p.err != nil {
		return 0, ""
	}
	if f.Type != protocol.TypeError {
		p.fail("expected ERROR on stream %d, got %v", stream, f.Header)
		return 0, ""
	}
	c, t, err := protocol.ParseError(f.payload)
	if err != nil {
		p.fail("%v", err)
	}
	return c, string(t)
}

// terminal waits for the end of a stream, however it ends.
func (p *peer) terminal(stream uint32) frame {
	return p.next(fmt.Sprintf("the end of stream %d", stream), func(f frame) bool {
		return f.Stream == stream && f.Type != protocol.TypeLog && (f.End || f.Type == protocol.TypeError)
	})
}

// answers fails unless the stream's response is this one.
func (p *peer) answers(stream uint32, want string) {
	if got := p.response(stream); p.err == nil && got.text() != want {
		p.fail("stream %d: expected %.80q, got %.80q", stream, want, got.text())
	}
}

// echoes fails unless a stream of /echo answers this, or, where any answer is right, anything.
func (p *peer) echoes(stream uint32, want string) {
	if p.minimal {
		p.response(stream)
		return
	}
	p.answers(stream, "200 "+want)
}

// works proves that the worker still serves.
func (p *peer) works() { p.echoes(p.call("/echo", "still here"), "still here") }

// pattern is a body whose byte i is i mod 251.
func pattern(n int) []byte {
	body := make([]byte, n)
	for i := range body {
		body[i] = byte(i % 251)
	}
	return body
}

// same fails unless two bodies are equal.
func (p *peer) same(what string, got, want []byte) {
	if p.err != nil || bytes.Equal(got, want) {
		return
	}
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	p.fail("%s: expected %d bytes, got %d; they differ from byte %d on", what, len(want), len(got), at)
}
