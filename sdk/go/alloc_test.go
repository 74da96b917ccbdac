package fwatchdog_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"fwatchdog/protocol"
	fwatchdog "fwatchdog/sdk/go"
	"fwatchdog/sdk/go/workertest"
)

// BenchmarkRequest measures what the SDK itself costs a small request: no pipe, no host.
func BenchmarkRequest(b *testing.B) {
	b.ReportAllocs()
	answerAll(b, b.N/batch+1)
}

// A small request costs the SDK its state, its bytes and its target, and what the handler asks for: here one header. That is
// 4; the race detector makes pools forget, which costs some more.
func TestSmallRequestAllocatesLittle(t *testing.T) {
	const rounds, allowed = 200, 7
	perRun := testing.AllocsPerRun(5, func() { answerAll(t, rounds) })
	if n := perRun / (rounds * batch); n > allowed {
		t.Errorf("%.2f allocations a request, want at most %d", n, allowed)
	}
}

func answerAll(tb testing.TB, rounds int) {
	s := &script{frame: request(), rounds: rounds, ready: make(chan struct{})}
	if code := fwatchdog.ServePipes(s, s, answerBriefly); code != 0 {
		tb.Fatalf("exit code %d", code)
	}
}

func answerBriefly(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
	w.SetHeader("content-type", r.Headers.Get("content-type"))
	_, err := io.Copy(w, r.Body)
	return err
}

func request() []byte {
	q := protocol.BeginRequest(nil, 0, 30000, []byte("POST"), []byte("/function?a=1"))
	for _, h := range [][2]string{
		{"host", "example.com"}, {"x-call-id", "0123456789abcdef"}, {"content-type", "application/json"}, {"user-agent", "test"},
	} {
		q.Pair([]byte(h[0]), []byte(h[1]))
	}
	frame, _ := q.End([]byte(`{"name":"value"}`), true) // it fits
	return frame
}

// batch is how many requests a script sends at once.
const batch = 32

// script is a host that greets, waits for READY, and then sends the same request over and over, one batch a read. It looks
// at no answer.
type script struct {
	frame  []byte
	rounds int
	stream uint32
	ready  chan struct{} // closed with READY
	buf    []byte
	rest   []byte
}

func (s *script) Read(p []byte) (int, error) {
	switch {
	case len(s.rest) > 0:
	case s.buf == nil:
		s.buf = workertest.Greet()
		s.rest = s.buf
	case s.rounds == 0:
		return 0, io.EOF
	default:
		<-s.ready
		s.rounds--
		s.buf = s.buf[:0]
		for range batch {
			s.stream++
			s.buf = append(s.buf, s.frame...)
			binary.BigEndian.PutUint32(s.buf[len(s.buf)-len(s.frame)+4:], s.stream)
		}
		s.rest = s.buf
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func (s *script) Write(b []byte) (int, error) {
	if bytes.HasSuffix(b, protocol.AppendReady(nil)) {
		close(s.ready)
	}
	return len(b), nil
}
