package fwatchdog_test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"fwatchdog/protocol"
)

// BenchmarkPipe measures a worker process over real pipes, with a host that keeps so many requests outstanding. Host and
// worker share the machine.
func BenchmarkPipe(b *testing.B) {
	for _, outstanding := range []int{1, 32, 256} {
		for _, size := range []int{0, 1024} {
			b.Run(fmt.Sprintf("%d outstanding of %d bytes", outstanding, size), func(b *testing.B) {
				benchmarkPipe(b, outstanding, make([]byte, size))
			})
		}
	}
}

func benchmarkPipe(b *testing.B, outstanding int, body []byte) {
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "PLAY_FUNCTION=1", "FWATCHDOG_WORKER=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	r := protocol.NewReader(out, protocol.Worker, protocol.MaxPayload)
	next := func(want protocol.Type) {
		h, _, err := r.Next()
		if err != nil || h.Type != want {
			b.Fatalf("got %v, %v, want %v", h, err, want)
		}
	}
	send := func(frames []byte) {
		if _, err := in.Write(frames); err != nil {
			b.Error(err)
		}
	}
	send(protocol.AppendHello(nil, "window", "262144", "features", "window"))
	next(protocol.TypeHello)
	next(protocol.TypeReady)

	stream := uint32(0)
	request := func(dst []byte) []byte {
		stream++
		q := protocol.BeginRequest(dst, stream, 30000, []byte("POST"), []byte("/function?a=1"))
		q.Pair([]byte("host"), []byte("example.com"))
		q.Pair([]byte("x-call-id"), []byte("0123456789abcdef"))
		q.Pair([]byte("content-type"), []byte("application/json"))
		q.Pair([]byte("user-agent"), []byte("benchmark/1.0"))
		dst, _ = q.End(body, true) // it fits
		return dst
	}
	b.ReportAllocs()
	b.ResetTimer()
	// Batches are written by another goroutine: the pipes hold less than all requests and answers that are outstanding. Each
	// batch has one that is, so there is always room.
	batches := make(chan []byte, outstanding)
	go func() {
		for batch := range batches {
			send(batch)
		}
	}()
	var batch []byte
	sent, got := 0, 0
	for ; sent < min(b.N, outstanding); sent++ {
		batch = request(batch)
	}
	for got < b.N {
		batches <- batch
		batch = nil
		for more := true; more && got < b.N; more = r.Buffered() {
			next(protocol.TypeResponse)
			if got++; sent < b.N {
				batch = request(batch)
				sent++
			}
		}
	}
	b.StopTimer()
	close(batches)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
	_ = in.Close() // the worker goes
	if err := cmd.Wait(); err != nil {
		b.Fatal(err)
	}
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	b.ReportMetric(float64(used.Nanoseconds())/float64(b.N), "worker-ns/op")
}
