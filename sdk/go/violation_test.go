package fwatchdog_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
	"testing/synctest"

	"fwatchdog/protocol"
	fwatchdog "fwatchdog/sdk/go"
	"fwatchdog/sdk/go/workertest"
)

// vector is what a worker needs of protocol/testdata/vectors.json: the codec's own tests check the meaning.
type vector struct{ Name, From, Hex, Type string }

func hostVectors(t *testing.T) (good, bad []vector) {
	t.Helper()
	text, err := os.ReadFile("../../protocol/testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Frames, Bad []vector }
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	ofHost := func(vectors []vector) (some []vector) {
		for _, v := range vectors {
			if v.From == "host" {
				some = append(some, v)
			}
		}
		return some
	}
	good, bad = ofHost(all.Frames), ofHost(all.Bad)
	if len(good) < 20 || len(bad) < 20 {
		t.Fatalf("%d good and %d bad frames of the host", len(good), len(bad))
	}
	return good, bad
}

func (v vector) bytes(t *testing.T) []byte {
	t.Helper()
	b, err := hex.DecodeString(v.Hex)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// serves proves that a worker still answers.
func serves(t *testing.T, h *workertest.Host) {
	t.Helper()
	h.Send(protocol.AppendPing(nil, 7))
	for f, ok := h.Next(); ok; f, ok = h.Next() {
		if f.Type == protocol.TypePong {
			return
		}
	}
	t.Error("the worker has ended")
}

func TestEveryGoodVectorOfTheHostIsTaken(t *testing.T) {
	good, _ := hostVectors(t)
	for _, v := range good {
		t.Run(v.Name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				h := workertest.Launch(t, echo)
				h.Expect(protocol.TypeHello)
				h.Expect(protocol.TypeReady)
				if v.Type != "HELLO" {
					h.Send(workertest.Greet())
				}
				h.Send(v.bytes(t))
				if v.Name == "hello of a later host that no longer speaks version 1" {
					if code := h.Exit(); code != 65 {
						t.Errorf("exit code %d, want 65", code)
					}
					return
				}
				serves(t, h)
			})
		})
	}
}

func TestEveryBadVectorOfTheHostEndsTheWorker(t *testing.T) {
	_, bad := hostVectors(t)
	for _, v := range bad {
		t.Run(v.Name, func(t *testing.T) { checkEnds(t, v.bytes(t)) })
	}
}

func checkEnds(t *testing.T, frames []byte) {
	t.Helper()
	in(t, func(t *testing.T) {
		blocked := make(chan struct{})
		defer close(blocked)
		h := workertest.Start(t, func(*fwatchdog.ResponseWriter, *fwatchdog.Request) error {
			<-blocked
			return nil
		})
		h.Open(workertest.Request{})
		h.Send(frames)
		if code := h.Exit(); code != 65 {
			t.Errorf("exit code %d, want 65", code)
		}
	})
}

func TestHostThatBreaksTheRulesOfStreamsEndsTheWorker(t *testing.T) {
	tests := map[string][]byte{
		"a second HELLO":           workertest.Greet(),
		"a stream that is open":    numbered(t, 1),
		"a stream below another":   append(numbered(t, 5), numbered(t, 3)...),
		"DATA after its end":       protocol.AppendData(protocol.AppendData(nil, 1, nil, true), 1, []byte("x"), false),
		"a second end":             protocol.AppendData(protocol.AppendData(nil, 1, nil, true), 1, nil, true),
		"DATA over the window":     overWindow(),
		"WINDOW of three bytes":    append(protocol.Header{Type: protocol.TypeWindow, Stream: 9, Length: 3}.Append(nil), 0, 0, 1),
		"CANCEL without a reason":  protocol.Header{Type: protocol.TypeCancel, Stream: 9}.Append(nil),
		"text instead of a frame":  []byte("GET / HTTP/1.1\r\n\r\n"),
		"a frame of 4 GiB to come": []byte("\xfb\xf7\x10\x01\x00\x00\x00\x02\xff\xff\xff\xff"),
	}
	for name, frames := range tests {
		t.Run(name, func(t *testing.T) { checkEnds(t, frames) })
	}
}

// numbered is a request on this stream.
func numbered(t *testing.T, stream uint32) []byte {
	t.Helper()
	request := protocol.BeginRequest(nil, stream, 0, []byte("GET"), []byte("/"))
	frames, err := request.End(nil, true)
	if err != nil {
		t.Fatal(err)
	}
	return frames
}

func overWindow() (frames []byte) {
	for range protocol.DefaultWindow / protocol.MaxPayload {
		frames = protocol.AppendData(frames, 1, make([]byte, protocol.MaxPayload), false)
	}
	return protocol.AppendData(frames, 1, []byte("x"), false)
}

func TestFirstFrameMustBeHello(t *testing.T) {
	in(t, func(t *testing.T) {
		h := workertest.Launch(t, echo)
		h.Send(protocol.AppendPing(nil, 1))
		if code := h.Exit(); code != 65 {
			t.Errorf("exit code %d, want 65", code)
		}
	})
}

func TestRequestBeforeReadyEndsTheWorker(t *testing.T) {
	in(t, func(t *testing.T) {
		blocked := make(chan struct{})
		h := workertest.Launch(t, echo, fwatchdog.Init(func() error { <-blocked; return nil }))
		request := protocol.BeginRequest(workertest.Greet(), 1, 0, []byte("GET"), []byte("/"))
		frames, err := request.End(nil, true)
		if err != nil {
			t.Fatal(err)
		}
		h.Send(frames)
		synctest.Wait()
		close(blocked)
		if code := h.Exit(); code != 65 {
			t.Errorf("exit code %d, want 65", code)
		}
	})
}

func TestFramesOfStreamsThatAreOverAreIgnored(t *testing.T) {
	in(t, func(t *testing.T) {
		h := workertest.Start(t, func(w *fwatchdog.ResponseWriter, _ *fwatchdog.Request) error { return say(w, "ignored") })
		over := h.Open(workertest.Request{Method: "POST"})
		if r := h.Response(over); string(r.Body) != "ignored" {
			t.Fatalf("got %+v", r)
		}
		synctest.Wait()
		for _, stream := range []uint32{over, 900} {
			h.Send(protocol.AppendData(nil, stream, []byte("late"), false))
			h.Send(protocol.AppendData(nil, stream, nil, true))
			h.Send(protocol.AppendData(nil, stream, []byte("after the end"), false))
			h.Send(protocol.AppendWindow(nil, stream, 1))
			h.Send(protocol.AppendCancel(nil, stream, protocol.CancelDeadline))
		}
		serves(t, h)
	})
}
