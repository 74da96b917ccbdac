package main

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// balancer sends requests to the instances that say that they are ready, in turn, as a proxy of Kubernetes does.
type balancer struct {
	mu    sync.Mutex // guards the fields below
	all   []*instance
	ready []*instance
	turn  int
}

func (b *balancer) add(i *instance) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = append(b.all, i)
}

// probe asks every instance whether it is ready, until ctx ends.
func (b *balancer) probe(ctx context.Context) {
	for ctx.Err() == nil {
		b.mu.Lock()
		all := b.all
		b.mu.Unlock()
		var ready []*instance
		for _, i := range all {
			if r, err := i.try(ctx, "GET", "/_/ready", nil); err == nil && r.StatusCode == 200 {
				ready = append(ready, i)
			}
		}
		b.mu.Lock()
		b.ready = ready
		b.mu.Unlock()
		pass(20 * time.Millisecond)
	}
}

// next returns an instance that was ready when it was asked last, or nil.
func (b *balancer) next() *instance {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.ready) == 0 {
		return nil
	}
	b.turn++
	return b.ready[b.turn%len(b.ready)]
}

func (b *balancer) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.ready)
}

func TestRollingRestartLosesNoRequest(t *testing.T) {
	start := func() *instance {
		return launch(t, "fprocess="+burden, "pool_size=1", "healthcheck_interval=4s", "BOOT_MS=100")
	}
	old := []*instance{start(), start()}
	b := &balancer{all: old}
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	defer group.Wait()
	defer stop()
	group.Go(func() { b.probe(ctx) })
	eventually(t, "both are ready", func() bool { return b.count() == 2 })

	var answered atomic.Int64
	for range 8 {
		group.Go(func() {
			for ctx.Err() == nil {
				i := b.next()
				if i == nil {
					t.Error("no instance is ready")
					return
				}
				r, err := i.try(t.Context(), "POST", "/work?ms=10", strings.NewReader("x"))
				if err != nil || r.StatusCode != 200 || r.body != "x" {
					t.Errorf("a request was lost: %v %q %v", r.Response, r.body, err)
					return
				}
				answered.Add(1)
			}
		})
	}
	for _, i := range old {
		b.add(start())
		eventually(t, "its successor is ready", func() bool { return b.count() == 3 })
		i.signal(syscall.SIGTERM)
		if code := i.exitCode(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		eventually(t, "two are left", func() bool { return b.count() == 2 })
	}
	before := answered.Load()
	eventually(t, "the new ones serve", func() bool { return answered.Load() > before+100 })
}
