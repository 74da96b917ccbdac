package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// answersMeanwhile demands that small requests are answered at once, most of them.
func (i *instance) answersMeanwhile() {
	i.t.Helper()
	const rounds = 40
	late := 0
	for range rounds {
		begin := time.Now()
		i.get("/echo").is(i.t, 200, "")
		if time.Since(begin) > 100*time.Millisecond {
			late++
		}
	}
	if late > rounds/2 {
		i.t.Errorf("%d of %d small requests took over 100 ms", late, rounds)
	}
}

func TestSlowClientsDelayNobodyOnTheSameWorkerAndTakeLittleMemory(t *testing.T) {
	const each, size = 8, 16 << 20
	i := launch(t, "pool_size=1", "worker_concurrency=32", "read_timeout=1m", "write_timeout=1m")
	worker := i.pid(1)
	i.answersMeanwhile()
	watchdog, function := memoryPeak(t, i.cmd.Process.Pid), memoryPeak(t, worker)

	var readers, writers []net.Conn
	for range each {
		reader := dial(t, i)
		fmt.Fprintf(reader, "GET /stream?n=%d&piece=65536 HTTP/1.1\r\nHost: x\r\n\r\n", size)
		readers = append(readers, reader)
		writer := dial(t, i)
		fmt.Fprintf(writer, "POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\nbegin", size)
		writers = append(writers, writer)
	}
	for _, conn := range slices.Concat(readers, writers) { // that of dial is for one small request
		if err := conn.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	breakOff := sluggish(t, i, each) // uploads that the function reads slowly
	i.answersMeanwhile()

	// A window of 256 KiB on both sides, with what the pieces are copied through, is far less than one of the bodies.
	const little = 3 * each * (2 << 20)
	if grew := memoryPeak(t, i.cmd.Process.Pid) - watchdog; grew > little {
		t.Errorf("the watchdog grew by %d MB", grew>>20)
	}
	if grew := memoryPeak(t, worker) - function; grew > little+each*size { // the function makes its responses as a whole
		t.Errorf("the worker grew by %d MB", grew>>20)
	}
	breakOff()
	var all sync.WaitGroup
	for n := range each {
		all.Go(func() {
			resp, err := http.ReadResponse(bufio.NewReader(readers[n]), nil)
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := io.Copy(io.Discard, resp.Body); got != size || err != nil {
				t.Errorf("the slow reader got %d bytes: %v", got, err)
			}
		})
		all.Go(func() {
			if _, err := io.Copy(writers[n], io.LimitReader(zeros{}, size-5)); err != nil {
				t.Error(err)
			}
			resp, err := http.ReadResponse(bufio.NewReader(writers[n]), nil)
			if err != nil {
				t.Error(err)
				return
			}
			if body, _ := io.ReadAll(resp.Body); string(body) != fmt.Sprint(size) {
				t.Errorf("of the slow writer the function got %q bytes", body)
			}
		})
	}
	all.Wait()
	if n := count(i, "worker ended"); n != 0 {
		t.Errorf("%d workers ended", n)
	}
}

// sluggish begins uploads of 100 MiB that the function reads at 20 pieces a second, and returns what breaks them off.
func sluggish(t *testing.T, i *instance, n int) (breakOff func()) {
	t.Helper()
	var group sync.WaitGroup
	var conns []net.Conn
	for range n {
		conn := dial(t, i)
		conns = append(conns, conn)
		group.Go(func() {
			fmt.Fprintf(conn, "POST /slow-size?ms=50 HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", 100<<20)
			_, _ = io.Copy(conn, io.LimitReader(zeros{}, 100<<20)) // it is broken off
		})
	}
	return func() {
		for _, conn := range conns {
			conn.Close()
		}
		group.Wait()
	}
}

func TestHungRequestCostsItsNeighboursNothing(t *testing.T) {
	i := launch(t, "pool_size=1", "worker_concurrency=4", "cancel_grace=200ms", "stop_timeout=4s")
	old := i.pid(1)
	neighbour := i.ask("/sleep?ms=2500")
	i.awaitInflight(1)
	begin := time.Now()
	if r := i.get("/sleep?ms=600000", "X-Timeout: 200ms"); r.StatusCode != 504 || time.Since(begin) < 200*time.Millisecond {
		t.Errorf("the hung request got %d after %v", r.StatusCode, time.Since(begin))
	}
	i.pid(2) // the successor
	if i.find("worker ended", nil) != nil {
		t.Error("the worker was ended before its successor was ready")
	}
	i.get("/echo").is(t, 200, "")
	neighbour().is(t, 200, "slept")
	line := i.await("worker ended", nil)
	if line["reason"] != "timeout" || line["pid"] != float64(old) {
		t.Errorf("ended: %v", line)
	}
	i.get("/echo").is(t, 200, "")
}

func TestRequestThatHangsAloneCostsItsWorkerAtOnce(t *testing.T) {
	i := launch(t, "pool_size=1", "worker_concurrency=4", "cancel_grace=200ms", "stop_timeout=10m", "exec_timeout=200ms")
	i.pid(1)
	if r := i.get("/sleep?ms=600000"); r.StatusCode != 504 {
		t.Errorf("got %d", r.StatusCode)
	}
	i.await("worker ended", func(l map[string]any) bool { return l["reason"] == "timeout" })
	i.get("/echo").is(t, 200, "")
}
