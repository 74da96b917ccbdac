// Package fork answers each request with a process of its own: modes classic, serializing and streaming of the OpenFaaS
// watchdogs. The body is the process's stdin, its stdout is the answer; headers, method, path and query are variables of
// its environment. No process is used twice, and none outlives its request.
//
// run.go is the life of one process. classic.go, serializing.go and streaming.go are what each mode makes of it.
package fork

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"syscall"

	"go.uber.org/zap"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/process"
)

// Config says what is started and how it is spoken to.
type Config struct {
	// Mode is one of Modes.
	Mode string
	// Command is the program, its arguments and its environment, to which the request's variables are added.
	Command process.Command
	// Fprocess is the command as the operator wrote it, for the log.
	Fprocess string
	// ContentType is that of answers; in classic "" is the request's.
	ContentType string
	// MaxAnswer is the largest answer that is collected before it is sent, in bytes; the process of a larger one is killed. 0 is
	// no limit.
	MaxAnswer int64
	// LineLimit is the longest log line, in bytes; what is longer becomes several. 0 is no limit.
	LineLimit int
	// Classic is what concerns mode classic only.
	Classic Classic
}

// Classic is the settings of classic-watchdog alone.
type Classic struct {
	// CGIHeaders gives the process the request's variables.
	CGIHeaders bool
	// CombineOutput makes stderr a part of the answer; else it is logged.
	CombineOutput bool
	// MarshalRequest makes stdin a JSON object of header and body.
	MarshalRequest bool
	// WriteDebug writes answers to Stdout, too, and more to the log; DebugHeaders writes headers to Stdout.
	WriteDebug, DebugHeaders bool
	Stdout                   io.Writer
}

// modes are the ways to answer.
var modes = map[string]func(f *Forks, ctx context.Context, x *exchange.Exchange) error{
	"classic":     (*Forks).classic,
	"serializing": (*Forks).serialize,
	"streaming":   (*Forks).stream,
}

// Forks answers requests with processes.
type Forks struct {
	cfg     Config
	starter *process.Starter
	log     *zap.Logger
	do      func(f *Forks, ctx context.Context, x *exchange.Exchange) error
}

// New returns what answers requests in one of the modes. starter must run while Do does.
func New(cfg Config, starter *process.Starter, log *zap.Logger) (*Forks, error) {
	do := modes[cfg.Mode]
	if do == nil {
		return nil, fmt.Errorf("fork: there is no mode %q", cfg.Mode)
	}
	return &Forks{cfg: cfg, starter: starter, log: log, do: do}, nil
}

// Do answers x. Where the answer is streamed, the process lives until the stream is closed; else it has gone when Do
// returns. An error says that there is no answer of a process; one that fails is an answer.
func (f *Forks) Do(ctx context.Context, x *exchange.Exchange) error { return f.do(f, ctx, x) }

// start starts the process for x. What says that it cannot be started is text for the client.
func (f *Forks) start(x *exchange.Exchange, combine bool) (*process.Process, error) {
	command := f.cfg.Command
	command.CombineOutput = combine
	env, err := f.environment(&x.Request)
	if err != nil {
		return nil, err
	}
	command.Env = env
	proc, err := f.starter.Start(command)
	if errors.Is(err, syscall.E2BIG) {
		return nil, exchange.ErrHeadTooLarge
	}
	if err != nil {
		return nil, &startError{f.cfg.Command.Argv[0], err}
	}
	return proc, nil
}

// startError is a program that cannot be started.
type startError struct {
	program string
	err     error
}

// Unwrap returns what the system said.
func (e *startError) Unwrap() error { return e.err }

// Error returns the words of Go's os/exec, which are the watchdogs' answer.
func (e *startError) Error() string {
	missing, denied := errors.Is(e.err, process.ErrNotFound), errors.Is(e.err, process.ErrNotExecutable)
	switch {
	case (missing || denied) && !strings.Contains(e.program, "/"):
		return fmt.Sprintf("exec: %q: executable file not found in $PATH", e.program)
	case errors.Is(e.err, fs.ErrPermission):
		return fmt.Sprintf("fork/exec %s: %v", e.program, syscall.EACCES)
	case missing:
		return fmt.Sprintf("fork/exec %s: %v", e.program, syscall.ENOENT)
	}
	return e.err.Error()
}

// large is from where on an answer is not kept in memory that later requests use again, in bytes.
const large = 64 << 10

// fill makes a whole answer.
func fill(to *exchange.Response, status int, kind string, body []byte) {
	to.Begin(status, len(contentType)+len(kind)+len(contentLength)+20)
	if kind != "" {
		to.Add([]byte(contentType), []byte(kind))
	}
	if len(body) <= large {
		to.Body = append(to.Body, body...)
		return
	}
	to.Add([]byte(contentLength), strconv.AppendInt(nil, int64(len(body)), 10))
	to.Stream = block{bytes.NewReader(body)}
}

const (
	contentType   = "content-type"
	contentLength = "content-length"
)

// block is a large answer that is there.
type block struct{ *bytes.Reader }

// Close is part of exchange.Stream.
func (block) Close() error { return nil }

// fillText makes a whole answer of a text.
func fillText(to *exchange.Response, status int, kind string, text string) {
	fill(to, status, kind, []byte(text))
}

const plainText = "text/plain; charset=utf-8"
