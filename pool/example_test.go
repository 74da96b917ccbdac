package pool_test

import (
	"context"
	"fmt"
	"time"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/life"
	"fwatchdog/pool"
)

// greeter is a worker without a process.
type greeter struct {
	id   life.ID
	done chan struct{}
}

func (g *greeter) Begin(_ context.Context, x *exchange.Exchange, over func()) (exchange.Pending, error) {
	x.Response.Begin(200, 0)
	x.Response.Body = fmt.Appendf(x.Response.Body, "hello from worker %d", g.id.Serial)
	over()
	x.Wake()
	return g, nil
}
func (g *greeter) Wait() error                        { return nil }
func (g *greeter) Concurrency() int                   { return 1 }
func (g *greeter) Asks() <-chan life.Reason           { return nil }
func (g *greeter) Leave(context.Context, life.Reason) { close(g.done) }
func (g *greeter) Done() <-chan struct{}              { return g.done }
func (g *greeter) Ended() life.Reason                 { return life.Stop }
func (g *greeter) Ping()                              {}
func (g *greeter) Vitals() life.Vitals                { return life.Vitals{} }

func Example() {
	cfg := pool.Config{Size: 1, QueueSize: 10, QueueTimeout: time.Minute, StopTimeout: time.Second}
	p := pool.New(cfg, func(_ context.Context, id life.ID) (pool.Worker, error) {
		return &greeter{id: id, done: make(chan struct{})}, nil
	})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- p.Run(ctx, context.Background()) }()

	var x exchange.Exchange
	err := p.Do(ctx, &x) // waits for the first worker
	fmt.Println(string(x.Response.Body), err)

	result, err := p.Reload(ctx)
	fmt.Println(result.New, "of generation", result.Generation, err)

	x.Reset()
	err = p.Do(ctx, &x)
	fmt.Println(string(x.Response.Body), err)

	stop()
	fmt.Println(<-ended, p.Snapshot().Counts.Starts, "workers in all")
	// Output:
	// hello from worker 1 <nil>
	// 1 of generation 2 <nil>
	// hello from worker 2 <nil>
	// <nil> 2 workers in all
}
