// Command least is the least that can put a worker behind fasthttp: frames over pipes, many in one write, and nothing else. It
// has no settings, metrics, call ids, limits, line or log, passes no headers on, and ends when anything goes wrong. A goal that it misses
// is out of reach, on that machine, of everything that has a second process answer. Its arguments are the worker's command.
package main

import (
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"syscall"

	"github.com/valyala/fasthttp"

	"fwatchdog/protocol"
)

// places is how many requests the worker has at once, at most: the load has fewer connections.
const places = 1024

func main() {
	runtime.GOMAXPROCS((runtime.NumCPU() + 1) / 2) // as fwatchdog does: two threads are slower here
	w, err := start(os.Args[1:])
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(w.read()) }()
	<-w.ready
	log.Fatal(fasthttp.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), w.serve))
}

// worker is a function's process.
type worker struct {
	stdin  io.Writer
	frames *protocol.Reader
	ready  chan struct{}

	mu             sync.Mutex
	pending, spare []byte // frames to write, and the other of the two buffers
	writing        bool
	last           uint32 // stream
	callers        map[uint32]*caller
}

// caller waits for a response.
type caller struct {
	status int
	body   []byte
	done   chan struct{}
}

var callers = sync.Pool{New: func() any { return &caller{done: make(chan struct{}, 1)} }}

// start starts a worker, which ends with this process.
func start(argv []string) (*worker, error) {
	stdin, toWorker, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	fromWorker, output, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = stdin, os.Stderr, os.Stderr, []*os.File{output}
	cmd.Env = append(os.Environ(), "FWATCHDOG_WORKER=1", "FWATCHDOG_OUT_FD=3", "FWATCHDOG_CONCURRENCY="+strconv.Itoa(places))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stdin.Close()
	output.Close()
	w := &worker{stdin: toWorker, frames: protocol.NewReader(fromWorker, protocol.Worker, protocol.MaxPayload), ready: make(chan struct{}), callers: map[uint32]*caller{}}
	hello := protocol.AppendHello(nil, "max_frame", strconv.Itoa(protocol.MaxPayload), "window", strconv.Itoa(protocol.DefaultWindow), "features", "window")
	_, err = toWorker.Write(hello)
	return w, err
}

// serve answers with the function's response, or ends the process.
func (w *worker) serve(ctx *fasthttp.RequestCtx) {
	c := callers.Get().(*caller)
	defer callers.Put(c)
	w.mu.Lock()
	w.last++
	w.callers[w.last] = c
	b := protocol.BeginRequest(w.pending, w.last, 0, ctx.Method(), ctx.RequestURI())
	pending, err := b.End(ctx.PostBody(), true)
	if err != nil {
		log.Fatal(err)
	}
	w.pending = pending
	writes := !w.writing
	w.writing = true
	w.mu.Unlock()
	if writes {
		runtime.Gosched() // others may have something to send
		w.write()
	}
	<-c.done
	ctx.SetStatusCode(c.status)
	ctx.SetBody(c.body)
}

// write writes until nothing is pending.
func (w *worker) write() {
	for {
		w.mu.Lock()
		if len(w.pending) == 0 {
			w.writing = false
			w.mu.Unlock()
			return
		}
		buf := w.pending
		w.pending, w.spare = w.spare[:0], buf
		w.mu.Unlock()
		if _, err := w.stdin.Write(buf); err != nil {
			log.Fatal(err)
		}
	}
}

// read gives responses to those who wait for them, until something goes wrong.
func (w *worker) read() error {
	for {
		h, payload, err := w.frames.Next()
		switch {
		case err != nil:
			return err
		case h.Type == protocol.TypeReady:
			close(w.ready)
		case h.Type == protocol.TypeResponse && h.End:
			if err := w.answer(h.Stream, payload); err != nil {
				return err
			}
		case h.Stream != 0:
			return fmt.Errorf("%v is not the whole of a response", h)
		}
	}
}

func (w *worker) answer(stream uint32, payload []byte) error {
	response, err := protocol.ParseResponse(payload)
	if err != nil {
		return err
	}
	w.mu.Lock()
	c := w.callers[stream]
	delete(w.callers, stream)
	w.mu.Unlock()
	c.status, c.body = response.Status, append(c.body[:0], response.Body...)
	c.done <- struct{}{}
	return nil
}
