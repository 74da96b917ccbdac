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

// place is one that is held until somebody waits for the answer. It is no pointer to anything, so it costs no allocation.
type place func()

func (p place) Wait() error { p(); return nil }

// echo is a worker that answers at once and costs nothing itself.
type echo struct {
	limit int
	done  chan struct{}
}

func (e *echo) Begin(_ context.Context, x *exchange.Exchange, over func()) (exchange.Pending, error) {
	x.Wake()
	return place(over), nil
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
	places := make([]lent, 0, cfg.Size*takes)
	for range cap(places) { // when all places can be had at once, all workers are ready
		l, err := p.lend(tb.Context(), new(exchange.Exchange))
		if err != nil {
			tb.Fatal(err)
		}
		places = append(places, l)
	}
	for _, l := range places {
		_ = l.wait() // it gives the place back
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
			held := make([]lent, size)
			for i := range held {
				held[i], _ = p.lend(context.Background(), x)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i = (i + 1) % size {
				_, w, err := p.takeOrJoin(context.Background(), x)
				if err != nil {
					b.Fatal(err)
				}
				_ = held[i].wait() // it gives the place back
				if held[i], err = p.wait(w); err != nil {
					b.Fatal(err)
				}
			}
			for _, l := range held {
				_ = l.wait()
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
					l, err := p.lend(context.Background(), x)
					if err != nil {
						b.Error(err)
						return
					}
					runtime.Gosched()
					_ = l.wait()
				}
			})
		})
	}
}

// BenchmarkLeave has requests join the line and leave it again, because their clients have gone.
func BenchmarkLeave(b *testing.B) {
	p := startIdle(b, Config{Size: 1, QueueSize: 1}, 1)
	x := new(exchange.Exchange)
	held, err := p.lend(context.Background(), x)
	if err != nil {
		b.Fatal(err)
	}
	gone, leave := context.WithCancel(context.Background())
	leave()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.lend(gone, x); err == nil {
			b.Fatal("it got a place")
		}
	}
	_ = held.wait()
}
