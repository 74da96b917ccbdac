package fwatchdog_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"unicode/utf8"

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

func TestStatusThatIsNoneIsA500(t *testing.T) {
	for _, status := range []int{0, 99, 199, 1000, -1} {
		got := answered(t, func(w *fwatchdog.ResponseWriter, _ *fwatchdog.Request) error {
			w.WriteHeader(status)
			return nil
		})
		want := fmt.Sprintf("fwatchdog: status %d is not in 200 to 999\n", status)
		if got.Code != protocol.CodeRaised || !strings.HasPrefix(got.Error, want) {
			t.Errorf("status %d: got %+v", status, got)
		}
	}
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

func TestHandlerThatFailsIsAnError(t *testing.T) {
	late := func(err error) fwatchdog.Handler {
		return func(w *fwatchdog.ResponseWriter, _ *fwatchdog.Request) error {
			return errors.Join(say(w, "start"), w.Flush(), err)
		}
	}
	tests := []struct {
		name    string
		handler fwatchdog.Handler
		frames  []string
		code    protocol.ErrorCode
		text    string // the start of it
	}{
		{"an error", func(w *fwatchdog.ResponseWriter, _ *fwatchdog.Request) error {
			w.WriteHeader(204)
			return errors.Join(say(w, "thrown away"), errors.New("boom"))
		}, []string{"ERROR+END"}, protocol.CodeRaised, "boom"},
		{"an error in the middle", late(errors.New("boom")), []string{"RESP", "ERROR+END"}, protocol.CodeRaised, "boom"},
		{"a panic", func(*fwatchdog.ResponseWriter, *fwatchdog.Request) error { panic(errors.New("boom")) },
			[]string{"ERROR+END"}, protocol.CodeRaised, "boom\ngoroutine "},
		{"a panic of nil", func(*fwatchdog.ResponseWriter, *fwatchdog.Request) error { panic(nil) },
			[]string{"ERROR+END"}, protocol.CodeRaised, "panic called with nil argument"},
		{"the end of its goroutine", func(*fwatchdog.ResponseWriter, *fwatchdog.Request) error { runtime.Goexit(); return nil },
			[]string{"ERROR+END"}, protocol.CodeRaised, "fwatchdog: the handler ended its goroutine without an answer"},
		{"ErrAbort", func(*fwatchdog.ResponseWriter, *fwatchdog.Request) error {
			return fmt.Errorf("enough: %w", fwatchdog.ErrAbort)
		},
			[]string{"ERROR+END"}, protocol.CodeCancelled, "enough: fwatchdog: the handler broke the response off"},
		{"ErrAbort in the middle", late(fwatchdog.ErrAbort), []string{"RESP", "ERROR+END"}, protocol.CodeCancelled, "fwatchdog: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				h := workertest.Start(t, tt.handler)
				r := h.Response(h.Request(workertest.Request{}))
				if diff := cmp.Diff(tt.frames, r.Frames); diff != "" || r.Code != tt.code || !strings.HasPrefix(r.Error, tt.text) {
					t.Errorf("got %+v, frames (-want +got):\n%s", r, diff)
				}
				serves(t, h)
			})
		})
	}
}

// Buffers go round: what one response leaves in its buffer must not show in another.
func TestResponseThatWasThrownAwayShowsNowhere(t *testing.T) {
	in(t, func(t *testing.T) {
		h := workertest.Start(t, func(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
			if r.Path == "/secret" {
				return errors.Join(say(w, "secret"), errors.New("boom"))
			}
			return say(w, "public")
		})
		for range 20 {
			h.Response(h.Request(workertest.Request{Target: "/secret"}))
			if r := h.Response(h.Request(workertest.Request{})); string(r.Body) != "public" {
				t.Fatalf("got %q", r.Body)
			}
		}
	})
}

func TestPanicCarriesTheStackOfTheHandler(t *testing.T) {
	got := answered(t, func(*fwatchdog.ResponseWriter, *fwatchdog.Request) error { panic("boom") })
	if !strings.Contains(got.Error, "TestPanicCarriesTheStackOfTheHandler") {
		t.Errorf("the handler is not in the stack:\n%s", got.Error)
	}
}

func TestLongErrorIsCutAtACharacter(t *testing.T) {
	text := "boom\n" + strings.Repeat("é", protocol.MaxPayload)
	got := answered(t, func(*fwatchdog.ResponseWriter, *fwatchdog.Request) error { return errors.New(text) })
	if !strings.HasPrefix(text, got.Error) || !utf8.ValidString(got.Error) || len(got.Error) < protocol.MaxPayload-4 {
		t.Errorf("%d bytes came, starting %.20q", len(got.Error), got.Error)
	}
}

func TestHeadersThatFitNoFrameAreAnError(t *testing.T) {
	write := func(flush bool) fwatchdog.Handler {
		return func(w *fwatchdog.ResponseWriter, _ *fwatchdog.Request) error {
			w.SetHeader("x-big", strings.Repeat("a", protocol.MaxPayload))
			if flush {
				_ = w.Flush() // a handler that looks at no error
			}
			return say(w, "body")
		}
	}
	for _, flush := range []bool{false, true} {
		got := answered(t, write(flush))
		if diff := cmp.Diff([]string{"ERROR+END"}, got.Frames); diff != "" ||
			got.Code != protocol.CodeRaised || !strings.HasPrefix(got.Error, "response headers too large") {
			t.Errorf("flushed %v: got %+v", flush, got)
		}
	}
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

// stops lets a handler stream n bytes, and takes what comes while the host grants nothing.
func stops(t *testing.T, h *workertest.Host, stream uint32) (data int) {
	t.Helper()
	synctest.Wait()
	h.Send(protocol.AppendPing(nil, 1))
	for {
		f, ok := h.Next()
		switch {
		case !ok || f.Type == protocol.TypePong:
			return data
		case f.Type == protocol.TypeData && f.Stream == stream:
			data += len(f.Payload)
		}
	}
}

func streamForEver(w *fwatchdog.ResponseWriter, _ *fwatchdog.Request) error {
	for piece := make([]byte, 10_007); ; {
		if _, err := w.Write(piece); err != nil {
			return err
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
}

func TestResponseStopsAfterExactlyOneWindow(t *testing.T) {
	in(t, func(t *testing.T) {
		h := workertest.Start(t, streamForEver)
		slow := h.Request(workertest.Request{})
		if got := stops(t, h, slow); got != protocol.DefaultWindow {
			t.Errorf("%d bytes of DATA, the window is %d", got, protocol.DefaultWindow)
		}
		h.Send(protocol.AppendWindow(nil, slow, 1))
		if got := stops(t, h, slow); got != 1 {
			t.Errorf("%d bytes of DATA for a WINDOW of 1", got)
		}
		h.Send(protocol.AppendCancel(nil, slow, protocol.CancelClientGone))
		if r := h.Response(slow); r.Code != protocol.CodeCancelled {
			t.Errorf("got %+v after CANCEL", r)
		}
	})
}

func TestStreamThatWaitsForWindowHoldsUpNoOther(t *testing.T) {
	in(t, func(t *testing.T) {
		h := workertest.Start(t, func(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
			if r.Path == "/slow" {
				return streamForEver(w, r)
			}
			return say(w, "quick")
		})
		slow := h.Request(workertest.Request{Target: "/slow"})
		stops(t, h, slow)
		if r := h.Response(h.Request(workertest.Request{})); string(r.Body) != "quick" {
			t.Errorf("got %+v", r)
		}
		h.Send(protocol.AppendCancel(nil, slow, protocol.CancelClientGone))
		h.Response(slow)
	})
}

func TestHostThatHasGoneEndsAResponseThatWaitsForIt(t *testing.T) {
	in(t, func(t *testing.T) {
		h := workertest.Start(t, streamForEver)
		slow := h.Request(workertest.Request{})
		stops(t, h, slow)
		h.HangUp()
		if r := h.Response(slow); r.Code != protocol.CodeRaised || r.Error != io.ErrUnexpectedEOF.Error() {
			t.Errorf("got %+v", r)
		}
		if code := h.Exit(); code != 0 {
			t.Errorf("exit code %d", code)
		}
	})
}

// A response with a hole must not look whole, even if its handler does not care.
func TestResponseThatLostAPieceIsAnError(t *testing.T) {
	in(t, func(t *testing.T) {
		h := workertest.Start(t, func(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
			_ = streamForEver(w, r) // as said
			return nil
		})
		slow := h.Request(workertest.Request{})
		stops(t, h, slow)
		h.Send(protocol.AppendCancel(nil, slow, protocol.CancelDeadline))
		if r := h.Response(slow); r.Code != protocol.CodeCancelled {
			t.Errorf("got %+v", r)
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
