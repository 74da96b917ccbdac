package fwatchdog_test

import (
	"io"
	"testing"
	"testing/synctest"

	"fwatchdog/protocol"
	fwatchdog "fwatchdog/sdk/go"
	"fwatchdog/sdk/go/workertest"
)

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
