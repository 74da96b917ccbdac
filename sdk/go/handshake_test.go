package fwatchdog_test

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fwatchdog/protocol"
	fwatchdog "fwatchdog/sdk/go"
	"fwatchdog/sdk/go/workertest"
)

// in runs a test in time that passes only while everybody waits: a worker that hangs is found out at once.
func in(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

func say(w *fwatchdog.ResponseWriter, text string) error {
	_, err := io.WriteString(w, text)
	return err
}

func echo(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
	_, err := io.Copy(w, r.Body)
	return err
}

func TestHelloSaysWhatTheWorkerIsAndCan(t *testing.T) {
	in(t, func(t *testing.T) {
		h := workertest.Launch(t, echo, fwatchdog.Concurrency(7))
		hello, err := protocol.ParseHello(h.Expect(protocol.TypeHello).Payload)
		if err != nil {
			t.Fatal(err)
		}
		for key, want := range map[string]string{"sdk": "go/0.1.0", "concurrency": "7", "features": "window exclusive ping-busy"} {
			if got, _ := hello.Pairs.Get(key); got != want {
				t.Errorf("%s is %q, want %q", key, got, want)
			}
		}
		pid, _ := hello.Pairs.Get("pid")
		if _, err := strconv.Atoi(pid); err != nil {
			t.Errorf("pid is %q", pid)
		}
	})
}

func TestConcurrencyIs256UnlessItIsSet(t *testing.T) {
	in(t, func(t *testing.T) {
		hello, err := protocol.ParseHello(workertest.Launch(t, echo).Expect(protocol.TypeHello).Payload)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := hello.Pairs.Get("concurrency"); got != "256" {
			t.Errorf("concurrency is %q", got)
		}
	})
}

func TestReadyComesAfterInit(t *testing.T) {
	in(t, func(t *testing.T) {
		begin := time.Now()
		workertest.Start(t, echo, fwatchdog.Init(func() error {
			<-time.After(time.Minute)
			return nil
		}))
		if took := time.Since(begin); took != time.Minute {
			t.Errorf("READY came after %v", took)
		}
	})
}

func TestPingIsAnsweredWhileInitRuns(t *testing.T) {
	in(t, func(t *testing.T) {
		blocked := make(chan struct{})
		h := workertest.Launch(t, echo, fwatchdog.Init(func() error { <-blocked; return nil }))
		h.Expect(protocol.TypeHello)

		h.Send(protocol.AppendPing(workertest.Greet(), 1<<63))

		nonce, err := protocol.ParseNonce(h.Expect(protocol.TypePong).Payload)
		if err != nil || nonce != 1<<63 {
			t.Errorf("PONG has %d, %v", nonce, err)
		}
		close(blocked)
		h.Expect(protocol.TypeReady)
	})
}

func TestInitThatFailsIsReportedAndEndsTheWorker(t *testing.T) {
	tests := []struct {
		name string
		init func() error
		text string
	}{
		{"an error", func() error { return errors.New("no database") }, "no database"},
		{"a panic", func() error { panic("no luck") }, "no luck\ngoroutine "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				h := workertest.Launch(t, echo, fwatchdog.Init(tt.init))
				h.Expect(protocol.TypeHello)
				f := h.Expect(protocol.TypeError)
				code, text, err := protocol.ParseError(f.Payload)
				if err != nil || code != protocol.CodeInit || f.Stream != 0 || !strings.HasPrefix(string(text), tt.text) {
					t.Errorf("got %v with code %d, %q, %v", f.Header, code, text, err)
				}
				if code := h.Exit(); code != 1 {
					t.Errorf("exit code %d, want 1", code)
				}
			})
		})
	}
}

func TestEndOfThePipeDuringInitStillInitialises(t *testing.T) {
	in(t, func(t *testing.T) {
		h := workertest.Launch(t, echo, fwatchdog.Init(func() error { <-time.After(time.Second); return nil }))
		h.HangUp()
		h.Expect(protocol.TypeHello)
		h.Expect(protocol.TypeReady)
		if code := h.Exit(); code != 0 {
			t.Errorf("exit code %d, want 0", code)
		}
	})
}

func TestEndOfThePipeEndsAnIdleWorker(t *testing.T) {
	for name, last := range map[string]string{"between frames": "", "inside a frame": "\xfb\xf7\x10\x01\x00"} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				h := workertest.Start(t, echo)
				h.Send([]byte(last))
				h.HangUp()
				if code := h.Exit(); code != 0 {
					t.Errorf("exit code %d, want 0", code)
				}
			})
		})
	}
}

func TestEndOfThePipeLetsWhatIsInFlightFinish(t *testing.T) {
	in(t, func(t *testing.T) {
		h := workertest.Start(t, func(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
			<-time.After(time.Minute)
			return say(w, "finished")
		})
		stream := h.Request(workertest.Request{})
		h.Send([]byte("\xfb\xf7\x10\x01\x00"))
		h.HangUp()
		if r := h.Response(stream); string(r.Body) != "finished" {
			t.Errorf("got %+v", r)
		}
		if code := h.Exit(); code != 0 {
			t.Errorf("exit code %d, want 0", code)
		}
	})
}

func TestEndOfThePipeEndsTheContextOfWhatIsInFlight(t *testing.T) {
	in(t, func(t *testing.T) {
		h := workertest.Start(t, func(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
			<-r.Context().Done()
			return say(w, r.Context().Err().Error())
		})
		stream := h.Request(workertest.Request{Timeout: time.Hour})
		h.HangUp()
		if r := h.Response(stream); string(r.Body) != context.Canceled.Error() {
			t.Errorf("got %+v", r)
		}
		if code := h.Exit(); code != 0 {
			t.Errorf("exit code %d, want 0", code)
		}
	})
}

func TestGoAwayRefusesNewRequestsAndFinishesTheOthers(t *testing.T) {
	in(t, func(t *testing.T) {
		h := workertest.Start(t, func(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
			<-r.Context().Done()
			return say(w, "heard it")
		})
		first := h.Request(workertest.Request{})
		h.Send(protocol.AppendGoAway(nil, "reload"))
		if r := h.Response(h.Request(workertest.Request{})); r.Code != protocol.CodeNotStarted {
			t.Errorf("a request after GOAWAY: got %+v, want ERROR 4", r)
		}
		h.Send(protocol.AppendCancel(nil, first, protocol.CancelHostStops))
		if r := h.Response(first); string(r.Body) != "heard it" {
			t.Errorf("the request before GOAWAY: got %+v", r)
		}
		h.HangUp()
		if code := h.Exit(); code != 0 {
			t.Errorf("exit code %d, want 0", code)
		}
	})
}
