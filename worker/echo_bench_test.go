package worker_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"go.uber.org/zap"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/fakefunc"
	"fwatchdog/internal/life"
	"fwatchdog/pool"
	sdk "fwatchdog/sdk/go"
	"fwatchdog/worker"
)

// goFunction is a function as the Go SDK makes it, which gives back what it gets.
var goFunction = scene("echo with the Go SDK", func(*fakefunc.Conn) {
	os.Exit(sdk.Serve(func(w *sdk.ResponseWriter, r *sdk.Request) error {
		_, err := io.Copy(w, r.Body)
		return err
	}))
})

// startPool returns a pool of one real worker, and ends it with the benchmark.
func startPool(b *testing.B, scene string) *pool.Pool {
	b.Helper()
	starter, cfg := newStarter(b), newConfig(b, scene)
	p := pool.New(pool.Config{Size: 1, QueueSize: 64, QueueTimeout: time.Minute, StopTimeout: time.Minute},
		func(ctx context.Context, id life.ID) (pool.Worker, error) {
			w, err := worker.Start(ctx, starter, cfg, id, zap.NewNop())
			if err != nil {
				return nil, err
			}
			return w, nil
		})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx, context.Background()) }()
	b.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
	return p
}

// largeBody is one that is streamed.
type largeBody struct{ bytes.Reader }

func (*largeBody) Close() error { return nil }

// echoer sends the same body again and again, as the server does: a small one whole, a large one as a stream.
type echoer struct {
	pool *pool.Pool
	body []byte
	x    exchange.Exchange
	up   largeBody
	got  int
}

// Write takes a piece of the answer.
func (e *echoer) Write(piece []byte) (int, error) {
	e.got += len(piece)
	return len(piece), nil
}

func (e *echoer) exchange(ctx context.Context) error {
	e.x.Reset()
	e.x.Request.Method, e.x.Request.Target, e.x.Request.Length = []byte("POST"), []byte("/"), len(e.body)
	if len(e.body) <= worker.MaxWholeBody {
		e.x.Request.Body = e.body
	} else {
		e.up.Reset(e.body)
		e.x.Request.Stream = &e.up
	}
	if err := e.pool.Do(ctx, &e.x); err != nil {
		return err
	}
	e.got = len(e.x.Response.Body)
	if stream := e.x.Response.Stream; stream != nil {
		if _, err := stream.WriteTo(e); err != nil {
			return err
		}
		if err := stream.Close(); err != nil {
			return err
		}
	}
	if e.got != len(e.body) {
		return fmt.Errorf("got %d bytes, sent %d", e.got, len(e.body))
	}
	return nil
}

// BenchmarkEcho is an exchange with a real function through pool and worker. What is counted is what it costs the host.
func BenchmarkEcho(b *testing.B) {
	for _, size := range []int{1 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			e := &echoer{pool: startPool(b, goFunction), body: bytes.Repeat([]byte("x"), size)}
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			for range 20 { // buffers grow to their size
				if err := e.exchange(ctx); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if err := e.exchange(ctx); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
