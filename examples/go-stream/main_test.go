package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"fwatchdog/protocol"
	"fwatchdog/sdk/go/workertest"
)

func TestSendsEveryEventByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		got := workertest.Call(t, tick, workertest.Request{Target: "/?n=3&every=10m"})
		want := workertest.Response{
			Status:  200,
			Headers: []string{"content-type: text/event-stream"},
			Body:    []byte("data: 00:10:00\n\ndata: 00:20:00\n\ndata: 00:30:00\n\n"),
			Frames:  []string{"RESP", "DATA", "DATA", "DATA+END"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if took := time.Since(begin); took != 30*time.Minute {
			t.Errorf("it took %v", took)
		}
	})
}

func TestStopsWhenTheClientGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := workertest.Start(t, tick)
		stream := h.Request(workertest.Request{Target: "/?n=1000000"})
		h.NextOn(stream)
		h.Send(protocol.AppendCancel(nil, stream, protocol.CancelClientGone))
		if got := h.Response(stream); got.Code != protocol.CodeCancelled {
			t.Errorf("got %+v", got)
		}
	})
}

func TestRefusesWhatItDoesNotUnderstand(t *testing.T) {
	for _, query := range []string{"n=many", "every=often", "every=-1s"} {
		got := workertest.Call(t, tick, workertest.Request{Target: "/?" + query})
		if got.Status != 400 || !strings.HasPrefix(string(got.Body), "n is a number") {
			t.Errorf("%s: got %d %q", query, got.Status, got.Body)
		}
	}
}
