package pool

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/life"
)

// echo is a worker that answers at once and costs nothing itself.
type echo struct {
	limit int
	done  chan struct{}
}

func (e *echo) Do(_ context.Context, _ *exchange.Exchange, over func()) error {
	over()
	return nil
}
func (e *echo) Concurrency() int                   { return e.limit }
func (e *echo) Asks() <-chan life.Reason           { return nil }
func (e *echo) Leave(context.Context, life.Reason) { close(e.done) }
func (e *echo) Done() <-chan struct{}              { return e.done }
func (e *echo) Ended() life.Reason                 { return life.Stop }
func (e *echo) Ping()                              {}
func (e *echo) Vitals() life.Vitals                { return life.Vitals{} }

// startIdle returns a running pool of workers that answer at once, all of them ready.
func startIdle(tb testing.TB, cfg Config, limit int) *Pool {
	tb.Helper()
	cfg.QueueTimeout, cfg.StopTimeout = time.Minute, time.Minute
	p := New(cfg, func(context.Context, life.ID) (Worker, error) {
		return &echo{limit: limit, done: make(chan struct{})}, nil
	})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx, context.Background()) }()
	tb.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			tb.Error(err)
		}
	})
	takes := limit
	if cfg.Concurrency > 0 {
		takes = min(limit, cfg.Concurrency)
	}
	places := make([]*slot, 0, cfg.Size*takes)
	for range cap(places) { // when all places can be had at once, all workers are ready
		s, err := p.lend(tb.Context(), new(exchange.Exchange))
		if err != nil {
			tb.Fatal(err)
		}
		places = append(places, s)
	}
	for _, s := range places {
		s.over()
	}
	return p
}

func BenchmarkDo(b *testing.B) {
	for _, size := range []int{1, 64} {
		b.Run(fmt.Sprintf("slots=%d", size), func(b *testing.B) {
			p := startIdle(b, Config{Size: size, QueueSize: 10_000}, 1)
			b.ReportAllocs()
			x := new(exchange.Exchange)
			for b.Loop() {
				if err := p.Do(context.Background(), x); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDoInParallel(b *testing.B) {
	for _, size := range []int{1, 64} {
		b.Run(fmt.Sprintf("slots=%d", size), func(b *testing.B) {
			p := startIdle(b, Config{Size: size, QueueSize: 10_000}, 1)
			b.SetParallelism(32)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				x := new(exchange.Exchange)
				for pb.Next() {
					if err := p.Do(context.Background(), x); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

// BenchmarkWait sends every request through the line, one after another.
func BenchmarkWait(b *testing.B) {
	for _, size := range []int{1, 64} {
		b.Run(fmt.Sprintf("slots=%d", size), func(b *testing.B) {
			p := startIdle(b, Config{Size: size, QueueSize: 1}, 1)
			x := new(exchange.Exchange)
			held := make([]*slot, size)
			for i := range held {
				held[i], _ = p.lend(context.Background(), x)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i = (i + 1) % size {
				_, w, err := p.takeOrJoin(x)
				if err != nil {
					b.Fatal(err)
				}
				held[i].over()
				if held[i], err = p.wait(context.Background(), w); err != nil {
					b.Fatal(err)
				}
			}
			for _, s := range held {
				s.over()
			}
		})
	}
}

// BenchmarkWaitInParallel has 64 requests at once for each processor, and workers that let others run while they have
// one: nearly every request waits, and is woken by another.
func BenchmarkWaitInParallel(b *testing.B) {
	for _, size := range []int{1, 64} {
		b.Run(fmt.Sprintf("slots=%d", size), func(b *testing.B) {
			p := startIdle(b, Config{Size: size, QueueSize: 10_000}, 1)
			b.SetParallelism(max(64, size))
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				x := new(exchange.Exchange)
				for pb.Next() {
					s, err := p.lend(context.Background(), x)
					if err != nil {
						b.Error(err)
						return
					}
					runtime.Gosched()
					s.over()
				}
			})
		})
	}
}
