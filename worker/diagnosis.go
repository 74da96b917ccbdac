package worker

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"go.uber.org/zap"

	"fwatchdog/internal/process"
	"fwatchdog/protocol"
)

const (
	bannerLimit = 64 << 10 // text before HELLO, in bytes
	shownBytes  = 256      // of what came on the frames' pipe
	tailBytes   = 4 << 10  // of stderr
)

// transcript is what a diagnosis shows of what a worker wrote.
type transcript struct {
	mu    sync.Mutex // guards the fields below
	first []byte     // the first bytes on the frames' pipe that were no frame
	stray int        // how many there were
	tail  []byte     // the last bytes of stderr
	cause *protocol.Violation
}

// addStray records text on the frames' pipe and returns how much there was so far.
func (t *transcript) addStray(text []byte) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stray += len(text)
	t.first = append(t.first, text[:min(len(text), shownBytes-len(t.first))]...)
	return t.stray
}

func (t *transcript) addStderr(line []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tail = append(append(t.tail, line...), '\n')
	if over := len(t.tail) - tailBytes; over > 0 {
		t.tail = append(t.tail[:0], t.tail[over:]...)
	}
}

func (t *transcript) violation(v *protocol.Violation) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cause = v
}

// StartError says why a worker did not become READY, so that somebody who has never seen the protocol can act on it.
type StartError struct {
	// Command is the program with its arguments.
	Command []string
	// What is what happened, in one line.
	What string
	// Hint is what to do about it; "" when there is nothing to say.
	Hint string
	// Seen is the beginning of what the process wrote where frames should be, as a hex dump; Stderr the end of what it
	// wrote on stderr.
	Seen, Stderr string
	// Err is the cause.
	Err error
}

// Error says everything, on several lines.
func (e *StartError) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %s", strings.Join(e.Command, " "), e.What)
	part := func(title, body string) {
		if body != "" {
			fmt.Fprintf(&text, "\n%s\n  %s", title, strings.ReplaceAll(strings.TrimRight(body, "\n"), "\n", "\n  "))
		}
	}
	part("It wrote where frames should be:", e.Seen)
	part("The end of its stderr:", e.Stderr)
	part("What to do:", e.Hint)
	return text.String()
}

// Unwrap returns the cause.
func (e *StartError) Unwrap() error { return e.Err }

// startError describes why the handshake failed. The process has gone.
func (f *Framed) startError(err error) *StartError {
	f.said.mu.Lock()
	defer f.said.mu.Unlock()
	e := &StartError{
		Command: f.cfg.Command.Argv,
		What:    err.Error(),
		Hint:    f.hint(err),
		Stderr:  string(f.said.tail),
		Err:     err,
	}
	if len(f.said.first) > 0 {
		e.Seen = protocol.HexDump(f.said.first)
	} else if f.said.cause != nil {
		e.Seen = protocol.HexDump(f.said.cause.Dump)
	}
	return e
}

const (
	hintPlain = "It looks like a plain stdin/stdout program. A worker of fwatchdog speaks frames: write it with one of the SDKs " +
		"(Node, Java, Python, Go)."
	hintShell = "Check fprocess: is it the right program, with the right arguments and the right folder?"
)

// hint says what to do about a handshake that failed with err. f.said.mu is held.
func (f *Framed) hint(err error) string {
	var ended *endedError
	var initialised *initError
	switch {
	case errors.Is(err, errEcho):
		return hintPlain
	case errors.Is(err, errHelloLate) && f.said.stray == 0:
		return "It neither wrote nor ended, so it may wait for input. " + hintPlain +
			" If it is a worker that is slow to start, raise hello_timeout."
	case errors.Is(err, errHelloLate), errors.Is(err, errBanner):
		return "It writes text where frames should be. " + hintPlain +
			" If it is a worker, let it log to stderr, or set worker_output=fd3."
	case errors.Is(err, errReadyLate):
		return "Loading the function takes long: raise start_timeout, or let it do less before it serves."
	case errors.As(err, &initialised):
		return "Mend the function: the error above is its own."
	case errors.As(err, &ended) && ended.exit.Code == 0 && ended.exit.Signal == 0:
		return "A worker stays and serves requests until its stdin ends. " + hintPlain
	case errors.As(err, &ended):
		return hintShell
	}
	return ""
}

// logEnd writes the one line of a worker's end.
func (f *Framed) logEnd(exit process.Exit) {
	if !f.talk.isReady {
		return // StartError tells
	}
	fields := []zap.Field{zap.String("reason", string(f.why)), zap.Stringer("exit", exit)}
	f.said.mu.Lock()
	if v := f.said.cause; v != nil {
		fields = append(fields, zap.NamedError("violation", v), zap.String("dump", protocol.HexDump(v.Dump)))
	}
	if !f.why.Planned() && len(f.said.tail) > 0 {
		fields = append(fields, zap.ByteString("stderr", f.said.tail))
	}
	f.said.mu.Unlock()
	if !f.why.Planned() {
		f.log.Warn("worker ended", fields...)
	} else {
		f.log.Info("worker ended", fields...)
	}
}
