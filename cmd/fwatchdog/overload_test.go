package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// throng is many clients that have a connection each. They are in the hands of few goroutines, because the race detector
// bears no more than 8000.
type throng struct {
	t        *testing.T
	hands    [][]*guest
	answered atomic.Int64 // with 200
	refused  atomic.Int64 // with 429 or 503
}

// guest is one client.
type guest struct {
	net.Conn
	waits bool // for an answer
	got   []byte
}

// gather opens n connections.
func gather(t *testing.T, i *instance, n int) *throng {
	t.Helper()
	const hands = 50
	needDescriptors(t, n+500)
	c := &throng{t: t, hands: make([][]*guest, hands)}
	var group sync.WaitGroup
	for hand := range c.hands {
		group.Go(func() {
			for range n / hands {
				conn, err := net.Dial("tcp", strings.TrimPrefix(i.url, "http://"))
				if err != nil {
					t.Error(err)
					return
				}
				c.hands[hand] = append(c.hands[hand], &guest{Conn: conn})
			}
		})
	}
	group.Wait()
	t.Cleanup(func() {
		for _, guests := range c.hands {
			for _, g := range guests {
				g.Close()
			}
		}
	})
	return c
}

// needDescriptors sees to it that this process may have n descriptors, as the watchdog does for itself.
func needDescriptors(t *testing.T, n int) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Max < uint64(n) {
		t.Fatalf("this test needs %d descriptors, and may have %d: raise the hard limit (ulimit -Hn)", n, limit.Max)
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
}

// storm lets all clients ask at once. Who is refused asks again, four times as soon as it was told to, give or take a half;
// who is served asks again then, too. It goes on until ctx ends and the last answer has come.
func (c *throng) storm(ctx context.Context, target string) {
	var group sync.WaitGroup
	for _, guests := range c.hands {
		group.Go(func() {
			for ctx.Err() == nil {
				for _, g := range guests {
					c.ask(g, target)
				}
				again := c.look(guests, 200*time.Millisecond)
				timer := time.NewTimer(again/8 + rand.N(again/4+1))
				select {
				case <-ctx.Done():
				case <-timer.C:
				}
				timer.Stop()
			}
			c.look(guests, 4*patience)
			for _, g := range guests {
				if g.waits {
					c.t.Error("a request was not answered")
				}
			}
		})
	}
	group.Wait()
}

// ask sends a request, unless the last one is not answered yet.
func (c *throng) ask(g *guest, target string) {
	if g.waits {
		return
	}
	g.waits = true
	if _, err := fmt.Fprintf(g, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target); err != nil {
		c.t.Errorf("a connection was lost: %v", err)
	}
}

// look counts the answers that are there, or come for some time yet. It returns after how long those who were refused are to
// ask again.
func (c *throng) look(guests []*guest, patience time.Duration) (again time.Duration) {
	deadline := time.Now().Add(patience)
	for _, g := range guests {
		if !g.waits {
			continue
		}
		status, head, err := g.read(later(deadline, time.Now().Add(time.Millisecond))) // to see at least what is there
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
		case err != nil:
			c.t.Errorf("an answer was lost: %v", err)
			g.waits = false
		case status == 200:
			c.answered.Add(1)
		case status == 429 || status == 503:
			c.refused.Add(1)
			seconds, err := strconv.Atoi(field(head, "Retry-After"))
			if err != nil {
				c.t.Errorf("refused without saying for how long: %q", head)
			}
			again = max(again, time.Duration(seconds)*time.Second)
		default:
			c.t.Errorf("got %d", status)
		}
	}
	return again
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// read reads one answer whole and returns its status and head. What has come by the deadline is kept.
func (g *guest) read(deadline time.Time) (status int, head []byte, err error) {
	if err := g.SetReadDeadline(deadline); err != nil {
		return 0, nil, err
	}
	var buffer [1024]byte
	for {
		n, err := g.Read(buffer[:])
		if err != nil {
			return 0, nil, err
		}
		g.got = append(g.got, buffer[:n]...)
		head, body, whole := bytes.Cut(g.got, []byte("\r\n\r\n"))
		if !whole || strconv.Itoa(len(body)) != field(head, "Content-Length") {
			continue
		}
		g.waits, g.got = false, nil
		status, err := strconv.Atoi(string(head[len("HTTP/1.1 "):][:3]))
		return status, head, err
	}
}

// field returns the value of a header, "" when there is none.
func field(head []byte, name string) string {
	_, rest, _ := bytes.Cut(head, []byte("\r\n"+name+": "))
	value, _, _ := bytes.Cut(rest, []byte("\r\n"))
	return string(value)
}

// pace is how long 40 answers take, which is five rounds of eight places, once it goes on as it will.
func (i *instance) pace() time.Duration {
	i.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond) // a look costs the watchdog memory and time, too
	defer tick.Stop()
	reach := func(n float64) {
		for i.metric(`http_requests_total{code="200",method="get"}`) < n {
			<-tick.C
		}
	}
	first := i.metric(`http_requests_total{code="200",method="get"}`)
	reach(first + 8)
	begin := time.Now()
	reach(first + 48)
	return time.Since(begin)
}

// memoryPeak returns the most memory that a process ever had, in bytes.
func memoryPeak(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " kB")
	kib, err := strconv.Atoi(number)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// Ten thousand clients ask at once, again and again, for what eight can have. The function sleeps, so that the places are
// what there is too little of, and not the processors, which the clients share.
func TestTenThousandConnectionsAtOnceAreAllAnsweredAndSlowNobodyDown(t *testing.T) {
	i := launch(t, "pool_size=2", "worker_concurrency=4", "queue_size=100", "read_timeout=5m",
		fmt.Sprintf("metrics_port=%d", freePort(t)))
	const target = "/sleep?ms=400"
	i.get(target) // so that the series that are read are there
	i.eventually("both workers are ready", func() bool { return i.metric("fwatchdog_capacity") == 8 })
	c := gather(t, i, 10_000)
	var calm, stormy time.Duration // the best of each
	for round := 0; round < 5 && (round == 0 || stormy > calm*10/9); round++ {
		_, stop := load(t, i, 24, target)
		took := i.pace()
		stop()
		if round == 0 || took < calm {
			calm = took
		}
		ctx, stopStorm := context.WithCancel(t.Context())
		var storm sync.WaitGroup
		storm.Go(func() { c.storm(ctx, target) })
		took = i.pace()
		i.probesAnswer()
		stopStorm()
		storm.Wait()
		if round == 0 || took < stormy {
			stormy = took
		}
	}
	peak := memoryPeak(t, i.cmd.Process.Pid)
	t.Logf("40 answers took %v without overload, %v with it; %d answered, %d refused, %d MB", calm, stormy,
		c.answered.Load(), c.refused.Load(), peak>>20)
	if stormy > calm*10/9 {
		t.Errorf("40 answers took %v without overload, %v with it", calm, stormy)
	}
	if peak > 200<<20 {
		t.Errorf("the watchdog had %d MB", peak>>20)
	}
	if c.refused.Load() < 9000 {
		t.Errorf("%d were refused: this was no overload", c.refused.Load())
	}
	i.nothingIsLeft()
}

// probesAnswer demands that health and readiness are told at once, whatever else there is to do.
func (i *instance) probesAnswer() {
	i.t.Helper()
	for _, probe := range []string{"/_/health", "/_/ready"} {
		best := time.Hour // of several: the machine may be busy with other things
		for try := 0; try < 5 && best > time.Second; try++ {
			begin := time.Now()
			i.get(probe).is(i.t, 200, "OK")
			best = min(best, time.Since(begin))
		}
		if best > time.Second {
			i.t.Errorf("%s was answered after %v", probe, best)
		}
	}
}

// nothingIsLeft demands that no request is in flight or waits.
func (i *instance) nothingIsLeft() {
	i.t.Helper()
	for _, series := range []string{"http_requests_in_flight", "fwatchdog_inflight", "fwatchdog_queue_depth"} {
		i.eventually(series+" is 0", func() bool { return i.metric(series) == 0 })
	}
}
