package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"go.uber.org/zap"

	"fwatchdog/configs"
	"fwatchdog/internal/exchange"
	"fwatchdog/internal/life"
	"fwatchdog/worker"
)

// checkCommand starts one worker and prints what it said.
type checkCommand struct {
	Command []string `arg:"" optional:"" passthrough:"" help:"The function process; overrides fprocess."`
}

func (c *checkCommand) run(settings *configs.Settings, io streams) error {
	return withWorker(settings, c.Command, io, func(w *worker.Framed, argv []string) error {
		about := w.About()
		fmt.Fprintf(io.out, "command      %s\n", strings.Join(argv, " "))
		fmt.Fprintf(io.out, "sdk          %s\nruntime      %s\n", or(about.SDK, "did not say"), or(about.Runtime, "did not say"))
		fmt.Fprintf(io.out, "concurrency  %d\nfeatures     %s\n", w.Concurrency(), or(strings.Join(about.Features, " "), "none"))
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
	Method  string   `short:"X" help:"The method; POST when there is a body, else GET."`
	Header  []string `short:"H" sep:"none" placeholder:"NAME: VALUE" help:"A header; may be repeated."`
	Target  string   `default:"/" placeholder:"/PATH?QUERY" help:"Path and query."`
	Include bool     `short:"i" help:"Print status and headers, too."`
	Command []string `arg:"" optional:"" passthrough:"" help:"The function process; overrides fprocess."`
}

func (c *invokeCommand) run(settings *configs.Settings, io streams) error {
	body, err := c.body(io.in)
	if err != nil {
		return err
	}
	x := &exchange.Exchange{Request: exchange.Request{
		Method: []byte(c.method()), Target: []byte(c.Target), Body: body, Timeout: settings.ExecTimeout,
	}}
	for _, header := range c.Header {
		key, value, found := strings.Cut(header, ":")
		if !found {
			return fmt.Errorf("-H %q is not NAME: VALUE", header)
		}
		x.Request.Header = append(x.Request.Header, exchange.Field{Key: []byte(strings.TrimSpace(key)), Value: []byte(strings.TrimSpace(value))})
	}
	if len(body) > worker.MaxWholeBody {
		x.Request.Body, x.Request.Stream = nil, newBytesStream(body)
	}
	return withWorker(settings, c.Command, io, func(w *worker.Framed, _ []string) error {
		if err := w.Do(context.Background(), x, func() {}); err != nil {
			return err
		}
		return c.print(&x.Response, io.out)
	})
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

// withWorker starts one worker, lets f use it, and sends it away.
func withWorker(settings *configs.Settings, args []string, io streams, f func(*worker.Framed, []string) error) error {
	argv, err := functionCommand(settings, args)
	if err != nil {
		return err
	}
	log, err := newLog(settings, io.err)
	if err != nil {
		return err
	}
	log = log.WithOptions(zap.IncreaseLevel(zap.WarnLevel))
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
	return f(w, argv)
}
