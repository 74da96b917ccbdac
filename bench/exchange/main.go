// Command exchange measures the pool with one worker in Go, without HTTP: how long a small exchange takes and what it
// allocates, and what an echo of a mebibyte allocates. It prints that as a line of JSON. It plays the function itself.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"time"

	"go.uber.org/zap"

	"fwatchdog/internal/cpus"
	"fwatchdog/internal/exchange"
	"fwatchdog/internal/life"
	"fwatchdog/internal/process"
	"fwatchdog/pool"
	sdk "fwatchdog/sdk/go"
	"fwatchdog/worker"
)

const (
	small, smallRounds = 1 << 10, 50_000
	large, largeRounds = 1 << 20, 300
	patience           = 10 * time.Second
)

func main() {
	if os.Getenv("FWATCHDOG_WORKER") != "" {
		os.Exit(sdk.Serve(echo))
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "exchange:", err)
		os.Exit(1)
	}
}

// echo is the function.
func echo(w *sdk.ResponseWriter, r *sdk.Request) error {
	_, err := io.Copy(w, r.Body)
	return err
}

func run() error {
	starter := process.NewStarter(nil)
	ctx, stop := context.WithCancel(context.Background())
	started, ended := make(chan error, 1), make(chan error, 1)
	go func() { started <- starter.Run(ctx) }()
	p, err := newPool(starter)
	if err != nil {
		stop()
		return err
	}
	var shared sync.WaitGroup
	shared.Go(func() { cpus.Share(ctx, func() bool { return p.Load().Waiting > 0 }) }) // as the watchdog does
	poolCtx, drain := context.WithCancel(ctx)
	go func() { ended <- p.Run(poolCtx, context.Background()) }()
	err = measure(ctx, p)
	drain()
	if ended := <-ended; err == nil {
		err = ended
	}
	stop()
	shared.Wait()
	if started := <-started; err == nil {
		err = started
	}
	return err
}

// newPool is a pool of one worker with the settings that are the default.
func newPool(starter *process.Starter) (*pool.Pool, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cfg := worker.Config{Command: process.Command{Argv: []string{self}, Env: os.Environ()}, HelloTimeout: patience,
		StartTimeout: patience, CancelGrace: 2 * time.Second, LineLimit: 64 << 10, Counts: new(worker.Counts)}
	spawn := func(ctx context.Context, id life.ID) (pool.Worker, error) {
		w, err := worker.Start(ctx, starter, cfg, id, zap.NewNop())
		if err != nil {
			fmt.Fprintln(os.Stderr, "exchange:", err) // the pool tries again, and its requests end in time
			return nil, err
		}
		return w, nil
	}
	return pool.New(pool.Config{Size: 1, QueueSize: 64, QueueTimeout: patience, StopTimeout: patience}, spawn), nil
}

func measure(ctx context.Context, p *pool.Pool) error {
	took, allocations, _, err := (&client{pool: p, body: bytes.Repeat([]byte("x"), small)}).measure(ctx, smallRounds)
	if err != nil {
		return err
	}
	_, _, allocated, err := (&client{pool: p, body: bytes.Repeat([]byte("x"), large)}).measure(ctx, largeRounds)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]float64{"Nanoseconds": took, "Allocations": allocations, "LargeBytes": allocated})
}

// client does the same exchange again and again, as the server does: a small body whole, a large one as a stream.
type client struct {
	pool *pool.Pool
	body []byte
	x    exchange.Exchange
	up   upload
	back bytes.Buffer // what has come back in pieces
}

// upload is a body that is streamed.
type upload struct{ bytes.Reader }

func (*upload) Close() error { return nil }

// measure returns nanoseconds, allocations and bytes allocated of one of so many exchanges, after a warm-up.
func (c *client) measure(ctx context.Context, rounds int) (took, allocations, allocated float64, err error) {
	if err := c.exchanges(ctx, rounds/10); err != nil {
		return 0, 0, 0, err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin := time.Now()
	if err := c.exchanges(ctx, rounds); err != nil {
		return 0, 0, 0, err
	}
	elapsed := time.Since(begin)
	runtime.ReadMemStats(&after)
	n := float64(rounds)
	return float64(elapsed) / n, float64(after.Mallocs-before.Mallocs) / n, float64(after.TotalAlloc-before.TotalAlloc) / n, nil
}

func (c *client) exchanges(ctx context.Context, rounds int) error {
	for range rounds {
		if err := c.exchange(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) exchange(ctx context.Context) error {
	c.x.Reset()
	c.x.Request.Method, c.x.Request.Target, c.x.Request.Length = []byte("POST"), []byte("/"), len(c.body)
	if len(c.body) <= worker.MaxWholeBody {
		c.x.Request.Body = c.body
	} else {
		c.up.Reset(c.body)
		c.x.Request.Stream = &c.up
	}
	if err := c.pool.Do(ctx, &c.x); err != nil {
		return err
	}
	got := c.x.Response.Body
	if stream := c.x.Response.Stream; stream != nil {
		c.back.Reset()
		if _, err := stream.WriteTo(&c.back); err != nil {
			return err
		}
		if err := stream.Close(); err != nil {
			return err
		}
		got = c.back.Bytes()
	}
	if !bytes.Equal(got, c.body) {
		return fmt.Errorf("sent %d bytes, and %d others came back", len(c.body), len(got))
	}
	return nil
}
