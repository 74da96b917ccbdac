package worker

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"fwatchdog/internal/life"
	"fwatchdog/internal/process"
	"fwatchdog/protocol"
)

const (
	bannerLimit = 64 << 10 // text before HELLO, in bytes
	shownBytes  = 256      // of what came on the frames' pipe
	tailBytes   = 4 << 10  // of stdout and stderr
)

// transcript is what a diagnosis shows of what a worker wrote.
type transcript struct {
	mu     sync.Mutex // guards the fields below
	first  []byte     // the first bytes on the frames' pipe that were no frame
	stray  int        // how many there were
	stdout tail       // where frames are elsewhere, until it is ready: a StartError shows it
	stderr tail
	ready  bool
	cause  error // why there is no talking with it, when that is its own doing
}

// tail is the last bytes of what was written, and some before them.
type tail []byte

func (t *tail) add(line []byte) {
	*t = append(append(*t, line...), '\n')
	if len(*t) > 4*tailBytes { // now and then, not for every line
		*t = append((*t)[:0], t.String()...)
	}
}

// String is the end of it.
func (t *tail) String() string { return string((*t)[max(0, len(*t)-tailBytes):]) }

// addStray records text on the frames' pipe and returns how much there was so far.
func (t *transcript) addStray(text []byte) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stray += len(text)
	t.first = append(t.first, text[:min(len(text), shownBytes-len(t.first))]...)
	return t.stray
}

// addLine records a line of stdout or stderr.
func (t *transcript) addLine(from string, line []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case from == fromStderr:
		t.stderr.add(line)
	case !t.ready:
		t.stdout.add(line)
	}
}

// isReady forgets what only a failed start would tell.
func (t *transcript) isReady() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ready, t.stdout = true, nil
}

// spoke reports whether there was any text. t.mu is held.
func (t *transcript) spoke() bool { return len(t.first)+len(t.stdout)+len(t.stderr) > 0 }

func (t *transcript) blame(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cause = err
}

// dump is the bytes at which a violation was found, as a hex dump; "" when it was something else. t.mu is held.
func (t *transcript) dump() string {
	var v *protocol.Violation
	if !errors.As(t.cause, &v) {
		return ""
	}
	return protocol.HexDump(v.Dump)
}

// StartError says why a worker did not become READY, so that somebody who has never seen the protocol can act on it.
type StartError struct {
	// Command is the program with its arguments.
	Command []string
	// What is what happened. Its first line says it; the function's own error may have more.
	What string
	// Hint is what to do about it; "" when there is nothing to say.
	Hint string
	// Seen is the beginning of what the process wrote where frames should be, as a hex dump; Stdout, where frames are
	// elsewhere, and Stderr are the end of what it wrote there.
	Seen, Stdout, Stderr string
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
	part("The end of its stdout:", e.Stdout)
	part("The end of its stderr:", e.Stderr)
	part("What to do:", e.Hint)
	return text.String()
}

// Unwrap returns the cause.
func (e *StartError) Unwrap() error { return e.Err }

// programError describes why there is no process at all.
func programError(command []string, err error) *StartError {
	return &StartError{Command: command, What: err.Error(), Hint: programHint(err), Err: err}
}

// startError describes why the handshake failed. The process has gone.
func (f *Framed) startError(err error) *StartError {
	f.said.mu.Lock()
	defer f.said.mu.Unlock()
	e := &StartError{
		Command: f.cfg.Command.Argv,
		What:    what(err),
		Hint:    hint(err, &f.said),
		Seen:    f.said.dump(),
		Stdout:  f.said.stdout.String(),
		Stderr:  f.said.stderr.String(),
		Err:     err,
	}
	if len(f.said.first) > 0 {
		e.Seen = protocol.HexDump(f.said.first)
	}
	return e
}

// age is how long a worker that was started then has lived.
func age(started time.Time) zap.Field {
	return zap.Duration("age", time.Since(started).Round(time.Millisecond))
}

// logEnd writes the one line of the end of a worker that left because of why; planned and lost are the levels of an
// end that was wanted, and of another.
func logEnd(log *zap.Logger, planned, lost zapcore.Level, said *transcript, why life.Reason, exit process.Exit, more ...zap.Field) {
	fields := append(more, zap.String("reason", string(why)), zap.Stringer("exit", exit))
	said.mu.Lock()
	if said.cause != nil {
		fields = append(fields, zap.NamedError("violation", said.cause), zap.String("dump", said.dump()))
	}
	if !why.Planned() && len(said.stderr) > 0 {
		fields = append(fields, zap.String("stderr", said.stderr.String()))
	}
	said.mu.Unlock()
	level := lost
	if why.Planned() {
		level = planned
	}
	log.Log(level, "worker ended", fields...)
}
