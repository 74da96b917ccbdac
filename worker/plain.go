package worker

import (
	"cmp"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"fwatchdog/internal/life"
	"fwatchdog/internal/logging"
	"fwatchdog/internal/process"
)

// plain is what the workers have in common that speak no protocol: a process whose stderr is logged, and its end.
type plain struct {
	cfg     Config
	proc    *process.Process
	log     *zap.Logger
	said    transcript
	wishes  *wishes
	started time.Time
	boot    time.Duration // from there to READY
	ready   atomic.Bool   // it came to that
	opening []zap.Field   // what of-watchdog says of its start
	level   zapcore.Level // of what the log says of its start, and of an end that was wanted
	readers sync.WaitGroup
	done    chan struct{} // closed by reap
	exit    process.Exit  // read it only after done
	hint    string        // what to do about its end; lost sets it

	pid atomic.Int64 // 0 once the process has ended

	mu  sync.Mutex // guards why
	why life.Reason
}

// startPlain starts the process. Its owner calls reap in a goroutine.
func startPlain(starter *process.Starter, cfg Config, id life.ID, log *zap.Logger) (*plain, error) {
	proc, err := starter.Start(cfg.Command)
	if err != nil {
		return nil, programError(cfg.Command.Argv, err)
	}
	p := &plain{
		cfg:     cfg,
		proc:    proc,
		log:     log.With(zap.Int("slot", id.Slot), zap.Uint64("serial", id.Serial), zap.Int("pid", proc.Pid())),
		wishes:  newWishes(),
		started: time.Now(),
		done:    make(chan struct{}),
	}
	p.pid.Store(int64(proc.Pid()))
	p.readers.Go(func() { p.readLines(proc.Stderr, fromStderr) })
	return p, nil
}

// readLines writes the lines of a pipe to the log.
func (p *plain) readLines(pipe *os.File, from string) {
	readLines(pipe, from, p.cfg.LineLimit, p.log, func(line []byte) {
		p.said.addLine(from, line)
		logging.Wrote(p.log, from, string(line))
	})
}

// isReady notes that the worker can be given requests.
func (p *plain) isReady(id life.ID) {
	p.boot = time.Since(p.started)
	p.ready.Store(true)
	p.said.isReady()
	p.log.Log(p.level, "worker started", append(p.opening, zap.Duration("boot", p.boot), zap.Int("generation", id.Generation))...)
}

// reap waits for the end of the process and puts everything in order. lost is called before the end is told, and ends
// what the worker had in flight. It is the worker's last goroutine.
func (p *plain) reap(lost func()) {
	<-p.proc.Ended() // a zombie still: its pid and its group are nobody else's
	p.pid.Store(0)
	p.wishes.ask(life.Crash)
	p.proc.Kill() // what is left of its group
	readOut(p.proc, &p.readers)
	p.exit = p.proc.Reap()
	p.proc.Close()
	p.settle()
	lost()
	if p.ready.Load() { // else StartError tells
		more := []zap.Field{p.lastLine(), age(p.started)}
		if p.hint != "" {
			more = append(more, zap.String("hint", p.hint))
		}
		logEnd(p.log, p.level, p.alarm(), &p.said, p.Ended(), p.exit, more...)
	}
	close(p.done)
}

// lastLine is what of-watchdog says of a server's end.
func (p *plain) lastLine() zap.Field {
	if p.opening == nil {
		return zap.Skip()
	}
	return logging.Line("Forked function has terminated: %s", cmp.Or(p.exit.Failure(), "exit status 0"))
}

// alarm is the level at which the log tells of an end that was not wanted.
func (p *plain) alarm() zapcore.Level {
	if p.cfg.Stopping != nil && p.cfg.Stopping.Load() {
		return zap.InfoLevel
	}
	return zap.WarnLevel
}

// settle decides why the worker has gone when nobody had sent it away.
func (p *plain) settle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.why == "" {
		p.why = reasonOf(p.exit)
	}
}

// blame records why the worker goes.
func (p *plain) blame(why life.Reason) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.why = graver(p.why, why)
}

// condemn kills the worker because of why.
func (p *plain) condemn(why life.Reason) {
	p.blame(why)
	p.proc.Kill()
}

// failStart ends a worker that did not become ready because of err, and describes why.
func (p *plain) failStart(err error, hint string) *StartError {
	p.condemn(life.StartFailed)
	<-p.done
	p.said.mu.Lock()
	defer p.said.mu.Unlock()
	return &StartError{Command: p.cfg.Command.Argv, What: err.Error(), Hint: hint, Stdout: p.said.stdout.String(),
		Stderr: p.said.stderr.String(), Err: err}
}

// terminate asks the process to end.
func (p *plain) terminate() {
	_ = p.proc.Signal(syscall.SIGTERM) // it may have ended
}

// Asks carries what the worker's end demands.
func (p *plain) Asks() <-chan life.Reason { return p.wishes.c }

// Done is closed once the process has been reaped and every exchange has been told.
func (p *plain) Done() <-chan struct{} { return p.done }

// Ended is why the worker has gone. Call it only after Done.
func (p *plain) Ended() life.Reason {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.why
}

// Vitals is how the worker does.
func (p *plain) Vitals() life.Vitals { return life.Vitals{Pid: int(p.pid.Load()), Boot: p.boot} }

// Ping does nothing: there is no way to ask.
func (p *plain) Ping() {}
