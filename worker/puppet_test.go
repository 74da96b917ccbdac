package worker_test

import (
	"fmt"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/fakefunc"
	"fwatchdog/internal/life"
	"fwatchdog/protocol"
)

// puppet sends what the body of a SEND holds, whatever that is, and answers no other request. It logs every frame that
// it gets, so that a test sees the pipe with its eyes and has its hands on it.
var puppet = scene("do what SEND says", func(c *fakefunc.Conn) {
	c.Greet(shared...)
	pull(c)
})

func pull(c *fakefunc.Conn) {
	c.Serve(func(f fakefunc.Frame) {
		switch {
		case f.Type == protocol.TypeHello:
		case f.Type == protocol.TypeRequest && string(f.Request().Method) == "SEND":
			c.Send(f.Request().Body)
			c.Send(fakefunc.Response(f.Stream, 200, "", true))
		default:
			c.Log("%s", describe(f))
		}
	})
}

// describe says what a frame is, in a word for each thing that matters.
func describe(f fakefunc.Frame) string {
	end := ""
	if f.End {
		end = " END"
	}
	switch f.Type {
	case protocol.TypeData:
		return fmt.Sprintf("DATA %d: %d%s", f.Stream, len(f.Payload), end)
	case protocol.TypeWindow:
		n, _ := protocol.ParseWindow(f.Payload) // of a bad one 0, which the test sees
		return fmt.Sprintf("WINDOW %d: %d", f.Stream, n)
	case protocol.TypeCancel:
		reason, _ := protocol.ParseCancel(f.Payload) // of a bad one 0, which the test sees
		return fmt.Sprintf("CANCEL %d: %d", f.Stream, reason)
	case protocol.TypeGoAway:
		return fmt.Sprintf("GOAWAY: %s", f.Payload)
	}
	return fmt.Sprintf("%s %d%s", f.Type, f.Stream, end)
}

// send makes a puppet send these frames, or whatever they are, and returns how the exchange ended that carried them.
func (f *function) send(frames ...[]byte) error {
	f.t.Helper()
	r := request("/")
	r.Method = []byte("SEND")
	for _, frame := range frames {
		r.Body = append(r.Body, frame...)
	}
	f.streams++
	return f.begin(r).wait()
}

// must makes a puppet send these frames, which are good.
func (f *function) must(frames ...[]byte) {
	f.t.Helper()
	if err := f.send(frames...); err != nil {
		f.t.Fatal(err)
	}
}

// hold begins an exchange and waits until the puppet has its REQ.
func (f *function) hold(r exchange.Request) *call {
	f.t.Helper()
	c := f.begin(r)
	f.streams++
	c.stream = f.streams
	end := " END"
	if r.Stream != nil {
		end = ""
	}
	f.awaitLine(fmt.Sprintf("REQ %d%s", c.stream, end))
	return c
}

// violate makes a puppet break the protocol, for which it must die, and returns the log entry of its end.
func (f *function) violate(frames ...[]byte) map[string]any {
	f.t.Helper()
	if err := f.send(frames...); err == nil {
		f.t.Error("the worker went on after a violation")
	}
	if why := f.awaitEnd(); why != life.Protocol {
		f.t.Errorf("it ended because of %s", why)
	}
	return f.end()
}

// The frames of one stream.

func (c *call) respond(body string, last bool) []byte {
	return fakefunc.Response(c.stream, 200, body, last)
}

func (c *call) data(n int, last bool) []byte {
	return protocol.AppendData(nil, c.stream, make([]byte, n), last)
}

func (c *call) window(n uint32) []byte { return protocol.AppendWindow(nil, c.stream, n) }

func (c *call) fail(code protocol.ErrorCode) []byte {
	return protocol.AppendError(nil, c.stream, code, "boom", protocol.MaxPayload)
}
