package worker_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"fwatchdog/internal/exchange"
	"fwatchdog/internal/fakefunc"
	"fwatchdog/protocol"
)

// quick echoes small bodies as fast as the pipes allow: it answers many frames with one write.
var quick = scene("echo small bodies fast", func(c *fakefunc.Conn) {
	c.Greet(append(shared, "stacks", "WINCH")...)
	var out []byte
	c.ServeRequests(func(stream uint32, r protocol.Request) {
		b := protocol.BeginResponse(out, stream, 200, protocol.MaxPayload)
		b.Pair([]byte("content-type"), []byte("text/plain"))
		out, _ = b.End(r.Body, true) // what does not fit is missing, which the benchmark sees
		if !c.More() || len(out) > 32<<10 {
			c.Send(out)
			out = out[:0]
		}
	})
})

// client is somebody who does the same small exchange again and again, as the server does.
type smallClient struct {
	ctx context.Context
	x   exchange.Exchange
	f   *function
}

func newSmallClient(ctx context.Context, f *function) *smallClient {
	c := &smallClient{ctx: ctx, f: f}
	c.x.Request = request("/hello?name=world")
	c.x.Request.Header = []exchange.Field{{Key: []byte("Host"), Value: []byte("localhost:8080")},
		{Key: []byte("User-Agent"), Value: []byte("test/1.0")}, {Key: []byte("X-Call-Id"), Value: []byte("0123456789abcdef")}}
	c.x.Request.Body = []byte(`{"name":"world"}`)
	c.x.Request.CallID = []byte("0123456789abcdef")
	return c
}

func over() {}

func (c *smallClient) exchange(t testing.TB) {
	request := c.x.Request
	c.x.Reset()
	c.x.Request = request
	if err := do(c.ctx, c.f.Framed, &c.x, over); err != nil {
		t.Fatal(err)
	}
	if string(c.x.Response.Body) != `{"name":"world"}` {
		t.Fatalf("got %q", c.x.Response.Body)
	}
}

func TestASmallExchangeAllocatesLittle(t *testing.T) {
	for what, slow := range map[string]time.Duration{"slow requests are not looked for": 0, "slow requests are looked for": time.Millisecond} {
		t.Run(what, func(t *testing.T) {
			f := start(t, quick, slowAfter(slow))
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			c := newSmallClient(ctx, f)

			got := testing.AllocsPerRun(2000, func() { c.exchange(t) })

			if got > 2 {
				t.Errorf("one exchange costs %v allocations, at most 2 are allowed", got)
			}
		})
	}
}

func BenchmarkExchange(b *testing.B) {
	for _, callers := range []int{1, 4, 32, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			f := start(b, quick)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			newSmallClient(ctx, f).exchange(b)
			b.ReportAllocs()
			b.ResetTimer()
			var running sync.WaitGroup
			for n := range callers {
				running.Go(func() {
					c := newSmallClient(ctx, f)
					for range (b.N + n) / callers {
						c.exchange(b)
					}
				})
			}
			running.Wait()
		})
	}
}
