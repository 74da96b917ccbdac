package fwatchdog_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"fwatchdog/protocol"
	fwatchdog "fwatchdog/sdk/go"
	"fwatchdog/sdk/go/workertest"
)

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
