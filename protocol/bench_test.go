package protocol

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"testing"
)

// sizes are those of the bodies that the benchmarks carry: a small call, and as much as a frame holds.
var sizes = []int{128, MaxPayload - 1024}

// sample has a head as a proxy sends it.
var sample = struct{ method, target, key, value []byte }{
	[]byte("POST"), []byte("/function/path?query=1"), []byte("x-forwarded-for"), []byte("10.0.0.1, 10.0.0.2"),
}

func appendSampleRequest(dst, body []byte) []byte {
	b := BeginRequest(dst, 7, 30000, sample.method, sample.target)
	for range 8 {
		b.Pair(sample.key, sample.value)
	}
	dst, _ = b.End(body, true) // it fits
	return dst
}

func appendSampleResponse(dst, body []byte) []byte {
	b := BeginResponse(dst, 7, 200, MaxPayload)
	for range 2 {
		b.Pair(sample.key, sample.value)
	}
	dst, _ = b.End(body, true) // it fits
	return dst
}

// hot lists everything that runs for every request. Each must not allocate, whatever the size of the body.
func hot(size int) map[string]func() {
	body := make([]byte, size)
	dst := make([]byte, 0, 2*MaxPayload)
	request := appendSampleRequest(nil, body)
	response := appendSampleResponse(nil, body)
	pipe := &endless{wire: append(bytes.Clone(response), AppendPong(AppendData(nil, 7, body, true), 1)...)}
	reader := NewReader(pipe, Worker, MaxPayload)
	var total int // of what was decoded, so that decoding has an effect
	count := func(pairs Pairs) {
		for key, value := range pairs.All() {
			total += len(key) + len(value)
		}
	}
	return map[string]func(){
		"encode request":  func() { dst = appendSampleRequest(dst[:0], body) },
		"encode response": func() { dst = appendSampleResponse(dst[:0], body) },
		"encode data":     func() { dst = AppendData(dst[:0], 7, body, true) },
		"encode window":   func() { dst = AppendWindow(dst[:0], 7, 131072) },
		"encode cancel":   func() { dst = AppendCancel(dst[:0], 7, CancelDeadline) },
		"encode error":    func() { dst = AppendError(dst[:0], 7, CodeRaised, "boom", MaxPayload) },
		"encode log":      func() { dst = AppendLog(dst[:0], 7, LevelInfo, "text", MaxPayload) },
		"encode ping":     func() { dst = AppendPong(AppendPing(dst[:0], 1), 1) },
		"decode request": func() {
			q, err := ParseRequest(request[HeaderSize:])
			if err != nil {
				panic(err)
			}
			count(q.Headers)
		},
		"decode response": func() {
			p, err := ParseResponse(response[HeaderSize:])
			if err != nil {
				panic(err)
			}
			count(p.Headers)
		},
		"next frame": func() {
			if _, _, err := reader.Next(); err != nil {
				panic(err)
			}
		},
	}
}

// endless repeats the same bytes for ever.
type endless struct {
	wire []byte
	at   int
}

func (e *endless) Read(b []byte) (int, error) {
	n := copy(b, e.wire[e.at:])
	e.at = (e.at + n) % len(e.wire)
	return n, nil
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	for _, size := range sizes {
		for name, run := range hot(size) {
			t.Run(fmt.Sprintf("%s of %d bytes", name, size), func(t *testing.T) {
				if n := testing.AllocsPerRun(100, run); n != 0 {
					t.Errorf("%v allocations, want none", n)
				}
			})
		}
	}
}

func BenchmarkHotPath(b *testing.B) {
	for _, size := range sizes {
		for name, run := range hot(size) {
			b.Run(fmt.Sprintf("%s of %d bytes", name, size), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					run()
				}
			})
		}
	}
}

// What a frame says of its own size is believed only as far as the bytes are there.
func TestLyingLengthsAllocateNothing(t *testing.T) {
	const allowed = 1024 // an error and its text
	reader := func(wire string) func() error {
		r := NewReader(bytes.NewReader([]byte(wire)), Worker, MaxPayload) // its buffer is not the frame's doing
		return func() error { _, _, err := r.Next(); return err }
	}
	tests := []struct {
		name  string
		parse func() error
	}{
		{"a frame of 4 GiB", reader("\xfb\xf7\x12\x00\x00\x00\x00\x01\xff\xff\xff\xff")},
		{"a frame that never comes", reader("\xfb\xf7\x12\x00\x00\x00\x00\x01\x00\x01\x00\x00")},
		{"a meta of 4 GiB", func() error { _, err := ParseRequest([]byte("\xff\xff\xff\xff\x00\x00\x00\x00")); return err }},
		{"65535 headers", func() error { _, err := ParseResponse([]byte("\x00\x00\x00\x04\x00\xc8\xff\xff")); return err }},
		{"65535 pairs", func() error { _, err := ParseHello([]byte("\x00\x01\x00\x01\xff\xff")); return err }},
		{"a string of 65535 bytes", func() error { _, err := ParseReady([]byte("\x00\x01\xff\xff")); return err }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := tt.parse()
			runtime.ReadMemStats(&after)
			if err == nil || err == io.EOF {
				t.Errorf("got %v, want the lie found out", err)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > allowed {
				t.Errorf("%d bytes allocated, want at most %d", n, allowed)
			}
		})
	}
}
