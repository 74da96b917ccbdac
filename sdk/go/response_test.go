package fwatchdog_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"fwatchdog/protocol"
	fwatchdog "fwatchdog/sdk/go"
	"fwatchdog/sdk/go/workertest"
)

// answered calls a handler with a request that does not matter.
func answered(t *testing.T, handler fwatchdog.Handler) (r workertest.Response) {
	t.Helper()
	in(t, func(t *testing.T) { r = workertest.Call(t, handler, workertest.Request{}) })
	return r
}

func TestSmallResponseIsOneFrame(t *testing.T) {
	got := answered(t, func(w *fwatchdog.ResponseWriter, _ *fwatchdog.Request) error {
		w.AddHeader("Set-Cookie", "a=1")
		w.SetHeader("Content-Type", "text/html")
		w.AddHeader("set-cookie", "b=2")
		w.SetHeader("CONTENT-TYPE", "text/plain; charset=\xe4")
		w.SetHeader("x-empty", "")
		w.WriteHeader(201)
		return errors.Join(say(w, "in "), say(w, "pieces"))
	})
	want := workertest.Response{
		Status:  201,
		Headers: []string{"set-cookie: a=1", "set-cookie: b=2", "content-type: text/plain; charset=\xe4", "x-empty: "},
		Body:    []byte("in pieces"),
		Frames:  []string{"RESP+END"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.Header("Content-Type") != "text/plain; charset=\xe4" || got.Header("x-none") != "" {
		t.Errorf("looked up %q and %q", got.Header("Content-Type"), got.Header("x-none"))
	}
}

func TestHandlerThatDoesNothingIsAnEmpty200(t *testing.T) {
	got := answered(t, func(*fwatchdog.ResponseWriter, *fwatchdog.Request) error { return nil })
	if diff := cmp.Diff(workertest.Response{Status: 200, Body: []byte{}, Frames: []string{"RESP+END"}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A response of up to what one frame holds comes in one; what is larger by a byte comes in two.
func TestResponseIsCutIntoAsFewFramesAsHoldIt(t *testing.T) {
	const room = protocol.MaxPayload - 8 // the meta of a head without headers
	tests := []struct {
		size int
		want []string
	}{
		{room, []string{"RESP+END"}},
		{room + 1, []string{"RESP", "DATA+END"}},
		{protocol.MaxPayload, []string{"RESP", "DATA+END"}},
		{protocol.MaxPayload + 1, []string{"RESP", "DATA", "DATA+END"}}, // written before it is known to be the last
		{200_000, []string{"RESP", "DATA", "DATA", "DATA", "DATA+END"}},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.size), func(t *testing.T) {
			body := bytes.Repeat([]byte{'x'}, tt.size)
			got := answered(t, func(w *fwatchdog.ResponseWriter, _ *fwatchdog.Request) error {
				_, err := w.Write(body)
				return err
			})
			if diff := cmp.Diff(tt.want, got.Frames); diff != "" || !bytes.Equal(got.Body, body) {
				t.Errorf("%d bytes in frames (-want +got):\n%s", len(got.Body), diff)
			}
		})
	}
}

func TestManySmallWritesBecomeFewFrames(t *testing.T) {
	got := answered(t, func(w *fwatchdog.ResponseWriter, _ *fwatchdog.Request) error {
		for range 100_000 {
			if err := say(w, "x"); err != nil {
				return err
			}
		}
		return nil
	})
	if len(got.Body) != 100_000 || len(got.Frames) > 3 {
		t.Errorf("%d bytes in %d frames", len(got.Body), len(got.Frames))
	}
}

func TestFlushSendsWhatThereIs(t *testing.T) {
	in(t, func(t *testing.T) {
		proceed := make(chan struct{})
		h := workertest.Start(t, func(w *fwatchdog.ResponseWriter, _ *fwatchdog.Request) error {
			for _, piece := range []string{"", "", "one", "two"} {
				if err := errors.Join(say(w, piece), w.Flush()); err != nil {
					return err
				}
				<-proceed
			}
			return nil
		})
		stream := h.Request(workertest.Request{})
		for _, want := range []string{"RESP", "", "DATAone", "DATAtwo"} {
			synctest.Wait()
			if want != "" {
				f := h.NextOn(stream)
				if got := f.Type.String() + string(f.Payload[min(len(f.Payload), 8*btoi(f.Type == protocol.TypeResponse)):]); got != want || f.End {
					t.Errorf("got %v %q, want %s", f.Header, f.Payload, want)
				}
			}
			serves(t, h) // and nothing else
			proceed <- struct{}{}
		}
		if f := h.NextOn(stream); f.Type != protocol.TypeData || !f.End || f.Length != 0 {
			t.Errorf("got %v at the end", f.Header)
		}
	})
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestHandlerThatAnswersTwiceIsHeardOnceAndLogged(t *testing.T) {
	got := answered(t, func(w *fwatchdog.ResponseWriter, _ *fwatchdog.Request) error {
		w.WriteHeader(201)
		w.WriteHeader(500)
		if err := w.Flush(); err != nil {
			return err
		}
		w.SetHeader("x-late", "1")
		w.WriteHeader(404)
		return say(w, "body")
	})
	want := []string{"status 500 was set after there was one", "header x-late was set after the head had left", "status 404 was set after there was one"}
	if diff := cmp.Diff(want, got.Logs); diff != "" || got.Status != 201 || got.Headers != nil || string(got.Body) != "body" {
		t.Errorf("got %+v, logs (-want +got):\n%s", got, diff)
	}
}

func TestWritingAfterTheHandlerHasReturnedFailsAndIsLogged(t *testing.T) {
	in(t, func(t *testing.T) {
		var kept *fwatchdog.ResponseWriter
		var request *fwatchdog.Request
		h := workertest.Start(t, func(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
			kept, request = w, r
			return say(w, "done")
		})
		if r := h.Response(h.Request(workertest.Request{})); string(r.Body) != "done" {
			t.Fatalf("got %+v", r)
		}
		synctest.Wait()
		if n, err := kept.Write([]byte("more")); n != 0 || err == nil {
			t.Errorf("Write: %d, %v", n, err)
		}
		if err := kept.Flush(); err == nil {
			t.Error("Flush: no error")
		}
		kept.WriteHeader(404)
		kept.SetHeader("x", "y")
		request.Log(fwatchdog.Error, "afterwards")
		for _, want := range []string{
			"\x02a response was written to after its handler had returned",
			"\x02status 404 was set after there was one",
			"\x02header x was set after the head had left",
			"\x03afterwards",
		} {
			if f := h.Expect(protocol.TypeLog); f.Stream != 0 || string(f.Payload) != want {
				t.Errorf("got %v %q, want %q on stream 0", f.Header, f.Payload, want)
			}
		}
		serves(t, h)
	})
}

func TestHostsSmallerFramesAreObeyed(t *testing.T) {
	in(t, func(t *testing.T) {
		h := workertest.Launch(t, func(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
			r.Log(fwatchdog.Info, strings.Repeat("l", 5000))
			return say(w, strings.Repeat("x", 10_000))
		})
		h.Send(protocol.AppendHello(nil, "max_frame", "4084", "features", "window"))
		h.Expect(protocol.TypeHello)
		h.Expect(protocol.TypeReady)
		stream := h.Request(workertest.Request{})
		for {
			f := h.NextOn(stream)
			if f.Length > protocol.MaxSharedPayload {
				t.Errorf("%v, though frames may have %d", f.Header, protocol.MaxSharedPayload)
			}
			if f.End {
				return
			}
		}
	})
}

func TestLogsNameTheirStreamAndLevel(t *testing.T) {
	in(t, func(t *testing.T) {
		long := strings.Repeat("é", protocol.MaxPayload)
		h := workertest.Start(t, func(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
			for _, level := range []fwatchdog.Level{fwatchdog.Debug, fwatchdog.Info, fwatchdog.Warn, fwatchdog.Error} {
				r.Log(level, "größe")
			}
			r.Log(fwatchdog.Info, long)
			return nil
		})
		stream := h.Request(workertest.Request{})
		for level := range 4 {
			if f := h.Expect(protocol.TypeLog); f.Stream != stream || string(f.Payload) != string(rune(level))+"größe" {
				t.Errorf("got %v %q", f.Header, f.Payload)
			}
		}
		if r := h.Response(stream); strings.Join(r.Logs, "") != long || len(r.Logs) != 3 {
			t.Errorf("the long line came in %d pieces, with %d of %d bytes", len(r.Logs), len(strings.Join(r.Logs, "")), len(long))
		}
	})
}

func TestManyRequestsAtOnceAreAllAnsweredByThemselves(t *testing.T) {
	in(t, func(t *testing.T) {
		h := workertest.Start(t, echo)
		want := map[uint32]string{}
		for round := range 20 {
			for i := range 100 {
				body := fmt.Sprintf("%d/%d", round, i)
				want[h.Request(workertest.Request{Method: "POST", Body: []byte(body)})] = body
			}
		}
		for stream, body := range want {
			if r := h.Response(stream); string(r.Body) != body {
				t.Errorf("stream %d: got %+v, want %s", stream, r, body)
			}
		}
	})
}
