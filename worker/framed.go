// Package worker is one live function process with our ends of its pipes: what a pool can hold. Framed speaks FWP/1 with
// it, many exchanges at once.
//
// Two goroutines serve a worker for all its life. One reads its frames and hands them to the exchanges that wait; it
// waits for nothing but the pipe. One waits for the process to end. What goes to the worker is gathered in one buffer,
// which whoever finds it idle writes out, so that many small frames leave in one write:
//
//	Do --append REQ--> pending --write--> stdin | the function | stdout --read--> frames --> stream --> Do
//
// The package does not decide that a worker should go, and knows no other worker.
package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/life"
	"fwatchdog/internal/process"
	"fwatchdog/protocol"
)

// Config says how workers are started and how long they are waited for.
type Config struct {
	// Command is the program, its arguments and its environment, to which the protocol's variables are added.
	// Command.FD3 says that the worker writes its frames on fd 3.
	Command process.Command
	// Concurrency is the most streams at once that the operator wants; 0 leaves it to the worker.
	Concurrency int
	// HelloTimeout is the longest from the start of the process to HELLO, StartTimeout from there to READY.
	HelloTimeout, StartTimeout time.Duration
	// CancelGrace is how long a stream may take to end once it was cancelled.
	CancelGrace time.Duration
	// LineLimit is the longest log line, in bytes; what is longer becomes several.
	LineLimit int
	// Counts is where all workers of a pool count; it must be set.
	Counts *Counts
}

// Counts are events of all workers of a pool, dead ones included.
type Counts struct {
	// Cancelled counts CANCELs by protocol.CancelReason.
	Cancelled [4]atomic.Uint64
	// LateResponses counts terminal frames that came after a CANCEL, ProtocolErrors violations, StrayBytes text where
	// frames should be.
	LateResponses, ProtocolErrors, StrayBytes atomic.Uint64
}

// Validate reports every field that is out of range.
func (c Config) Validate() error {
	var errs []error
	bad := func(is bool, name string, value any, must string) {
		if is {
			errs = append(errs, fmt.Errorf("%s is %v: it must be %s", name, value, must))
		}
	}
	bad(c.Concurrency < 0, "worker_concurrency", c.Concurrency, "0, which is what the worker says, or more")
	bad(c.HelloTimeout <= 0, "hello_timeout", c.HelloTimeout, "more than 0")
	bad(c.StartTimeout <= 0, "start_timeout", c.StartTimeout, "more than 0")
	bad(c.CancelGrace < 0, "cancel_grace", c.CancelGrace, "0 or more")
	return errors.Join(errs...)
}

// Framed is a worker that speaks FWP/1.
type Framed struct {
	id   life.ID
	cfg  Config
	proc *process.Process
	out  io.Reader // what the worker's frames come from
	log  *zap.Logger
	said transcript
	talk handshake

	mu      sync.Mutex // guards the fields below, up to the blank line
	pending []byte     // frames that wait to be written
	spare   []byte     // the buffer that pending takes turns with
	writing bool       // somebody writes: others only append
	queued  uint64     // bytes ever handed to the writer
	streams map[uint32]*stream
	idle    []*stream // to be used again
	stream  uint32    // the number of the last stream
	leaving bool      // GOAWAY was sent: stdin is closed after the last stream
	dead    bool      // the process has ended, or is beyond hope
	why     life.Reason

	stdin   *pipe
	drained chan struct{} // of capacity 1: nothing is pending
	room    chan struct{} // of capacity 1: the client took what held up the reader, which knows no window
	writers sync.WaitGroup
	readers sync.WaitGroup
	asks    chan life.Reason
	done    chan struct{} // closed by reap

	cutter process.Splitter // of stray text; the reader's

	started time.Time
	boot    time.Duration // from there to READY

	pings, pongs     atomic.Uint64
	pinged, pingTook atomic.Int64 // nanoseconds: when the last PING was sent, how long its PONG took
	counts           *Counts
}

// Start starts the worker that id names and returns once it is READY. When it does not come to that, the process is
// gone for good and the error is a *StartError. A worker outlives ctx, which only ends the start.
func Start(ctx context.Context, starter *process.Starter, cfg Config, id life.ID, log *zap.Logger) (*Framed, error) {
	command := cfg.Command
	command.Env = environment(cfg, id)
	proc, err := starter.Start(command)
	if err != nil {
		return nil, &StartError{Command: command.Argv, What: err.Error(), Err: err}
	}
	f, err := newFramed(proc, cfg, id, log)
	if err != nil {
		proc.Kill()
		<-proc.Ended()
		proc.Reap()
		proc.Close()
		return nil, &StartError{Command: command.Argv, What: err.Error(), Err: err}
	}
	f.run()
	if err := f.shakeHands(ctx); err != nil {
		f.condemn(life.StartFailed)
		<-f.done
		return nil, f.startError(err)
	}
	f.boot = time.Since(f.started)
	f.log.Info("worker started", zap.Duration("boot", f.boot), zap.Int("generation", id.Generation),
		zap.String("sdk", f.talk.sdk), zap.String("runtime", f.talk.runtime), zap.Int("concurrency", f.talk.concurrency))
	return f, nil
}

func newFramed(proc *process.Process, cfg Config, id life.ID, log *zap.Logger) (*Framed, error) {
	stdin, err := proc.Stdin.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("open the worker's stdin: %w", err)
	}
	f := &Framed{
		id:      id,
		cfg:     cfg,
		proc:    proc,
		started: time.Now(),
		counts:  cfg.Counts,
		out:     proc.Stdout,
		log:     log.With(zap.Int("slot", id.Slot), zap.Uint64("serial", id.Serial), zap.Int("pid", proc.Pid())),
		talk:    newHandshake(),
		streams: map[uint32]*stream{},
		stdin:   newPipe(stdin),
		drained: make(chan struct{}, 1),
		room:    make(chan struct{}, 1),
		asks:    make(chan life.Reason, 4), // goaway, timeout, and the end of the process; a wish more is one too many
		done:    make(chan struct{}),
	}
	if cfg.Command.FD3 {
		f.out = proc.FD3
	}
	f.talk.sent = appendHello(nil, id)[protocol.HeaderSize:]
	f.cutter = process.Splitter{Max: cfg.LineLimit, Emit: func(line []byte) { f.logLine(fromStdout, line) }}
	return f, nil
}

// run starts the worker's goroutines and says HELLO.
func (f *Framed) run() {
	f.readers.Add(2)
	go f.read()
	go f.readStderr()
	if f.cfg.Command.FD3 {
		f.readers.Add(1)
		go f.readStdout()
	}
	go f.reap()
	f.mu.Lock()
	f.pending = appendHello(f.pending, f.id)
	f.unlockAndFlush()
}

// MaxWholeBody is the largest request body that may be given whole; a larger one comes as a stream.
const MaxWholeBody = protocol.MaxPayload

// About is what a worker said of itself in its HELLO.
type About struct {
	SDK, Runtime string
	Features     []string
}

// About returns what the worker said of itself.
func (f *Framed) About() About {
	return About{SDK: f.talk.sdk, Runtime: f.talk.runtime, Features: f.talk.features}
}

// Concurrency is how many streams the worker takes at once.
func (f *Framed) Concurrency() int { return f.talk.concurrency }

// Asks carries the worker's wish to be replaced, or that it must get nothing new.
func (f *Framed) Asks() <-chan life.Reason { return f.asks }

// Done is closed once the process has been reaped and every exchange has been told.
func (f *Framed) Done() <-chan struct{} { return f.done }

// Ended is why the worker has gone. Call it only after Done.
func (f *Framed) Ended() life.Reason { return f.why }

// Vitals is how the worker does. It takes no lock.
func (f *Framed) Vitals() life.Vitals {
	return life.Vitals{
		Pid:      f.proc.Pid(),
		Pings:    f.pings.Load(),
		Pongs:    f.pongs.Load(),
		PingTook: time.Duration(f.pingTook.Load()),
		Boot:     f.boot,
		PingBusy: f.talk.pingBusy,
	}
}

// Ping sends a PING; Vitals tells when it was answered.
func (f *Framed) Ping() {
	nonce := f.pings.Add(1)
	f.pinged.Store(int64(time.Since(f.started)))
	f.mu.Lock()
	f.pending = protocol.AppendPing(f.pending, nonce)
	f.unlockAndFlush()
}

// Leave sends GOAWAY, closes stdin after the last stream, and kills the process when ctx ends before it has gone. It
// returns once the worker is Done.
func (f *Framed) Leave(ctx context.Context, why life.Reason) {
	f.goAway(why)
	select {
	case <-f.done:
		return
	case <-ctx.Done():
	}
	f.condemn(why)
	<-f.done
}

func (f *Framed) goAway(why life.Reason) {
	f.mu.Lock()
	f.blame(why)
	f.leaving = true
	f.pending = protocol.AppendGoAway(f.pending, string(why))
	f.unlockAndFlush()
}

// condemn kills the worker because of why, unless another reason came first. What it has in flight is lost.
func (f *Framed) condemn(why life.Reason) {
	f.mu.Lock()
	f.blame(why)
	f.dead = true
	f.mu.Unlock()
	f.proc.Kill()
}

// blame records why the worker goes: the first reason stays. A crash is not one before the process has ended and told
// more. f.mu is held.
func (f *Framed) blame(why life.Reason) {
	if f.why == "" && why != life.Crash {
		f.why = why
	}
}

// ask passes on a wish to whoever replaces workers. When nobody has listened to earlier ones, it is not needed.
func (f *Framed) ask(why life.Reason) {
	select {
	case f.asks <- why:
	default:
	}
}

// reapPatience is how long what a dead worker wrote is read; a grandchild may hold the pipe open.
const reapPatience = 100 * time.Millisecond

// reap waits for the end of the process and puts everything in order, step by step as internal/process demands. It is
// the worker's last goroutine: it waits for the others.
func (f *Framed) reap() {
	<-f.proc.Ended() // a zombie still: its pid and its group are nobody else's
	f.mu.Lock()
	f.dead = true
	f.mu.Unlock()
	f.ask(life.Crash)
	f.proc.Kill() // what is left of its group
	f.awaitReaders()
	exit := f.proc.Reap()
	unread := f.stdin.unread()
	f.proc.Close() // ends whoever still reads or writes
	f.readers.Wait()
	f.writers.Wait()
	f.mu.Lock()
	if f.why == "" {
		f.why = reasonOf(exit)
	}
	f.mu.Unlock()
	f.failAll(unread)
	f.talk.fail(&endedError{exit: exit})
	f.logEnd(exit)
	close(f.done)
}

// reasonOf is why a worker ended that nobody had sent away.
func reasonOf(exit process.Exit) life.Reason {
	if exit.Signal == 0 && exit.Code == 0 {
		return life.Exit
	}
	return life.Crash
}

// awaitReaders lets the readers come to the end of the pipes.
func (f *Framed) awaitReaders() {
	deadline := time.Now().Add(reapPatience)
	for _, pipe := range []*os.File{f.proc.Stdout, f.proc.Stderr, f.proc.FD3} {
		if pipe != nil {
			_ = pipe.SetReadDeadline(deadline) // where that fails, Close ends the reading
		}
	}
	f.readers.Wait()
}

// causeOf is what clients are told whose response was lost because the worker left for this reason.
func causeOf(why life.Reason) exchange.Cause {
	switch why {
	case life.MemoryHard, life.MemorySoft:
		return exchange.CauseMemory
	case life.Protocol:
		return exchange.CauseProtocol
	case life.Timeout, life.Heartbeat:
		return exchange.CauseTimeout
	}
	return exchange.CauseCrash
}
