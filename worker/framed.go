// Package worker is one live function process with our ends of its pipes: what a pool can hold. Framed speaks FWP/1 with
// it, many exchanges at once.
//
// A few goroutines serve a worker for all its life, none a single request. One reads its frames and hands them to the
// exchanges that wait; it waits for nothing but the pipe. One reads what it logs, and one waits for the process to end.
// What goes to the worker is gathered in one buffer, which whoever finds it idle writes out, so that many small frames
// leave in one write:
//
//	Begin --append REQ--> pending --write--> stdin | the function | stdout --read--> frames --> stream --> Wait
//
// Framed.mu guards what goes out and which streams there are, stream.mu what has come in on one of them. Nobody takes
// the first while holding the second.
//
// The package does not decide that a worker should go, and knows no other worker.
package worker

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"fwatchdog/internal/life"
	"fwatchdog/internal/process"
	"fwatchdog/protocol"
)

// Framed is a worker that speaks FWP/1.
type Framed struct {
	id      life.ID
	cfg     Config
	proc    *process.Process
	out     *os.File // what the worker's frames come from
	log     *zap.Logger
	counts  *Counts
	said    transcript
	stacks  stacks
	flood   *flood
	talk    handshake
	started time.Time
	boot    time.Duration    // from there to READY
	cutter  process.Splitter // of stray text; the reader's

	mu      sync.Mutex // guards the fields below, up to the blank line
	pending []byte     // frames that wait to be written
	spare   []byte     // the buffer that pending takes turns with
	writing bool       // somebody writes: others only append
	corked  bool       // the reader will: it may have more to append
	queued  uint64     // bytes ever handed to the writer
	stalled []*stream  // whose uploads wait until less is pending, or nothing
	streams map[uint32]*stream
	idle    []*stream // to be used again
	stream  uint32    // the number of the last stream
	slow    slow
	leaving bool // no new streams; stdin is closed after the last one
	deaf    bool // nothing is sent any more: the process has ended, is beyond hope, or its stdin is closed
	mute    bool // nothing will come any more
	why     life.Reason

	stdin   *pipe
	wideIn  sync.Once     // stdin is widened
	wideOut sync.Once     // and the pipe that frames come from
	room    chan struct{} // of capacity 1: the client took what held up the reader, for a worker without windows
	severed chan error    // of capacity 2: the worker's end of a pipe was closed
	wishes  *wishes
	writers sync.WaitGroup
	readers sync.WaitGroup
	done    chan struct{} // closed by reap

	pid              atomic.Int64 // 0 once the process has ended
	pings, pongs     atomic.Uint64
	pinged, pingTook atomic.Int64 // nanoseconds: when the last PING was sent, how long its PONG took
}

// Start starts the worker that id names and returns once it is READY. When it does not come to that, the process is
// gone for good and the error is a *StartError. A worker outlives ctx, which only ends the start.
func Start(ctx context.Context, starter *process.Starter, cfg Config, id life.ID, log *zap.Logger) (*Framed, error) {
	command := cfg.Command
	command.Env = environment(cfg, id)
	proc, err := starter.Start(command)
	if err != nil {
		return nil, programError(command.Argv, err)
	}
	f := newFramed(proc, cfg, id, log)
	f.run()
	if err := f.shakeHands(ctx); err != nil {
		f.condemn(life.StartFailed)
		<-f.done
		return nil, f.startError(err)
	}
	f.boot = time.Since(f.started)
	f.said.isReady()
	f.watchSlow()
	f.log.Info("worker started", zap.Duration("boot", f.boot), zap.Int("generation", id.Generation),
		zap.String("sdk", f.talk.sdk), zap.String("runtime", f.talk.runtime), zap.Int("concurrency", f.talk.concurrency))
	return f, nil
}

func newFramed(proc *process.Process, cfg Config, id life.ID, log *zap.Logger) *Framed {
	f := &Framed{
		id:      id,
		cfg:     cfg,
		proc:    proc,
		out:     proc.Stdout,
		log:     log.With(zap.Int("slot", id.Slot), zap.Uint64("serial", id.Serial), zap.Int("pid", proc.Pid())),
		counts:  cfg.Counts,
		talk:    newHandshake(id),
		started: time.Now(),
		streams: map[uint32]*stream{},
		stdin:   newPipe(proc.Stdin),
		flood:   newFlood(cfg.LineRate, &cfg.Counts.LinesDropped),
		stacks:  newStacks(),
		room:    make(chan struct{}, 1),
		severed: make(chan error, 2),
		wishes:  newWishes(),
		done:    make(chan struct{}),
	}
	if cfg.Command.FD3 {
		f.out = proc.FD3
	}
	f.pid.Store(int64(proc.Pid()))
	f.cutter = process.Splitter{Max: cfg.LineLimit, Emit: f.strayLine}
	return f
}

// run starts the worker's goroutines and says HELLO.
func (f *Framed) run() {
	f.readers.Go(f.read)
	f.readers.Go(func() { f.readLines(f.proc.Stderr, fromStderr) })
	if f.cfg.Command.FD3 {
		f.readers.Go(func() { f.readLines(f.proc.Stdout, fromStdout) })
	}
	go f.reap()
	f.mu.Lock()
	f.pending = append(f.pending, f.talk.hello...)
	f.unlockAndFlush()
}

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

// Asks carries the worker's wish to be replaced, or that it must get nothing new: each wish once.
func (f *Framed) Asks() <-chan life.Reason { return f.wishes.c }

// Done is closed once the process has been reaped and every exchange has been told.
func (f *Framed) Done() <-chan struct{} { return f.done }

// Ended is why the worker has gone. Call it only after Done.
func (f *Framed) Ended() life.Reason { return f.why }

// Vitals is how the worker does. It takes no lock.
func (f *Framed) Vitals() life.Vitals {
	return life.Vitals{
		Pid:      int(f.pid.Load()),
		Pings:    f.pings.Load(),
		Pongs:    f.pongs.Load(),
		PingTook: time.Duration(f.pingTook.Load()),
		Boot:     f.boot,
		PingBusy: f.talk.pingBusy && f.talk.window, // without windows the reader may wait for a client
	}
}

// Ping sends a PING; Vitals tells when it was answered.
func (f *Framed) Ping() {
	f.mu.Lock()
	nonce := f.pings.Add(1)
	f.pinged.Store(int64(time.Since(f.started)))
	f.pending = protocol.AppendPing(f.pending, nonce)
	f.unlockAndFlush()
}
