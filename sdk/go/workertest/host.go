// Package workertest calls a handler as fwatchdog would, over the protocol but without a process.
//
//	func TestHandlerGreets(t *testing.T) {
//		answer := workertest.Call(t, handle, workertest.Request{Target: "/?name=you"})
//		if string(answer.Body) != "hello you" { ... }
//	}
package workertest

import (
	"bytes"
	"io"
	"slices"
	"sync"
	"testing"

	"fwatchdog/protocol"
	fwatchdog "fwatchdog/sdk/go"
)

// Frame is a frame that the worker sent.
type Frame struct {
	protocol.Header
	Payload []byte
	granted bool // a WINDOW was sent for it
}

// Host is fwatchdog's side of a worker in the same process. Its methods fail the test when the worker does not do what it
// must. They are for one goroutine.
type Host struct {
	tb      testing.TB
	in      io.WriteCloser
	frames  chan Frame // closed with the worker's output
	code    chan int
	backlog []Frame // of other streams than the one that was asked for
	stream  uint32  // the last one
}

// Greet is the HELLO that a host sends unless told otherwise.
func Greet() []byte {
	return protocol.AppendHello(nil, "max_frame", "65536", "window", "262144", "features", "window exclusive ping-busy")
}

// Start starts a worker and waits until it is ready. The worker ends with the test.
func Start(tb testing.TB, handler fwatchdog.Handler, options ...fwatchdog.Option) *Host {
	tb.Helper()
	h := Launch(tb, handler, options...)
	h.ShakeHands()
	return h
}

// ShakeHands greets a worker, waits until it is ready, and returns what it said in its HELLO.
func (h *Host) ShakeHands() protocol.Hello {
	h.tb.Helper()
	h.Send(Greet())
	hello, err := protocol.ParseHello(h.Expect(protocol.TypeHello).Payload)
	if err != nil {
		h.tb.Fatal(err)
	}
	h.Expect(protocol.TypeReady)
	return hello
}

// Launch starts a worker and says nothing to it.
func Launch(tb testing.TB, handler fwatchdog.Handler, options ...fwatchdog.Option) *Host {
	in, toWorker := io.Pipe()
	fromWorker, out := io.Pipe()
	h := newHost(tb, toWorker)
	var ended sync.WaitGroup
	ended.Go(func() {
		h.code <- fwatchdog.ServePipes(in, out, handler, options...)
		_, _ = in.Close(), out.Close() // of a pipe in memory: never fails
	})
	ended.Go(func() { h.read(fromWorker) })
	tb.Cleanup(func() {
		_ = toWorker.Close() // as above
		ended.Wait()
	})
	return h
}

func newHost(tb testing.TB, in io.WriteCloser) *Host {
	return &Host{tb: tb, in: in, frames: make(chan Frame, 1<<12), code: make(chan int, 1)}
}

func (h *Host) read(out io.Reader) {
	defer close(h.frames)
	r := protocol.NewReader(out, protocol.Worker, protocol.MaxPayload)
	over := map[uint32]bool{} // streams that have ended
	for {
		header, payload, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			h.tb.Errorf("the worker's output: %v", err)
			return
		}
		if over[header.Stream] && header.Type != protocol.TypeWindow {
			h.tb.Errorf("%v, though the stream has ended", header)
		}
		if header.Stream > 0 && (header.End || header.Type == protocol.TypeError) {
			over[header.Stream] = true
		}
		h.frames <- Frame{Header: header, Payload: bytes.Clone(payload)}
	}
}

// Send sends bytes to the worker.
func (h *Host) Send(frames []byte) {
	h.tb.Helper()
	if _, err := h.in.Write(frames); err != nil {
		h.tb.Fatalf("the worker no longer reads: %v", err)
	}
}

// Next returns the next frame that the worker sent, and false when there will be none.
func (h *Host) Next() (Frame, bool) {
	if len(h.backlog) > 0 {
		f := h.backlog[0]
		h.backlog = h.backlog[1:]
		return f, true
	}
	f, ok := <-h.frames
	return f, ok
}

// Expect returns the next frame, which must be of this type.
func (h *Host) Expect(want protocol.Type) Frame {
	h.tb.Helper()
	f, ok := h.Next()
	if !ok || f.Type != want {
		h.tb.Fatalf("got %v %.200q, want %v", f.Header, f.Payload, want)
	}
	return f
}

// NextOn returns the next frame of one stream, and keeps those of others.
func (h *Host) NextOn(stream uint32) Frame {
	h.tb.Helper()
	if i := slices.IndexFunc(h.backlog, func(f Frame) bool { return f.Stream == stream }); i >= 0 {
		f := h.backlog[i]
		h.backlog = slices.Delete(h.backlog, i, i+1)
		return f
	}
	for f := range h.frames {
		if f.Stream == stream {
			return f
		}
		h.backlog = append(h.backlog, f)
	}
	h.tb.Fatalf("the worker ended while stream %d was open", stream)
	return Frame{}
}

// HangUp closes the worker's stdin.
func (h *Host) HangUp() {
	_ = h.in.Close() // as above
}

// Exit waits for the end of the worker and returns its exit code.
func (h *Host) Exit() int { return <-h.code }
