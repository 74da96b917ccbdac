package fwatchdog_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"fwatchdog/protocol"
	fwatchdog "fwatchdog/sdk/go"
	"fwatchdog/sdk/go/workertest"
)

func TestDeadlineIsWhatTimeoutLeaves(t *testing.T) {
	seen(t, workertest.Request{Timeout: 1500 * time.Millisecond}, func(t *testing.T, r *fwatchdog.Request) {
		deadline, ok := r.Deadline()
		if left := time.Until(deadline); !ok || left != 1500*time.Millisecond {
			t.Errorf("%v left, %v", left, ok)
		}
		if ctxDeadline, ok := r.Context().Deadline(); !ok || !ctxDeadline.Equal(deadline) {
			t.Errorf("the context's is %v, %v", ctxDeadline, ok)
		}
		<-r.Context().Done()
		if err := r.Context().Err(); err != context.DeadlineExceeded || time.Until(deadline) != 0 {
			t.Errorf("%v before the deadline: %v", time.Until(deadline), err)
		}
	})
	seen(t, workertest.Request{}, func(t *testing.T, r *fwatchdog.Request) {
		if deadline, ok := r.Deadline(); ok {
			t.Errorf("deadline %v, though there is none", deadline)
		}
		if _, ok := r.Context().Deadline(); ok {
			t.Error("the context has a deadline")
		}
	})
}

func TestCancelEndsTheContext(t *testing.T) {
	tests := []struct {
		name   string
		reason protocol.CancelReason
		left   time.Duration // of the request's time when CANCEL comes; 0 when it has no deadline
		want   error
	}{
		{"the client has gone", protocol.CancelClientGone, 0, context.Canceled},
		{"the host stops", protocol.CancelHostStops, 0, context.Canceled},
		{"a reason of a later version", 99, 0, context.Canceled},
		{"the client has gone just before the deadline", protocol.CancelClientGone, time.Millisecond, context.Canceled},
		{"the deadline, which the host's clock sees first", protocol.CancelDeadline, time.Millisecond, context.DeadlineExceeded},
		{"the deadline, long before ours", protocol.CancelDeadline, time.Hour, context.Canceled},
		{"the deadline, though there was none", protocol.CancelDeadline, 0, context.Canceled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				begin := time.Now()
				h := workertest.Start(t, func(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
					<-r.Context().Done()
					return say(w, fmt.Sprint(r.Context().Err()))
				})
				stream := h.Request(workertest.Request{Timeout: tt.left})
				synctest.Wait()
				h.Send(protocol.AppendCancel(nil, stream, tt.reason))
				if r := h.Response(stream); string(r.Body) != tt.want.Error() {
					t.Errorf("got %+v, want %v", r, tt.want)
				}
				if took := time.Since(begin); took > time.Millisecond {
					t.Errorf("the handler heard of it after %v", took)
				}
			})
		})
	}
}

func TestContextThatIsAskedForLateHasEnded(t *testing.T) {
	in(t, func(t *testing.T) {
		cancelled := make(chan struct{})
		h := workertest.Start(t, func(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
			<-cancelled
			return say(w, fmt.Sprint(r.Context().Err()))
		})
		stream := h.Request(workertest.Request{})
		h.Send(protocol.AppendCancel(nil, stream, protocol.CancelClientGone))
		serves(t, h)
		close(cancelled)
		if r := h.Response(stream); string(r.Body) != context.Canceled.Error() {
			t.Errorf("got %+v", r)
		}
	})
}

func TestContextEndsWithTheHandler(t *testing.T) {
	in(t, func(t *testing.T) {
		var early, late context.Context
		var request *fwatchdog.Request
		workertest.Call(t, func(w *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
			early, request = r.Context(), r
			return nil
		}, workertest.Request{})
		synctest.Wait()
		late = request.Context()
		if early.Err() != context.Canceled || late != early {
			t.Errorf("after the handler: %v", early.Err())
		}
		if n, err := request.Body.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("reading the body after the handler: %d, %v", n, err)
		}
	})
}

func TestReadingOnAfterTheHandlerHasReturnedEnds(t *testing.T) {
	in(t, func(t *testing.T) {
		failed := make(chan error, 1)
		h := workertest.Start(t, func(_ *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
			go func() {
				_, err := r.Bytes()
				failed <- err
			}()
			synctest.Wait() // it waits for the rest
			return nil
		})
		h.Response(h.Open(workertest.Request{Method: "POST", Body: []byte("the first part")}))
		if err := <-failed; err == nil {
			t.Error("half a body was taken for a whole one")
		}
	})
}

func TestReadingEndsWhenNothingMoreCanCome(t *testing.T) {
	tests := []struct {
		name string
		end  func(h *workertest.Host, stream uint32)
		want error
	}{
		{"the client has gone", func(h *workertest.Host, stream uint32) {
			h.Send(protocol.AppendCancel(nil, stream, protocol.CancelClientGone))
		}, context.Canceled},
		{"the deadline has passed", func(h *workertest.Host, stream uint32) {
			h.Send(protocol.AppendCancel(nil, stream, protocol.CancelDeadline))
		}, context.DeadlineExceeded},
		{"the host has gone", func(h *workertest.Host, _ uint32) { h.HangUp() }, io.ErrUnexpectedEOF},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				var got []byte
				var failed error
				h := workertest.Start(t, func(_ *fwatchdog.ResponseWriter, r *fwatchdog.Request) error {
					got, failed = r.Bytes()
					return failed
				})
				stream := h.Open(workertest.Request{Method: "POST", Body: []byte("the first ")})
				h.Send(protocol.AppendData(nil, stream, []byte("part"), false))
				tt.end(h, stream)
				r := h.Response(stream)
				if string(got) != "the first part" || !errors.Is(failed, tt.want) {
					t.Errorf("read %q, %v, want %v", got, failed, tt.want)
				}
				wantCode := protocol.CodeCancelled
				if tt.want == io.ErrUnexpectedEOF {
					wantCode = protocol.CodeRaised
				}
				if r.Code != wantCode {
					t.Errorf("got code %d %q, want %d", r.Code, r.Error, wantCode)
				}
			})
		})
	}
}
