package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"fwatchdog/configs"
	"fwatchdog/internal/exchange"
	"fwatchdog/internal/life"
	"fwatchdog/internal/logging"
	"fwatchdog/worker"
)

// checkCommand starts one worker and prints what it said.
type checkCommand struct {
	demo *bool
}

func (c *checkCommand) run(settings *configs.Settings, args []string, io streams) error {
	printNearMisses(settings, io)
	argv, err := triedCommand(settings, args, *c.demo)
	if err != nil {
		return err
	}
	return withWorker(settings, argv, io, new(held), func(w *worker.Framed) error {
		about := w.About()
		fmt.Fprintf(io.out, "command      %s\n", strings.Join(argv, " "))
		fmt.Fprintf(io.out, "sdk          %s\nruntime      %s\n", or(printable(about.SDK), "did not say"), or(printable(about.Runtime), "did not say"))
		fmt.Fprintf(io.out, "concurrency  %d\nfeatures     %s\n", w.Concurrency(), or(printable(strings.Join(about.Features, " ")), "none"))
		fmt.Fprintf(io.out, "ready after  %v\n", w.Vitals().Boot.Round(time.Millisecond))
		return nil
	})
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// invokeCommand sends one request to one worker.
type invokeCommand struct {
	Data    string   `short:"d" placeholder:"BODY|@FILE|-" help:"The body: as it stands, from a file, or from standard input."`
	Method  string   `short:"X" placeholder:"METHOD" help:"The method; POST when there is a body, else GET."`
	Header  []string `short:"H" placeholder:"NAME: VALUE" help:"A header; may be repeated."`
	Target  string   `default:"/" placeholder:"/PATH?QUERY" help:"Path and query."`
	Include bool     `short:"i" help:"Print status and headers, too."`

	demo *bool
}

func (c *invokeCommand) run(settings *configs.Settings, args []string, io streams) error {
	argv, err := triedCommand(settings, args, *c.demo)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(c.Target, "/") {
		return fmt.Errorf("--target is %q: it must be a path, which begins with /", c.Target)
	}
	body, err := c.body(io.in)
	if err != nil {
		return err
	}
	x := &exchange.Exchange{Request: exchange.Request{
		Method: []byte(c.method()), Target: []byte(c.Target), Body: body, Timeout: settings.ExecTimeout,
	}}
	if x.Request.Header, err = c.headers(); err != nil {
		return err
	}
	if len(body) > worker.MaxWholeBody {
		x.Request.Body, x.Request.Stream = nil, newBytesStream(body)
	}
	prints := held{to: io.err}
	return withWorker(settings, argv, io, &prints, func(w *worker.Framed) error {
		if err := prints.release(); err != nil {
			return err
		}
		pending, err := w.Begin(context.Background(), x, func() {})
		if err == nil {
			err = pending.Wait()
		}
		if err != nil {
			return err
		}
		answer := &answer{to: io.out}
		if err := c.print(&x.Response, answer); err != nil || !isTerminal(io.out) {
			return err
		}
		return answer.endLine()
	})
}

// headers are those of -H, and a Host as every request has one.
func (c *invokeCommand) headers() ([]exchange.Field, error) {
	fields := []exchange.Field{{Key: []byte("Host"), Value: []byte("localhost")}}
	for _, header := range c.Header {
		key, value, found := strings.Cut(header, ":")
		if !found {
			return nil, fmt.Errorf("-H %q is not NAME: VALUE", header)
		}
		field := exchange.Field{Key: []byte(strings.TrimSpace(key)), Value: []byte(strings.TrimSpace(value))}
		if strings.EqualFold(string(field.Key), "host") {
			fields[0] = field
			continue
		}
		fields = append(fields, field)
	}
	return fields, nil
}

func (c *invokeCommand) method() string {
	switch {
	case c.Method != "":
		return c.Method
	case c.Data != "":
		return "POST"
	}
	return "GET"
}

func (c *invokeCommand) body(stdin io.Reader) ([]byte, error) {
	name, isFile := strings.CutPrefix(c.Data, "@")
	switch {
	case c.Data == "-":
		return io.ReadAll(stdin)
	case isFile:
		return os.ReadFile(name)
	}
	return []byte(c.Data), nil
}

func (c *invokeCommand) print(r *exchange.Response, out io.Writer) error {
	if c.Include {
		fmt.Fprintf(out, "%d\n", r.Status)
		for _, f := range r.Header {
			fmt.Fprintf(out, "%s: %s\n", f.Key, f.Value)
		}
		fmt.Fprintln(out)
	}
	if r.Stream == nil {
		_, err := out.Write(r.Body)
		return err
	}
	defer r.Stream.Close()
	_, err := r.Stream.WriteTo(out)
	return err
}

// answer is where an answer is written. It knows whether that ended in the middle of a line, where a prompt would go on.
type answer struct {
	to   io.Writer
	last byte // 0 when there was none
}

func (a *answer) Write(text []byte) (int, error) {
	if len(text) > 0 {
		a.last = text[len(text)-1]
	}
	return a.to.Write(text)
}

// endLine ends a line that has begun.
func (a *answer) endLine() error {
	if a.last == 0 || a.last == '\n' {
		return nil
	}
	_, err := io.WriteString(a.to, "\n")
	return err
}

// held keeps what a function prints until its worker is ready: the error of a failed start has it, too.
type held struct {
	mu       sync.Mutex
	to       io.Writer
	kept     []byte // mu guards it
	released bool   // mu guards it
}

func (h *held) Write(text []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.released {
		return h.to.Write(text)
	}
	h.kept = append(h.kept, text...)
	return len(text), nil
}

// release writes what was kept, and holds nothing from now on.
func (h *held) release() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.released = true
	_, err := h.to.Write(h.kept)
	return err
}

// triedCommand is the function process of which one worker is tried.
func triedCommand(settings *configs.Settings, args []string, demo bool) ([]string, error) {
	if settings.Mode != "pool" {
		return nil, fmt.Errorf("mode is %s: only mode pool has workers that can be tried", settings.Mode)
	}
	return commandOrDemo(settings, args, demo)
}

// withWorker starts one worker, lets f use it, and sends it away. What the function prints goes to prints.
func withWorker(settings *configs.Settings, argv []string, io streams, prints io.Writer, f func(*worker.Framed) error) error {
	log, err := newLog(settings, io)
	if err != nil {
		return err
	}
	log = log.WithOptions(zap.IncreaseLevel(zap.WarnLevel), zap.WrapCore(func(warnings zapcore.Core) zapcore.Core {
		return zapcore.NewTee(warnings, logging.Prints(prints))
	}))
	p := newProcesses()
	p.begin(log)
	defer p.end()
	cfg := workerConfig(settings, argv, new(worker.Counts))
	w, err := worker.Start(context.Background(), p.starter, cfg, life.ID{Serial: 1, Generation: 1}, log)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), settings.StopTimeout)
		defer cancel()
		w.Leave(ctx, life.Stop)
	}()
	return f(w)
}
