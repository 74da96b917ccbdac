package fwatchdog

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"

	"fwatchdog/protocol"
)

// worker is the conversation with the host.
type worker struct {
	handler Handler
	in      *protocol.Reader
	out     *outgoing
	ended   chan int     // the exit code, once nobody reads any more
	idle    chan *stream // to the goroutines that wait for their next request; closed once there will be none
	running sync.WaitGroup
	places  int32        // how many requests are taken at once
	taken   atomic.Int32 // of them
	alone   alone

	own *stream // what the reader has read and is to answer itself

	// Set by the host's HELLO, before there is a stream.
	greeted bool
	limit   int   // bytes of payload in a frame
	window  int64 // bytes of DATA that each direction of a stream starts with

	mu      sync.Mutex // guards what follows
	streams map[uint32]*stream
	newest  uint32 // the highest number of a stream so far
	ready   bool
	leaving bool // the host said GOAWAY
}

func newWorker(in io.Reader, out io.Writer, handler Handler) *worker {
	w := &worker{
		handler: handler,
		out:     newOutgoing(out),
		ended:   make(chan int, 1),
		idle:    make(chan *stream),
		limit:   protocol.MaxPayload,
		streams: make(map[uint32]*stream),
	}
	w.in = protocol.NewReader(reader{in, w.out, &w.taken}, protocol.Host, protocol.MaxPayload)
	return w
}

// sdk is what the worker says that it is made with.
const sdk = "go/0.1.0"

// run greets the host, initialises, and answers requests until the host hangs up. It returns the exit code.
func (w *worker) run(c config) int {
	_ = w.out.send(func(dst []byte) ([]byte, error) { // a broken pipe is noticed by read
		return protocol.AppendHello(dst,
			"sdk", sdk,
			"runtime", runtime.Version(),
			"pid", strconv.Itoa(os.Getpid()),
			"concurrency", strconv.Itoa(c.concurrency),
			"features", "window exclusive ping-busy"), nil
	})
	w.places = int32(c.concurrency)
	go w.read() // ends with the pipe

	if err := initialise(c.init); err != nil {
		w.sendError(0, protocol.CodeInit, err)
		w.out.flush()
		return exitInit
	}
	w.takeRequests()
	_ = w.out.send(func(dst []byte) ([]byte, error) { return protocol.AppendReady(dst), nil }) // as above
	code := <-w.ended
	if code == exitFine {
		w.running.Wait()
		w.out.flush()
	}
	close(w.idle)
	return code
}

func initialise(init func() error) (err error) {
	if init == nil {
		return nil
	}
	defer func() {
		if v := recover(); v != nil {
			err = raised(v)
		}
	}()
	return init()
}

// raised makes an error of what a panic holds: its text, then the stack.
func raised(v any) error { return fmt.Errorf("%v\n%s", v, debug.Stack()) }

func (w *worker) sendError(stream uint32, code protocol.ErrorCode, err error) {
	_ = w.out.send(func(dst []byte) ([]byte, error) { // who is to be told of a broken pipe is at its other end
		return protocol.AppendError(dst, stream, code, err.Error(), w.limit), nil
	})
}

// takeRequests lets requests in.
func (w *worker) takeRequests() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ready = true
}
