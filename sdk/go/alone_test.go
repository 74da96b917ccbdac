package fwatchdog_test

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"fwatchdog/protocol"
	fwatchdog "fwatchdog/sdk/go"
	"fwatchdog/sdk/go/workertest"
)

// byReader reports whether the goroutine that reads the pipe runs the handler that asks.
func byReader() bool { return bytes.Contains(debug.Stack(), []byte("answerHere")) }

// used starts a worker whose reader answers the next request itself, when it comes at once: so many came one after the
// other. Those of "/" are answered at once, and others by handler.
func used(t *testing.T, handler fwatchdog.Handler) *workertest.Host {
	t.Helper()
	own := 0
	h := workertest.Start(t, func(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
		if r.Target != "/" {
			return handler(w, r)
		}
		if byReader() {
			own++
		}
		return nil
	})
	const requests = 150
	send(h, requests)
	if own == 0 || own > requests/2 {
		t.Fatalf("the reader answered %d of %d requests itself, want some of the last", own, requests)
	}
	return h
}

// send sends requests one after the other, each when the one before was answered.
func send(h *workertest.Host, requests int) {
	for range requests {
		h.Response(h.Request(workertest.Request{}))
	}
}

func TestHandlerThatHangsIsWaitedForByNobodyElse(t *testing.T) {
	in(t, func(t *testing.T) {
		release := make(chan struct{})
		h := used(t, func(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
			if !byReader() {
				return errors.New("another goroutine runs the handler")
			}
			<-release
			return say(w, "late")
		})
		for range 3 {
			begin := time.Now()
			hanging := h.Request(workertest.Request{Target: "/hang"})
			send(h, 3)
			if took := time.Since(begin); took > 2*time.Millisecond {
				t.Errorf("requests behind it were answered after %v, want 2ms at most", took)
			}
			release <- struct{}{}
			if r := h.Response(hanging); string(r.Body) != "late" {
				t.Errorf("got %+v", r)
			}
			<-time.After(time.Second) // nobody looks any more
			send(h, 150)
		}
		h.HangUp()
		if code := h.Exit(); code != 0 {
			t.Errorf("exit code %d, want 0", code)
		}
	})
}

func TestReaderThatAnswersDoesNotKeepFromTheHandlerWhatItWaitsFor(t *testing.T) {
	large := bytes.Repeat([]byte("x"), 5*protocol.DefaultWindow)
	tests := map[string]struct {
		request workertest.Request
		handler fwatchdog.Handler
		act     func(h *workertest.Host, stream uint32)
		want    string
	}{
		"a body in pieces": {workertest.Request{Body: large}, func(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
			if byReader() {
				return errors.New("the reader waits for itself")
			}
			n, err := io.Copy(io.Discard, r.Body)
			if int(n) != len(large) {
				return errors.New("cut short")
			}
			return errors.Join(err, say(w, "read"))
		}, nil, "read"},
		"leave to send more": {workertest.Request{}, func(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
			_, err := w.Write(large)
			return err
		}, nil, string(large)},
		"a cancel": {workertest.Request{}, func(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
			<-r.Context().Done()
			return say(w, "cancelled")
		}, func(h *workertest.Host, stream uint32) {
			h.Send(protocol.AppendCancel(nil, stream, protocol.CancelClientGone))
		}, "cancelled"},
		"the end of the pipe": {workertest.Request{}, func(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
			<-r.Context().Done()
			return say(w, "ended")
		}, func(h *workertest.Host, stream uint32) { h.HangUp() }, "ended"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				h := used(t, tt.handler)
				tt.request.Target = "/wait"
				stream := h.Request(tt.request)
				if tt.act != nil {
					tt.act(h, stream)
				}
				if r := h.Response(stream); string(r.Body) != tt.want {
					t.Errorf("got %d: %.40s, want %.10s", len(r.Body), r.Body, tt.want)
				}
			})
		})
	}
}

func TestReaderOutlivesTheHandlersThatItRuns(t *testing.T) {
	tests := map[string]struct {
		handler fwatchdog.Handler
		want    string
	}{
		"that fails":  {func(*fwatchdog.ResponseWriter, *fwatchdog.Request) error { return errors.New("failed") }, "failed"},
		"that panics": {func(*fwatchdog.ResponseWriter, *fwatchdog.Request) error { panic("panicked") }, "panicked"},
		"that ends its goroutine": {func(*fwatchdog.ResponseWriter, *fwatchdog.Request) error {
			runtime.Goexit()
			return nil
		}, "fwatchdog: the handler ended its goroutine without an answer"},
		"that ends its goroutine later": {func(*fwatchdog.ResponseWriter, *fwatchdog.Request) error {
			<-time.After(time.Second)
			runtime.Goexit()
			return nil
		}, "fwatchdog: the handler ended its goroutine without an answer"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				h := used(t, tt.handler)
				if r := h.Response(h.Request(workertest.Request{Target: "/end"})); !bytes.HasPrefix([]byte(r.Error), []byte(tt.want)) {
					t.Errorf("got %+v", r)
				}
				send(h, 150)
				h.HangUp()
				if code := h.Exit(); code != 0 {
					t.Errorf("exit code %d, want 0", code)
				}
			})
		})
	}
}

func TestReaderAnswersNoRequestThatComesLongAfterAnother(t *testing.T) {
	in(t, func(t *testing.T) {
		h := used(t, func(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
			if byReader() {
				return errors.New("the reader runs the handler")
			}
			return say(w, "by another")
		})
		for range 3 {
			<-time.After(time.Millisecond)
			if r := h.Response(h.Request(workertest.Request{Target: "/later"})); string(r.Body) != "by another" {
				t.Errorf("got %+v", r)
			}
		}
	})
}

func TestReaderAnswersNoRequestBesideAnother(t *testing.T) {
	in(t, func(t *testing.T) {
		release := make(chan struct{})
		h := used(t, func(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
			if r.Target == "/hang" {
				<-release
			}
			if byReader() {
				return say(w, "by the reader")
			}
			return say(w, "by another")
		})
		<-time.After(time.Millisecond)
		hanging := h.Request(workertest.Request{Target: "/hang"})
		for range 200 {
			if r := h.Response(h.Request(workertest.Request{Target: "/beside"})); string(r.Body) != "by another" {
				t.Fatalf("got %+v", r)
			}
		}
		close(release)
		h.Response(hanging)
	})
}
