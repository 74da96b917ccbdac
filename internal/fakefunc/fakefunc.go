// Package fakefunc is a function process for tests: one that answers, lies, hangs and dies on command. The test binary
// itself plays it, so no other runtime is needed:
//
//	func TestMain(m *testing.M) {
//		if fakefunc.Play(scenes) {
//			return
//		}
//		os.Exit(m.Run())
//	}
//
// A Scene is all that such a process does. It has the pipes in its hands, frame by frame and byte by byte, and nobody
// keeps it from breaking the protocol.
package fakefunc

import (
	"fmt"
	"io"
	"os"
	"sync"

	"fwatchdog/protocol"
)

// Variable is what names the scene in the environment of a process that is to play one.
const Variable = "FAKEFUNC"

// Scene is what the process does until it ends.
type Scene func(c *Conn)

// Play plays the scene that the environment names, and reports whether it names one.
func Play(scenes map[string]Scene) bool {
	name, ok := os.LookupEnv(Variable)
	if !ok {
		return false
	}
	scene := scenes[name]
	if scene == nil {
		panic(fmt.Sprintf("fakefunc: no scene is called %q", name))
	}
	out := os.Stdout
	if os.Getenv("FWATCHDOG_OUT_FD") == "3" {
		out = os.NewFile(3, "fd 3")
	}
	scene(&Conn{Out: out, in: protocol.NewReader(os.Stdin, protocol.Host, protocol.MaxPayload)})
	return true
}

// Conn is the worker's end of the pipes.
type Conn struct {
	// Out is where frames are written.
	Out *os.File

	in *protocol.Reader
	mu sync.Mutex // held while Out is written
}

// Frame is a frame of the host's.
type Frame struct {
	protocol.Header
	// Payload is valid until the next frame is read.
	Payload []byte
}

// Next returns the host's next frame, and false at the end of stdin. What is no frame is the host's fault: it panics.
func (c *Conn) Next() (Frame, bool) {
	h, payload, err := c.in.Next()
	if err == io.EOF {
		return Frame{}, false
	}
	if err != nil {
		panic(err)
	}
	return Frame{Header: h, Payload: payload}, true
}

// More reports whether a frame is there without waiting for it, or part of one.
func (c *Conn) More() bool { return c.in.Buffered() }

// Send writes frames, or whatever it is given, with one write.
func (c *Conn) Send(frames ...[]byte) {
	var all []byte
	for _, frame := range frames {
		all = append(all, frame...)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := c.Out.Write(all); err != nil {
		panic(err)
	}
}

// Greet says HELLO with these pairs, and READY.
func (c *Conn) Greet(pairs ...string) {
	c.Send(protocol.AppendHello(nil, pairs...), protocol.AppendReady(nil))
}

// Serve hands the host's frames to on until stdin ends. It answers PING itself.
func (c *Conn) Serve(on func(f Frame)) {
	for f, ok := c.Next(); ok; f, ok = c.Next() {
		if f.Type == protocol.TypePing {
			nonce, err := protocol.ParseNonce(f.Payload)
			if err != nil {
				panic(err)
			}
			c.Send(protocol.AppendPong(nil, nonce))
			continue
		}
		on(f)
	}
}

// ServeRequests hands the host's requests to handle until stdin ends. Their views are valid until handle returns.
func (c *Conn) ServeRequests(handle func(stream uint32, r protocol.Request)) {
	c.Serve(func(f Frame) {
		if f.Type == protocol.TypeRequest {
			handle(f.Stream, f.Request())
		}
	})
}

// Request decodes a REQ.
func (f Frame) Request() protocol.Request {
	r, err := protocol.ParseRequest(f.Payload)
	if err != nil {
		panic(err)
	}
	return r
}

// Log sends a LOG of the level info that belongs to no request.
func (c *Conn) Log(format string, args ...any) {
	c.Send(protocol.AppendLog(nil, 0, protocol.LevelInfo, fmt.Sprintf(format, args...), protocol.MaxSharedPayload))
}

// Response is a RESP without headers.
func Response(stream uint32, status int, body string, last bool) []byte {
	b := protocol.BeginResponse(nil, stream, status, protocol.MaxPayload)
	frame, err := b.End([]byte(body), last)
	if err != nil {
		panic(err)
	}
	return frame
}

// Raw is a frame with a header that nothing has checked.
func Raw(t protocol.Type, flags byte, stream uint32, payload []byte) []byte {
	frame := protocol.Header{Type: t, Stream: stream, Length: len(payload)}.Append(nil)
	frame[3] = flags
	return append(frame, payload...)
}
